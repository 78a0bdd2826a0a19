"""The page's files: no foreign host, no inline script or style, nothing that makes markup of data."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from coalmine_aggregator.web.page import read_files
from tests.aggregator.web.conftest import Site
from tests.aggregator.web.fake_view import make_alert

FILES = {name: file.body.decode() for name, file in read_files().items()}
SCRIPTS = [name for name in FILES if name.endswith(".js")]
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
async def test_pages_hold_nothing_inline_and_everything_they_name_is_served(
    site: Site, name: str
) -> None:
    markup = Markup(FILES[name])
    assert markup.inline == []
    assert len(set(markup.ids)) == len(markup.ids)
    for address in markup.addresses:
        if address.startswith("#"):
            assert address[1:] in markup.ids
        elif not address.startswith("/login"):
            async with site.client.get(address) as response:
                assert response.status == 200, address


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_never_make_markup_of_data(name: str) -> None:
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\b|new Function"
        r"|createContextualFragment|setHTML",
        FILES[name],
    )


@pytest.mark.parametrize("name", SCRIPTS)
async def test_imports_are_served_and_elements_exist(site: Site, name: str) -> None:
    for imported in re.findall(r'from "\./([a-z]+\.js)"', FILES[name]):
        async with site.client.get(f"/static/js/{imported}") as response:
            assert response.status == 200
            assert response.content_type == "text/javascript"
    ids = Markup(FILES["index.html"]).ids
    for wanted in re.findall(r'element\("([a-z-]+)"\)', FILES[name]):
        assert wanted in ids


async def test_files_are_asked_for_again_only_when_they_change(site: Site) -> None:
    async with site.client.get("/static/page.css") as response:
        etag = response.headers["ETag"]
        assert response.headers["Cache-Control"] == "no-cache"
    async with site.client.get("/static/page.css", headers={"If-None-Match": etag}) as response:
        assert response.status == 304
        assert await response.read() == b""


async def test_the_page_comes_with_the_newest_snapshot(site: Site) -> None:
    site.view.alerts = [make_alert(1, owner="</script><script>alert(1)</script>")]
    async with site.client.get("/") as response:
        assert response.headers["Cache-Control"] == "no-store"
        page = await response.text()
    data = page.partition('<script type="application/json" id="snapshot">')[2].partition("</script>")[0]
    snapshot = json.loads(data)
    assert snapshot["open"][0]["owner"] == "</script><script>alert(1)</script>"
    assert "<" not in data


def test_the_page_is_light() -> None:
    assert sum(len(text.encode()) for text in FILES.values()) < 100_000


def test_both_colour_schemes_have_every_colour() -> None:
    light, dark = re.findall(r":root \{(.*?)\}", FILES["page.css"], re.DOTALL)
    names = [set(re.findall(r"(--[a-z0-9-]+):", scheme)) for scheme in (light, dark)]
    assert names[0] == names[1]
    used = set(re.findall(r"var\((--[a-z0-9-]+)\)", FILES["page.css"])) - {"--colour"}
    assert used <= names[0]
