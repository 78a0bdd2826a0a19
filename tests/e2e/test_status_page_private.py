"""Nothing that is ours gets out: every public document, header and error is read after a real outage.

Hosts, nodes, zones, regions, agents, services, people, texts and addresses carry marks that stand in no
other word. The invariant: none of the marks is in anything that a reader can get."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.conftest import Authority, Certificate
from tests.e2e.api import Api, Json
from tests.e2e.fleet import SERVICE, Aggregator, Fleet, Place
from tests.e2e.site import RELAYED, Site
from tests.e2e.status_page import Seen, StatusPage
from tests.servers.waiting import within

PLACES = (
    Place("q9zhost-a", "external", "q9zregion-eu", "q9zzone-a"),
    Place("q9zhost-b", "external", "q9zregion-us", "q9zzone-b"),
    Place("q9zhost-c", "internal", "q9zregion-dc", "q9zzone-c"),
    Place("q9znode-d", "on-machine", "q9zregion-dc", "q9zzone-c"),
)
MARK = "q9z"
"""What all of these, and all that is written for colleagues, begin with; no public id has a 9 in it."""

NEVER = (MARK, SERVICE, "127.0.0.1", "sqlite", "history.db", "Traceback", "aiohttp", "python")
"""None of these, in any case."""

MARKUP = """<script>alert(1)</script><img src=x onerror=alert(2)>"'&amp;"""
TOKEN = "q9z" + "t" * 40
CAUSE = "Found by people."
COMPONENTS: list[Json] = [
    {"id": "lines", "name": f"Lines {MARKUP}", "service": SERVICE, "protocols": list(RELAYED)},
    {"id": "rest", "name": "Rest", "description": MARKUP, "group": MARKUP, "service": SERVICE},
]

pytestmark = pytest.mark.timeout(240)


async def test_no_reader_gets_anything_of_ours(
    tmp_path: Path, authority: Authority, loopback: Certificate
) -> None:
    folder = tmp_path / "q9zfolder"
    site = Site(folder, authority, loopback)
    rules = site.aggregator.settings["services"][SERVICE]
    rules.update({"owner": "q9zowner", "playbook": "https://q9zwiki.example/ingest"})
    site.aggregator.settings["incidents"] = {"resolve_after": "5s"}
    let_in(site.aggregator)
    async with site:
        await site.api.until_ready()
        fleet = Fleet(tmp_path / "agents", broker=site.broker, endpoints=site.endpoints, places=PLACES)
        store = site.aggregator.settings["store"]
        try:
            await fleet.start()
            await site.api.until_whole(fleet.expected)
            named = {"page": {"name": "Example", "url": "https://known.example"}}
            async with StatusPage(tmp_path / "page", store, COMPONENTS, named) as page:
                await page.until_statuses(30)
                by_hand = await break_and_tell(site)
                await page.until(lambda: told(page, 2), 30, "what happened is shown")
                await read_all(page)
                await site.relay.start()
                await site.api.until_whole(fleet.expected)
                await act(site, f"{by_hand}/update", {"state": "resolved", "text": "q9zdone"})
                await page.until(lambda: told(page, 0), 60, "both are over")
                await write_up(site)
                await page.until(lambda: history(page, CAUSE), 20, "it is written up")
                await read_all(page)
        finally:
            await fleet.kill()


def let_in(aggregator: Aggregator) -> None:
    """Nobody but an operator, whose name is no business of customers."""
    operator = {"name": "q9zanna", "token": TOKEN, "role": "operator"}
    aggregator.settings["web"]["access"] = {"tokens": [operator]}
    aggregator.write()
    aggregator.api = Api(aggregator.web_port, aggregator.metrics_port, TOKEN)
    aggregator.api.explain = aggregator.tail


async def break_and_tell(site: Site) -> int:
    """An outage with its incident, and one that is opened by hand, about machines, whose number this
    is; people write to colleagues and to customers."""
    await site.relay.kill()

    async def opened() -> list[Json]:
        found: list[Json] = (await site.api.get("/api/v1/incidents"))["incidents"]
        return found

    (incident,) = await site.api.until(opened, 30, "an incident is open")
    number = incident["number"]
    await act(site, f"{number}/update", {"text": "q9ztext", "public": f"We look into it. {MARKUP}"})
    await act(site, f"{number}/note", {"text": "q9znote of q9zhost-a"})
    await act(site, f"{number}/title", {"title": "q9ztitle"})
    made = await act(
        site,
        "",
        {
            "service": SERVICE,
            "title": "q9ztitle too",
            "scopes": [{"host": "q9zhost-a"}, {"zone": "q9zzone-b", "region": "q9zregion-us"}],
            "text": "q9ztext too",
            "public": f"Some of it is slow. {MARKUP}",
        },
    )
    await act(site, f"{made['number']}/publish", {})
    await act(site, f"{made['number']}/update", {"state": "resolved", "text": "q9zdone"})
    await act(site, f"{made['number']}/reopen", {"text": "q9znot done"})
    return int(made["number"])


async def write_up(site: Site) -> None:
    """What was learned, for colleagues and for customers."""
    for incident in (await site.api.get("/api/v1/incidents"))["incidents"]:
        body = {
            "people": [{"name": "q9zanna", "role": "q9zlead"}],
            "summary": "q9zsummary",
            "factors": ["q9zfactor"],
            "actions": [{"what": "q9zaction", "owner": "q9zbert"}],
            "cause": f"{CAUSE} {MARKUP}",
            "affected": "Who sends lines.",
            "resolution": "It was repaired.",
        }
        await act(site, f"{incident['number']}/postmortem", body)


async def act(site: Site, path: str, body: Json) -> Json:
    """Something that people do with an incident."""
    status, answer = await site.api.post(f"/api/v1/incidents/{path}".rstrip("/"), body)
    assert status in (200, 201), f"{path}: {status} {answer}"

    found: Json = json.loads(answer)["incident"]
    return found


async def told(page: StatusPage, number: int) -> bool:
    """Whether so many incidents are open on the page."""
    return len((await page.json("incidents/unresolved"))["incidents"]) == number


async def history(page: StatusPage, words: str) -> bool:
    return words in (await page.get("/history/")).body.decode()


async def read_all(page: StatusPage) -> None:
    """Every document that there is and every refusal, in each form."""
    documents = await page.crawl()
    assert len(documents) > 15
    assert any(path.startswith("/incidents/") for path in documents)
    assert {"/history.atom", "/history.rss"} < documents.keys()
    for path, seen in documents.items():
        check(path, seen)
        assert seen.body
        if seen.headers["content-type"].startswith("text/html"):
            text = seen.body.decode()
            assert "<script>alert" not in text, path
            assert "<img" not in text, path
        for method, headers in (
            ("HEAD", {}),
            ("GET", {"If-None-Match": seen.headers["etag"]}),
            ("POST", {}),
            ("OPTIONS", {"Origin": "https://other.example", "Access-Control-Request-Method": "GET"}),
            ("GET", {"Host": "other.example"}),
        ):
            check(f"{method} {path}", await page.ask(method, path, headers))
    for path in (
        "/none",
        "/api/v2/none.json",
        "/incidents/qaaaaaaaaaaa/",
        "/history",
        "/healthz",
        "/%ff",
    ):
        check(path, await page.get(path))
    check("a body", await page.ask("GET", "/", body=b"x" * 100))
    for sent in (b"\x16\x03\x01 hello\r\n\r\n", b"GET / HTTP/9\r\n\r\n", b"GET /" + b"x" * 20_000):
        check(repr(sent[:20]), await raw(page, sent))


def check(what: str, seen: Seen) -> None:
    text = seen.everything.lower()
    for never in NEVER:
        assert never.lower() not in text, f"{never} in {what}: {seen.everything[:2_000]}"
    assert not {"set-cookie", "server", "via", "x-powered-by"} & seen.headers.keys(), what


async def raw(page: StatusPage, sent: bytes) -> Seen:
    """What is answered to bytes that are no request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", page.port)
    writer.write(sent)
    answer = await within(reader.read(), 20)
    writer.transport.abort()
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    named = (line.partition(": ") for line in lines)
    return Seen(int(first.split()[1]), {name.lower(): value for name, _, value in named}, body)
