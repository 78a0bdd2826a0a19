"""The page's files: no foreign host, no inline script or style, nothing that makes markup of data."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import aiohttp
import pytest

from coalmine_aggregator.web.static_files import StaticFiles, read_files
from tests.aggregator.web.conftest import Site
from tests.aggregator.web.fake_remediation import FakeRemediation
from tests.aggregator.web.fake_view import make_alert

ALL = read_files()
VENDORED = sorted(name for name in ALL if name.startswith("vendor/"))
FILES = {name: body.decode() for name, body in ALL.items() if name not in VENDORED}
SCRIPTS = [name for name in FILES if name.endswith(".js")]
STYLES = [name for name in FILES if name.endswith(".css")]
PAGES = [name for name in FILES if name.endswith(".html")]

# Names of vocabularies, never fetched.
NAMESPACES = ("http://www.w3.org/2000/svg",)


class Markup(HTMLParser):
    """Collects what a strict policy forbids, ids and addresses."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.inline: list[str] = []
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self._in_script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_script = tag in ("script", "style")
        for name, value in attrs:
            if name.startswith("on") or name == "style":
                self.inline.append(f"{tag} {name}")
            if name in ("src", "href", "action"):
                self.addresses.append(value or "")
            if name == "id":
                self.ids.append(value or "")

    def handle_data(self, data: str) -> None:
        if self._in_script and data.strip():
            self.inline.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False


@pytest.mark.parametrize("name", sorted(FILES))
def test_no_foreign_address(name: str) -> None:
    text = FILES[name]
    for namespace in NAMESPACES:
        text = text.replace(namespace, "")
    assert re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}|@import|url\(", text) == []


@pytest.mark.parametrize("name", PAGES)
def test_pages_hold_nothing_inline(name: str) -> None:
    markup = Markup(FILES[name])
    assert markup.inline == []
    assert len(set(markup.ids)) == len(markup.ids)


@pytest.mark.parametrize("name", PAGES)
async def test_everything_that_a_page_names_is_served(site: Site, name: str) -> None:
    site.view.remediation = FakeRemediation(site.view.now)
    markup = Markup(StaticFiles().body(name).decode())
    assert any(address.startswith("/static/") for address in markup.addresses)
    for address in markup.addresses:
        if address.startswith("#"):
            assert address[1:] in markup.ids
        elif address.startswith("/static/"):
            async with site.client.get(address) as response:
                assert response.status == 200, address
                assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
                part = address.partition("#")[2]
                assert not part or part in Markup(await response.text()).ids
        elif not address.startswith("/login"):
            async with site.client.get(address, allow_redirects=False) as response:
                assert response.status < 400, address


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_never_make_markup_of_data(name: str) -> None:
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\b|new Function"
        r"|createContextualFragment|setHTML",
        FILES[name],
    )


@pytest.mark.parametrize("page", PAGES)
def test_elements_that_a_page_s_scripts_ask_for_are_in_it(page: str) -> None:
    ids = Markup(FILES[page]).ids
    served = StaticFiles()
    for script in re.findall(r'<script type="module" src="/static/([^"]+)"', FILES[page]):
        wanted = set(re.findall(r'\belement\("([a-z-]+)"\)', served.body(script).decode()))
        assert wanted
        assert wanted <= set(ids)


def test_icons_that_scripts_name_are_drawn() -> None:
    scripts = "".join(FILES[name] for name in SCRIPTS)
    named = set(re.findall(r'\bicon\("([a-z]+)"\)', scripts))
    statuses = set(re.findall(r'^td\[data-status="([a-z]+)"\], ', FILES["css/grid.css"], re.MULTILINE))
    assert len(statuses) == 4
    assert named | statuses | {"away"} == set(Markup(FILES["icons.svg"]).ids)


def test_no_script_or_style_is_left_over() -> None:
    files = StaticFiles()
    scripts = b"".join(files.body(name) for name in files.names() if name.endswith(".js"))
    for name in SCRIPTS:
        assert ALL[name] in scripts or f"// {name}\n".encode() in scripts, name
    named = {each for page in PAGES for each in re.findall(r'"/static/([^"]+)"', FILES[page])}
    assert set(STYLES) <= named


async def test_files_are_kept_for_good_under_their_build_alone(site: Site) -> None:
    build = StaticFiles().build
    async with site.client.get(f"/static/{build}/index.css") as response:
        etag = response.headers["ETag"]
        assert "immutable" in response.headers["Cache-Control"]
    async with site.client.get("/static/other/index.css") as response:
        assert response.headers["Cache-Control"] == "no-cache"
    async with site.client.get("/static/other/index.css", headers={"If-None-Match": etag}) as response:
        assert response.status == 304
        assert await response.read() == b""
    for wrong in ("css/none.css", "index.html", "../page.py", "vendor/.lock"):
        async with site.client.get(f"/static/{build}/{wrong}") as response:
            assert response.status == 404, wrong


def test_any_change_of_any_file_is_another_build() -> None:
    build = StaticFiles(ALL).build
    assert StaticFiles(ALL).build == build
    assert StaticFiles({**ALL, "js/dom.js": ALL["js/dom.js"] + b"\n"}).build != build
    moved = {("other.svg" if name == "favicon.svg" else name): body for name, body in ALL.items()}
    assert StaticFiles(moved).build != build


async def test_files_are_sent_compressed_to_who_takes_that(site: Site) -> None:
    files = StaticFiles()
    address = f"/static/{files.build}/js/page.js"
    bodies = []
    for takes in ("gzip, br", "br, gzip;q=0", "identity"):
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            async with session.get(
                site.server.make_url(address), headers={"Accept-Encoding": takes}
            ) as response:
                assert response.headers["Vary"] == "Accept-Encoding"
                bodies.append((response.headers.get("Content-Encoding"), await response.read()))
    assert [coding for coding, _ in bodies] == ["gzip", None, None]
    assert gzip.decompress(bodies[0][1]) == bodies[1][1] == bodies[2][1] == files.body("js/page.js")


async def test_a_first_visit_is_light(site: Site) -> None:
    async with aiohttp.ClientSession(
        auto_decompress=False, headers={"Accept-Encoding": "gzip"}
    ) as session:
        page = StaticFiles().body("index.html").decode()
        addresses = {"/", *re.findall(r'"(/static/[^"]+)"', page)}
        sizes = {}
        for address in addresses:
            async with session.get(site.server.make_url(address)) as response:
                sizes[address] = len(await response.read()) + len(str(response.headers))
    assert len(sizes) <= 8, "nothing is asked for one by one"
    assert sum(sizes.values()) <= 300 * 1024


async def test_the_page_comes_with_the_newest_snapshot(site: Site) -> None:
    site.view.alerts = [make_alert(1, owner="</script><script>alert(1)</script>")]
    async with site.client.get("/") as response:
        assert response.headers["Cache-Control"] == "no-store"
        page = await response.text()
    data = page.partition('<script type="application/json" id="snapshot">')[2].partition("</script>")[0]
    snapshot = json.loads(data)
    assert snapshot["open"][0]["owner"] == "</script><script>alert(1)</script>"
    assert "<" not in data


@pytest.mark.parametrize("path", ["/", "/wall", "/incidents", "/incidents/7"])
async def test_a_page_that_is_open_can_ask_for_the_build(site: Site, path: str) -> None:
    async with site.client.head(path) as response:
        assert response.headers["Coalmine-Build"] == StaticFiles().build
    async with site.client.get(path) as response:
        assert f'data-build="{StaticFiles().build}"' in await response.text()


async def test_pages_of_incidents_name_the_fleet_as_text(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    health = site.view.health()
    monkeypatch.setattr(site.view, "health", lambda: replace(health, fleet="</h1><script>a"))
    for path in ("/incidents", "/incidents/7"):
        async with site.client.get(path) as response:
            assert '<span id="fleet">&lt;/h1&gt;&lt;script&gt;a</span>' in await response.text()
    for path in ("/incidents/", "/incidents/x", "/incidents/1/2", f"/incidents/{10**9}"):
        async with site.client.get(path) as response:
            assert response.status == 404, path


def test_every_colour_is_said_for_light_and_dark() -> None:
    theme = FILES["css/theme.css"]
    said = dict(re.findall(r"^  (--[a-z0-9-]+): (.*);$", theme, re.MULTILINE))
    assert all(re.fullmatch(r"light-dark\(.+, .+\)", value) for value in said.values())
    styles = "".join(FILES[name] for name in STYLES)
    used = set(re.findall(r"var\((--[a-z0-9-]+)\)", styles)) - {"--colour"}
    used -= {"--columns", *re.findall(r"(--[a-z-]+): \d+px", styles)}
    assert used <= set(said)
    # What canvases ask for by name.
    scripts = "".join(FILES[name] for name in SCRIPTS)
    for name in re.findall(r'\bcolour\("([a-z0-9-]+)"\)', scripts):
        assert f"--{name}" in said


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "ground"),
    [
        ("ink", "ground"),
        ("ink", "surface"),
        ("muted", "ground"),
        ("muted", "surface"),
        ("ok-ink", "ok-ground"),
        ("partial-ink", "partial-ground"),
        ("partial-ink", "surface"),
        ("down-ink", "down-ground"),
        ("unknown-ink", "unknown-ground"),
        ("unknown-ink", "unknown-hatch"),
        ("past-ink", "past-ground"),
    ],
)
def test_texts_stand_out_from_what_is_behind_them(scheme: int, ink: str, ground: str) -> None:
    said = dict(
        re.findall(
            r"--([a-z0-9-]+): light-dark\((#[0-9a-f]{6}, #[0-9a-f]{6})\)", FILES["css/theme.css"]
        )
    )
    shades = sorted(luminance(said[name].split(", ")[scheme]) for name in (ink, ground))
    assert (shades[1] + 0.05) / (shades[0] + 0.05) >= 4.5
