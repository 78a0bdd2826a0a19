"""Incidents over HTTP: what is told of them, who may do what, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from coalmine_aggregator.access.roles import Role
from coalmine_aggregator.access.settings import AccessSettings, TokenSettings
from coalmine_aggregator.incidents.policy import IncidentPolicy
from coalmine_aggregator.model.alerts import Alert, Change, Transition
from coalmine_aggregator.model.incident import CellImpact, Impact, IncidentState
from coalmine_aggregator.model.incident_snapshot import Snapshot, SnapshotName
from coalmine_aggregator.status.site import ComponentImpact, Grade, PublicIncident, PublicUpdate
from coalmine_aggregator.web.entrance import CSRF_HEADER
from coalmine_runtime.secret import Secret
from tests.aggregator.web.conftest import OpenSite, Site
from tests.aggregator.web.fake_incidents import FakeIncidents
from tests.aggregator.web.fake_view import FakeView, make_alert
from tests.aggregator.web.kept_site import kept_site
from tests.aggregator.web.test_openapi import DOCUMENT, matches

ACCESS = AccessSettings(
    tokens=[
        TokenSettings(name=name, token=Secret(f"{name}-correct-horse"), role=role)
        for name, role in (
            ("wall", Role.VIEWER),
            ("anna", Role.RESPONDER),
            ("ben", Role.RESPONDER),
            ("olga", Role.OPERATOR),
        )
    ]
)
ONE = "/api/v1/incidents/{number}"
ACTS = {
    "update": {"text": "looking"},
    "note": {"text": "see the graph"},
    "title": {"title": "UDP is down"},
    "publish": {},
    "withhold": {},
    "reopen": {},
    "merge": {"into": 1},
    "postmortem": {"summary": "A release."},
}
OPERATORS = ("publish", "withhold")


@pytest.fixture
async def desk_site(open_site: OpenSite, view: FakeView) -> Site:
    """Alert 1 opened incident 1 a while ago; people come by token."""
    happens(view, Change.OPENED, make_alert(1))
    return await open_site(access=ACCESS)


def happens(view: FakeView, change: Change, alert: Alert) -> None:
    """The alert changes now; open ones are listed."""
    at = view.now if change is not Change.OPENED else alert.opened_at
    view.alerts = [each for each in view.alerts if each.number != alert.number]
    if change is not Change.CLOSED:
        view.alerts.append(alert)
    view.incidents.changed(Transition(change, at, alert), now=at)


async def get(site: Site, path: str, described: str, *, who: str = "wall", status: int = 200) -> Any:
    """What is answered; that it is as described is held here."""
    headers = {"Authorization": f"Bearer {who}-correct-horse"}
    async with site.client.get(path, headers=headers) as response:
        answer = await response.json(content_type=None)
        assert response.status == status, answer
    hold(answer, described, "get", status)
    return answer


async def post(
    site: Site, path: str, body: Any = None, *, who: str = "anna", status: int = 200
) -> dict[str, Any]:
    """What is answered; that it is as described is held here."""
    headers = {"Authorization": f"Bearer {who}-correct-horse"}
    address = f"/api/v1/incidents{path}"
    async with site.client.post(
        address, json={} if body is None else body, headers=headers
    ) as response:
        answer: dict[str, Any] = await response.json(content_type=None)
        assert response.status == status, answer
    parts = path.split("/")
    described = f"{ONE}/{parts[-1]}" if len(parts) == 3 else address
    hold(answer, described, "post", status)
    return answer


def hold(answer: Any, described: str, method: str, status: int) -> None:
    responses = DOCUMENT["paths"][described][method]["responses"]
    content = responses.get(str(status), responses["default"])["content"].values()
    assert matches(answer, next(iter(content))["schema"]) == []


async def one(site: Site, number: int = 1) -> Any:
    return await get(site, f"/api/v1/incidents/{number}", ONE)


async def test_an_incident_of_an_alert_is_told(desk_site: Site) -> None:
    listed = await get(desk_site, "/api/v1/incidents", "/api/v1/incidents")
    (incident,) = listed["incidents"]
    assert listed["next"] is None
    alert = desk_site.view.alerts[0]
    assert incident["number"] == 1
    assert (incident["state"], incident["is_open"], incident["severity"]) == (
        "investigating",
        True,
        "page",
    )
    assert incident["since"] == alert.since
    assert incident["detected_in_s"] == pytest.approx(4.2)
    assert incident["opened_by"] == ""
    assert incident["acknowledged_in_s"] is None
    assert incident["recovered_in_s"] is None
    assert incident["due_at"] == alert.opened_at + 1_800
    assert incident["impact"] is None
    assert incident["merged_into"] is None
    assert incident["awaiting_approval"] is None
    assert incident["affected"] == [
        {
            "alert": 1,
            "class": "loss",
            "scope": {"protocol": "udp", "region": "eu-west-1"},
            "scope_text": "protocol=udp region=eu-west-1",
            "first": alert.since,
            "last": None,
        }
    ]
    detail = await one(desk_site)
    assert detail["incident"] == incident
    opened = detail["entries"][0]
    assert (opened["sequence"], opened["kind"], opened["who"]) == (1, "opened", "")
    assert detail["snapshots"] == []
    assert detail["public"] is None
    assert detail["postmortem"]["summary"] == ""


async def test_its_course_until_it_is_written_up(desk_site: Site) -> None:
    view = desk_site.view
    alert = make_alert(1, acknowledged_at=view.now, acknowledged_by="anna")
    happens(view, Change.ACKNOWLEDGED, alert)
    said = await post(
        desk_site, "/1/update", {"state": "identified", "text": "decoder", "public": "We know."}
    )
    assert said["incident"]["state"] == "identified"
    assert said["incident"]["acknowledged_by"] == "anna"
    view.now += 60
    happens(view, Change.CLOSED, alert._replace(closed_at=view.now))
    assert (await one(desk_site))["incident"]["state"] == "monitoring"
    view.now += 601
    view.incidents.passed(view.now)
    resolved = (await one(desk_site))["incident"]
    assert (resolved["state"], resolved["is_open"]) == ("resolved", False)
    assert resolved["due_at"] is None
    assert resolved["recovered_in_s"] == resolved["ended_at"] - alert.since
    written = await post(desk_site, "/1/postmortem", {"summary": "A release.", "cause": "A bug."})
    assert written["incident"]["state"] == "postmortem"
    detail = await one(desk_site)
    kinds = [each["kind"] for each in detail["entries"]]
    seen = ["opened", "acknowledged", "state", "alert_closed", "state", "state", "postmortem"]
    assert kinds == seen
    update = detail["entries"][2]
    assert (update["who"], update["text"], update["public"]) == ("anna", "decoder", "We know.")
    assert (detail["postmortem"]["summary"], detail["postmortem"]["cause"]) == ("A release.", "A bug.")
    again = await post(desk_site, "/1/reopen", {"text": "it came back"})
    assert again["incident"]["state"] == "investigating"


async def test_opening_one_by_hand(desk_site: Site) -> None:
    body = {
        "service": "ingest",
        "title": "Customers see errors",
        "scopes": [{"region": "eu-west-1", "protocol": "https"}],
        "severity": "ticket",
        "since": int(desk_site.view.now) - 600,
        "text": "three tickets so far",
        "public": "We are looking at errors.",
    }
    opened = (await post(desk_site, "", body, status=201))["incident"]
    assert opened["number"] == 2
    assert (opened["opened_by"], opened["severity"], opened["since"]) == (
        "anna",
        "ticket",
        body["since"],
    )
    assert opened["affected"][0]["alert"] is None
    assert opened["affected"][0]["scope"] == {"protocol": "https", "region": "eu-west-1"}
    least = (await post(desk_site, "", {"service": "web", "title": "Down"}, status=201))["incident"]
    assert least["affected"][0]["scope"] == {}
    entry = (await one(desk_site, 2))["entries"][0]
    assert (entry["who"], entry["text"], entry["public"]) == ("anna", body["text"], body["public"])


@pytest.mark.parametrize(
    ("path", "body", "member"),
    [
        ("", {"service": "ingest"}, ""),
        ("", {"service": "ingest", "title": " "}, "title"),
        ("", {"service": "in gest", "title": "x"}, "service"),
        ("", {"service": "ingest", "title": "x" * 201}, "title"),
        ("", {"service": "ingest", "title": "x", "scopes": [{"colour": "red"}]}, "scopes"),
        ("", {"service": "ingest", "title": "x", "scopes": [{"service": "ingest"}]}, "scopes"),
        ("", {"service": "ingest", "title": "x", "since": 1}, "since"),
        ("", {"service": "ingest", "title": "x", "severity": "disaster"}, "severity"),
        ("/1/update", {}, "text"),
        ("/1/update", {"state": "fixed"}, "state"),
        ("/1/update", {"state": "postmortem"}, "state"),
        ("/1/update", {"text": "x" * 10_001}, "text"),
        ("/1/update", {"public": "x" * 10_001}, "public"),
        ("/1/update", {"text": "\x1b[2J"}, "text"),
        ("/1/note", {"text": ""}, "text"),
        ("/1/title", {}, ""),
        ("/1/title", {"title": ""}, "title"),
        ("/1/merge", {"into": 1}, "into"),
        ("/1/postmortem", {"factors": ["x"] * 51}, "factors"),
        ("/1/postmortem", {"actions": [{"what": "x", "owner": "a", "due": "soon"}]}, "actions[0].due"),
        ("/1/postmortem", {"markdown": "# x", "summary": "y"}, "markdown"),
    ],
)
async def test_what_cannot_be_names_the_member(
    desk_site: Site, path: str, body: dict[str, Any], member: str
) -> None:
    before = dict(desk_site.view.incidents.every)
    problem = await post(desk_site, path, body, status=400)
    assert problem["type"] == "urn:coalmine:problem:bad-body"
    assert problem.get("parameter", "") == member
    assert desk_site.view.incidents.every == before
    assert desk_site.view.audited == []


async def test_long_texts_are_taken_in_any_writing(desk_site: Site) -> None:
    text = "\N{PILE OF POO}" * 10_000
    said = await post(desk_site, "/1/update", {"text": text, "public": text})
    assert said["incident"]["entry_count"] == 2
    written = {"people": [{"name": "a" * 1_000, "role": "b" * 1_000}] * 50, "summary": text}
    await post(desk_site, "/1/postmortem", written)
    assert (await one(desk_site))["postmortem"]["summary"] == text
    too_long = await post(desk_site, "/1/note", {"text": "x" * 300_000}, status=413)
    assert too_long["type"] == "urn:coalmine:problem:request-entity-too-large"


async def test_what_is_not_so_now_is_a_conflict(desk_site: Site) -> None:
    problem = await post(desk_site, "/1/reopen", status=409)
    assert problem["type"] == "urn:coalmine:problem:incident-conflict"
    assert "is open" in problem["detail"]
    second = {"service": "ingest", "title": "The same"}
    await post(desk_site, "", second, status=201)
    merged = await post(desk_site, "/2/merge", {"into": 1}, who="ben")
    assert merged["incident"]["number"] == 1
    assert (await one(desk_site, 2))["incident"]["merged_into"] == 1
    assert (
        "part of incident 1" in (await post(desk_site, "/2/note", {"text": "x"}, status=409))["detail"]
    )
    audited = desk_site.view.audited[-1]
    assert (audited.action, audited.object_) == ("incident.merge", "2")
    assert json.loads(audited.detail) == {"into": 1}


@pytest.mark.parametrize("number", ["7", "0", "-1", "x", "1.0", "9" * 30, "\N{ARABIC-INDIC DIGIT ONE}"])
async def test_an_incident_that_there_is_not(desk_site: Site, number: str) -> None:
    path = f"/api/v1/incidents/{number}"
    for more in ("", "/postmortem.md", "/snapshots/opened.svg"):
        described = {"/snapshots/opened.svg": f"{ONE}/snapshots/{{name}}.svg"}.get(more, ONE + more)
        problem = await get(desk_site, path + more, described, status=404)
        assert problem["type"] == "urn:coalmine:problem:no-such-incident"
    for act, body in ACTS.items():
        problem = await post(desk_site, f"/{number}/{act}", body, who="olga", status=404)
        assert problem["type"] == "urn:coalmine:problem:no-such-incident"
    into = await post(desk_site, "/1/merge", {"into": 7}, status=404)
    assert into["detail"] == "There is no incident 7."


@pytest.mark.parametrize(("act", "body"), ACTS.items())
async def test_who_may_do_what_and_that_it_is_written_down(
    desk_site: Site, act: str, body: dict[str, Any]
) -> None:
    view = desk_site.view
    await post(desk_site, "", {"service": "ingest", "title": "By hand"}, status=201)
    number = 2
    if act == "reopen":
        await post(desk_site, "/2/update", {"state": "resolved"})
    view.audited.clear()
    await post(desk_site, f"/{number}/{act}", body, who="wall", status=403)
    if act in OPERATORS:
        refused = await post(desk_site, f"/{number}/{act}", body, who="anna", status=403)
        assert "needs the scope operate" in refused["detail"]
    assert view.audited == []
    who = "olga" if act in OPERATORS else "anna"
    view.now += 30
    await post(desk_site, f"/{number}/{act}", body, who=who)
    (audited,) = view.audited
    assert (audited.actor, audited.action, audited.object_) == (who, f"incident.{act}", str(number))
    newest = view.incidents.timelines[number][-1]
    assert (newest.who, newest.at) == (who, view.now)


async def test_nobody_opens_one_who_may_only_look(desk_site: Site) -> None:
    body = {"service": "ingest", "title": "x"}
    await post(desk_site, "", body, who="wall", status=403)
    async with desk_site.client.post("/api/v1/incidents", json=body) as response:
        assert response.status == 401
    assert list(desk_site.view.incidents.every) == [1]


async def test_a_browser_must_have_been_meant_to(site: Site) -> None:
    body = {"service": "ingest", "title": "x"}
    async with site.client.post("/api/v1/incidents", json=body) as response:
        assert (await response.json(content_type=None))["type"] == "urn:coalmine:problem:csrf"
    async with site.client.get("/api/v1/me") as response:
        headers = {CSRF_HEADER: (await response.json())["csrf"]}
    async with site.client.post("/api/v1/incidents", json=body, headers=headers) as response:
        assert response.status == 201


@pytest.mark.parametrize("act", ["", *ACTS])
async def test_what_the_store_has_not_written_is_told_as_such(desk_site: Site, act: str) -> None:
    await post(desk_site, "", {"service": "ingest", "title": "By hand"}, status=201)
    if act == "reopen":
        await post(desk_site, "/2/update", {"state": "resolved"})
    desk_site.view.incidents.writes = False
    desk_site.view.audited.clear()
    body = ACTS[act] if act else {"service": "ingest", "title": "x"}
    path = f"/2/{act}" if act else ""
    problem = await post(desk_site, path, body, who="olga", status=503)
    assert problem["type"] == "urn:coalmine:problem:not-kept"
    # It stands, and will be written: so is who did it.
    (audited,) = desk_site.view.audited
    assert (audited.actor, audited.action) == ("olga", f"incident.{act or 'open'}")
    assert audited.object_ == ("2" if act else "")
    assert json.loads(audited.detail) == {"was_kept_late": True}


async def test_pages_and_filters(desk_site: Site) -> None:
    view = desk_site.view
    for number in range(2, 8):
        view.now += 60
        service = "web" if number % 2 else "ingest"
        await post(desk_site, "", {"service": service, "title": f"No. {number}"}, status=201)
    ended = view.now
    await post(desk_site, "/3/update", {"state": "resolved"})
    await post(desk_site, "/4/update", {"state": "identified"})

    async def numbers(query: str) -> list[int]:
        found = await get(desk_site, f"/api/v1/incidents?{query}", "/api/v1/incidents")
        return [each["number"] for each in found["incidents"]]

    assert await numbers("") == [7, 6, 5, 4, 3, 2, 1]
    assert await numbers("state=open") == [7, 6, 5, 4, 2, 1]
    assert await numbers("state=resolved") == [3]
    assert await numbers("state=identified&service=ingest") == [4]
    assert await numbers("service=web") == [7, 5, 3]
    assert await numbers(f"from={int(ended) + 1}") == [7, 6, 5, 4, 2, 1]
    assert await numbers(f"to={int(ended) - 290}") == [2, 1]
    first = await get(desk_site, "/api/v1/incidents?limit=4", "/api/v1/incidents")
    assert [each["number"] for each in first["incidents"]] == [7, 6, 5, 4]
    assert await numbers(f"limit=4&after={first['next']}") == [3, 2, 1]
    for wrong in (
        "state=no",
        f"service={'x' * 256}",
        "from=9&to=8",
        "limit=201",
        f"after={first['next']}x",
    ):
        await get(desk_site, f"/api/v1/incidents?{wrong}", "/api/v1/incidents", status=400)
    other = f"service=web&after={first['next']}"
    problem = await get(desk_site, f"/api/v1/incidents?{other}", "/api/v1/incidents", status=400)
    assert problem["type"] == "urn:coalmine:problem:bad-cursor"


async def test_a_long_timeline_comes_in_pages(desk_site: Site) -> None:
    for number in range(5):
        await post(desk_site, "/1/note", {"text": f"note {number}"})
    found, query = [], "limit=4"
    while query:
        page = await get(desk_site, f"/api/v1/incidents/1?{query}", ONE)
        found.append([each["sequence"] for each in page["entries"]])
        query = f"limit=4&after={page['next']}" if page["next"] else ""
    assert found == [[1, 2, 3, 4], [5, 6]]


async def test_the_impact_is_told_by_cell(desk_site: Site) -> None:
    view = desk_site.view
    cells = (CellImpact("udp", "eu-west-1", 160, 163, 326), CellImpact("tcp", "eu-west-1", 0, 100))
    impact = Impact(int(view.now) - 100, int(view.now), cells, view.now)
    view.incidents.every[1] = view.incidents.every[1]._replace(impact=impact)
    told = (await one(desk_site))["incident"]["impact"]
    assert (told["bad"], told["judged"], told["is_final"]) == (160, 263, False)
    assert told["cells"][0] == {
        "protocol": "udp",
        "region": "eu-west-1",
        "bad": 160,
        "judged": 163,
        "total": 326,
    }


async def test_what_customers_read_and_when(desk_site: Site) -> None:
    view = desk_site.view
    view.incidents.has_page = True
    update = PublicUpdate("u", view.now, IncidentState.INVESTIGATING, "UDP ingestion is down.")
    view.incidents.records[1] = PublicIncident(
        id="i",
        name="Trouble with UDP ingestion",
        state=IncidentState.INVESTIGATING,
        grade=Grade.MAJOR,
        started_at=view.now,
        created_at=view.now,
        updated_at=view.now,
        updates=(update,),
        components=("c",),
        impacts=(ComponentImpact("c", "UDP ingestion", 160, 163),),
    )
    detail = await one(desk_site)
    held = detail["incident"]
    assert (held["awaiting_approval"], held["is_public"]) == (True, False)
    assert (held["held_components"], held["public_components"]) == (["UDP ingestion"], [])
    assert held["public_name"] == "Trouble with UDP ingestion"
    assert detail["public"]["updates"] == [
        {"at": view.now, "state": "investigating", "body": "UDP ingestion is down."}
    ]
    assert detail["public"]["impacts"] == [{"component": "UDP ingestion", "bad": 160, "judged": 163}]
    published = (await post(desk_site, "/1/publish", who="olga"))["incident"]
    assert (published["awaiting_approval"], published["is_public"]) == (False, True)
    assert published["publication"] == "published"
    titled = await post(desk_site, "/1/title", {"public_title": "UDP is slow"})
    assert titled["incident"]["public_name"] == "UDP is slow"
    withheld = (await post(desk_site, "/1/withhold", who="olga"))["incident"]
    assert (withheld["awaiting_approval"], withheld["is_public"]) == (False, False)


async def test_graphs_can_do_nothing(desk_site: Site) -> None:
    body = b'<svg xmlns="http://www.w3.org/2000/svg"/>'
    graphs = desk_site.view.incidents.graphs
    graphs[1, SnapshotName.OPENED] = Snapshot(1, SnapshotName.OPENED, desk_site.view.now, body)
    assert (await one(desk_site))["snapshots"] == ["opened"]
    headers = {"Authorization": "Bearer wall-correct-horse"}
    path = "/api/v1/incidents/1/snapshots/opened.svg"
    async with desk_site.client.get(path, headers=headers) as response:
        assert await response.read() == body
        assert response.content_type == "image/svg+xml"
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert "sandbox" in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Cache-Control"] == "no-store"
    for name in ("resolved", "..", "x" * 100):
        await get(
            desk_site,
            f"/api/v1/incidents/1/snapshots/{name}.svg",
            f"{ONE}/snapshots/{{name}}.svg",
            status=404,
        )


async def test_a_post_mortem_goes_out_and_comes_back_as_markdown(desk_site: Site) -> None:
    written = {
        "people": [{"name": "anna", "role": "lead"}],
        "summary": "A release broke the decoder.",
        "factors": ["no canary of the release"],
        "actions": [{"what": "Fuzz it", "owner": "ben", "due": "2026-10-01", "is_done": False}],
        "cause": "Malformed packets.",
        "affected": "Senders of UDP.",
        "resolution": "We rolled back.",
    }
    await post(desk_site, "/1/postmortem", written)
    before = (await one(desk_site))["postmortem"]
    assert {name: before[name] for name in written} == written
    headers = {"Authorization": "Bearer wall-correct-horse"}
    async with desk_site.client.get("/api/v1/incidents/1/postmortem.md", headers=headers) as response:
        assert (response.status, response.content_type) == (200, "text/markdown")
        assert "incident-1.md" in response.headers["Content-Disposition"]
        text = await response.text()
    assert "A release broke the decoder." in text
    changed = text.replace("We rolled back.", "We rolled back, and fuzzed.")
    await post(desk_site, "/1/postmortem", {"markdown": changed, "replaces": before["version"]})
    after = (await one(desk_site))["postmortem"]
    assert after["resolution"] == "We rolled back, and fuzzed."
    assert {**after, "resolution": "", "version": ""} == {**before, "resolution": "", "version": ""}
    late = {"markdown": text, "replaces": before["version"]}
    problem = await post(desk_site, "/1/postmortem", late, who="ben", status=409)
    assert problem["type"] == "urn:coalmine:problem:postmortem-changed"
    assert (await one(desk_site))["postmortem"] == after
    await post(desk_site, "/1/postmortem", {"markdown": text})  # who does not say, does not ask


async def test_nobody_is_waited_for_where_nobody_is_reminded(
    open_site: OpenSite, view: FakeView
) -> None:
    view.incidents = FakeIncidents(policy=IncidentPolicy(remind_s=0.0))
    happens(view, Change.OPENED, make_alert(1))
    site = await open_site(access=ACCESS)
    assert (await one(site))["incident"]["due_at"] is None


async def test_numbers_need_history(desk_site: Site) -> None:
    path = "/api/v1/incidents/numbers"
    problem = await get(desk_site, path, path, status=404)
    assert problem["type"] == "urn:coalmine:problem:no-history"
    await get(desk_site, f"{path}?last=5000d", path, status=400)


async def test_the_numbers_of_a_while(database_url: str) -> None:
    async with kept_site(database_url) as site:
        desk, now = site.view.incidents, site.view.now
        opened = 0.0
        for number, (service, taken_s, over_s) in enumerate(
            [("ingest", 10, 100), ("ingest", 30, 300), ("web", None, 50)], start=1
        ):
            since = int(now) - 10_000 + 1_000 * number
            scope = {"region": f"region-{number}"}
            alert = make_alert(number, service=service, scope=scope, since=since)
            opened = alert.opened_at
            desk.changed(Transition(Change.OPENED, opened, alert), now=opened)
            if taken_s is not None:
                at = opened + taken_s
                alert = alert._replace(acknowledged_at=at, acknowledged_by="anna")
                desk.changed(Transition(Change.ACKNOWLEDGED, at, alert), now=at)
            alert = alert._replace(closed_at=since + over_s)
            desk.changed(Transition(Change.CLOSED, since + over_s, alert), now=since + over_s)
        await site.view.written()
        told = await site.get("/api/v1/incidents/numbers?last=1d")
        hold(told, "/api/v1/incidents/numbers", "get", 200)
        assert told["to"] - told["from"] == 86_400
        assert told["total"]["incidents"] == 3
        assert [each["service"] for each in told["services"]] == ["ingest", "web"]
        ingest, other = (each["numbers"] for each in told["services"])
        assert ingest["detect"] == {
            "times": 2,
            "mean_s": pytest.approx(4.2),
            "median_s": pytest.approx(4.2),
        }
        assert ingest["acknowledge"] == {
            "times": 2,
            "mean_s": pytest.approx(20.0),
            "median_s": pytest.approx(20.0),
        }
        assert ingest["recover"]["mean_s"] == pytest.approx(200.0)
        assert other["acknowledge"] == {"times": 0, "mean_s": None, "median_s": None}
        span = f"from={int(opened)}&to={int(opened) + 10}"
        last = await site.get(f"/api/v1/incidents/numbers?{span}")
        assert (last["total"]["incidents"], last["services"][0]["service"]) == (1, "web")
        none = await site.get("/api/v1/incidents/numbers?from=1&to=1000")
        assert (none["total"]["incidents"], none["services"]) == (0, [])
