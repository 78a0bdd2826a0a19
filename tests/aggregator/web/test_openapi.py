"""The API's description matches its routes, parameters and answers."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from coalmine_aggregator.incidents.opening import Opening
from coalmine_aggregator.model.incident import IncidentState
from coalmine_aggregator.model.incident_snapshot import Snapshot, SnapshotName
from coalmine_aggregator.notify.hooks import hooks_of
from coalmine_aggregator.notify.jira.alert import alias_of
from coalmine_aggregator.web.app import make_app
from coalmine_aggregator.web.entrance import CSRF_HEADER
from coalmine_aggregator.web.openapi import document
from coalmine_wire.series import LABELS
from tests.aggregator.notify.receivers import receivers
from tests.aggregator.web.conftest import OpenSite, Site
from tests.aggregator.web.fake_remediation import FakeRemediation
from tests.aggregator.web.fake_view import START, FakeView, make_alert, make_history
from tests.aggregator.web.kept_site import kept_site
from tests.aggregator.web.test_engine import FIRST
from tests.aggregator.web.test_hooks import ENTRIES, SECRET, event, signature

DOCUMENT = document("0")
IN_PATH = {"id": "2", "service": "ingest", "number": "1"}
READING = {path: each["get"] for path, each in DOCUMENT["paths"].items() if "get" in each}
CHANGING = {path: each["post"] for path, each in DOCUMENT["paths"].items() if "post" in each}


def matches(value: object, schema: dict[str, Any], at: str = "") -> list[str]:
    """Where `value` departs from `schema`: the few keywords that our types come out as."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/components/schemas/")
        return matches(value, DOCUMENT["components"]["schemas"][name], at)
    if "anyOf" in schema:
        tries = [matches(value, each, at) for each in schema["anyOf"]]
        return [] if [] in tries else tries[0]
    if "enum" in schema:
        return [] if value in schema["enum"] else [f"{at}: {value!r} not in {schema['enum']}"]
    types: dict[str, type | tuple[type, ...]] = {
        "object": dict,
        "array": list,
        "string": str,
        "integer": int,
        "number": (int, float),
        "boolean": bool,
        "null": type(None),
    }
    if not isinstance(value, types[schema["type"]]):
        return [f"{at}: {value!r} is no {schema['type']}"]
    wrong: list[str] = []
    if isinstance(value, list):
        for index, item in enumerate(value):
            wrong += matches(item, schema.get("items", {}), f"{at}[{index}]")
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        wrong += [f"{at}.{name} is missing" for name in schema.get("required", ()) if name not in value]
        for name, item in value.items():
            inner = properties.get(name, schema.get("additionalProperties"))
            if isinstance(inner, dict):
                wrong += matches(item, inner, f"{at}.{name}")
            else:
                wrong.append(f"{at}.{name} is not described")
    return wrong


def test_every_route_is_described_and_every_description_is_routed(view: FakeView) -> None:
    routes = {
        (route.method.lower(), route.resource.canonical)
        for route in make_app(view).router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    described = {
        (method, path) for path, operations in DOCUMENT["paths"].items() for method in operations
    }
    assert described == {(method, path) for method, path in routes if path.startswith("/api/")}


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/rates?by=protocol&last=3s",
        "/api/v1/fates?by=region",
        "/api/v1/agents",
        "/api/v1/alerts",
        "/api/v1/alerts/{id}/explain",
        "/api/v1/silences",
        "/api/v1/oncall",
        "/api/v1/incidents",
        "/api/v1/incidents/{number}",
        "/api/v1/slo",
        "/api/v1/slo/{service}/burn-down?points=3",
        "/api/v1/noise",
        "/api/v1/rates?by=nothing",
        "/api/v1/openapi.json",
    ],
)
async def test_answers_are_as_described(site: Site, path: str) -> None:
    site.view.alerts = [make_alert(1)]
    site.view.closed = [make_alert(2, closed_at=site.view.now, scope={})]
    site.view.history = make_history(site.view.closed[0])
    site.view.incidents.changed(*site.view.history[:1], now=site.view.now)
    responses = DOCUMENT["paths"][path.partition("?")[0]]["get"]["responses"]
    async with site.client.get(path.format(**IN_PATH)) as response:
        assert response.status == 200 or "nothing" in path
        described = responses.get(str(response.status), responses["default"])
        schema = described["content"][response.content_type]["schema"]
        body = await response.json(content_type=None)
        if schema != {"type": "object"}:
            assert matches(body, schema) == []
            assert matches({**body, "more": 1}, schema), "an undescribed member is noticed"


@pytest.mark.parametrize(("path", "more"), [("/api/v1/rates", {"step"}), ("/api/v1/fates", set())])
def test_every_parameter_of_a_question_is_described(path: str, more: set[str]) -> None:
    described = {item["name"] for item in DOCUMENT["paths"][path]["get"]["parameters"]}
    assert described == {"by", "last", "from", "to", *LABELS} | more


GIVEN = {
    "last": "5s",
    "from": str(FIRST),
    "step": "60",
    "at": str(FIRST + 10),
    "by": "protocol",
    "limit": "3",
    "status": "alive",
    "class": "loss",
    "only": "bad",
    "points": "3",
    "state": "open",
    "before": "3",
    "port": "9100",
    "service": "ingest",
}
"""What is given for a parameter; a label where nothing is said."""

NEEDED = {
    "/api/v1/strip": {"service": "ingest"},
    "/api/v1/moment": {"at": str(FIRST + 10)},
    "/api/v1/sd/{service}": {"port": "9100"},
}


async def test_the_described_parameters_are_understood_and_others_refused(sqlite_url: str) -> None:
    async with kept_site(sqlite_url) as site:
        site.view.run(20)
        site.view.run(10, lost="udp")
        desk = site.view.incidents
        for title in ("Slow", "Down"):
            await desk.open(Opening("ingest", title), "anna", site.view.now)
        await desk.note(1, "see the graph", "anna", site.view.now)
        name = SnapshotName.OPENED
        desk.graphs[1, name] = Snapshot(1, name, site.view.now, b"<svg/>")
        await site.view.written()
        for path, operation in READING.items():
            needed = NEEDED.get(path, {})
            address = path.format(id=1, service="ingest", number=1, name="opened")
            for item in operation.get("parameters", []):
                name = item["name"]
                if item["in"] == "path":
                    assert f"{{{name}}}" in path
                    continue
                given = {name: GIVEN.get(name, "udp")}
                if name == "to":
                    given["from"] = str(FIRST)
                    given["to"] = str(FIRST + 5)
                if name == "after":
                    if path == "/api/v1/agents":
                        given["after"] = "agent-eu-west-1"
                    else:  # a cursor is got from the page before
                        page = await site.get(f"{address}?{urlencode({**needed, 'limit': '1'})}")
                        given["after"] = page["next"] or ""
                        assert given["after"] or path == "/api/v1/alerts"
                await site.read(f"{address}?{urlencode({**needed, **given})}")
            if not path.endswith("openapi.json"):
                await site.read(f"{address}?{urlencode({**needed, 'nonsense': '1'})}", 400)


BODIES: dict[str, dict[str, Any]] = {
    "/api/v1/alerts/{id}/ack": {},
    "/api/v1/alerts/{id}/review": {"actionable": False},
    "/api/v1/silences": {
        "match": {"service": ["ingest"]},
        "why": "new disks",
        "ends_at": START + 2 * 3600.0,
    },
    "/api/v1/silences/{id}/end": {},
    "/api/v1/incidents": {"service": "ingest", "title": "Errors"},
    "/api/v1/incidents/{number}/update": {"text": "looking"},
    "/api/v1/incidents/{number}/note": {"text": "see the graph"},
    "/api/v1/incidents/{number}/title": {"title": "UDP is down"},
    "/api/v1/incidents/{number}/publish": {},
    "/api/v1/incidents/{number}/withhold": {},
    "/api/v1/incidents/{number}/postmortem": {},
    "/api/v1/incidents/{number}/merge": {"into": 1},
    "/api/v1/incidents/{number}/reopen": {},
    "/api/v1/remediation/pins": {
        "service": "ingest",
        "node": "ingest01",
        "state": "out",
        "why": "new disks",
    },
    "/api/v1/remediation/release": {"service": "ingest", "node": "ingest01"},
    "/api/v1/remediation/stop": {"why": "it flaps"},
    "/api/v1/remediation/resume": {},
}
"""The least that is taken: what is needed, or one of what may be said."""

HOOK = "/api/v1/hooks/{provider}/{receiver}"


@pytest.fixture
async def changing_site(open_site: OpenSite, view: FakeView) -> Site:
    """Alert 1 is open, 2 closed, and whatever has a webhook is configured. Incidents 1 to
    3 are open, 4 is resolved. Nodes are remediated."""
    view.remediation = FakeRemediation(view.now)
    view.alerts = [make_alert(1)]
    view.closed = [make_alert(2, ordinal=2, closed_at=view.now - 60)]
    for title in ("Slow", "Down", "Down again", "Over"):
        await view.incidents.open(Opening("ingest", title), "anna", view.now)
    await view.incidents.update(
        4, state=IncidentState.RESOLVED, text="", public="", who="anna", now=view.now
    )
    return await open_site(hooks=hooks_of(receivers(ENTRIES)))


async def post(site: Site, address: str, **more: Any) -> tuple[int, Any]:
    """Status and answer."""
    async with site.client.post(address, **more) as response:
        return response.status, await response.json(content_type=None)


def answers(path: str, status: int) -> dict[str, Any]:
    """The schema of that answer."""
    responses = CHANGING[path]["responses"]
    (content,) = responses.get(str(status), responses["default"])["content"].values()
    schema: dict[str, Any] = content["schema"]
    return schema


async def test_the_described_bodies_are_taken_and_others_refused(changing_site: Site) -> None:
    site = changing_site
    async with site.client.get("/api/v1/me") as response:
        headers = {CSRF_HEADER: (await response.json())["csrf"]}
    assert {*BODIES, HOOK} == set(CHANGING)
    ids = {"/api/v1/alerts/{id}/ack": "1", "/api/v1/alerts/{id}/review": "2"}
    for done, (path, body) in enumerate(BODIES.items()):
        operation = CHANGING[path]
        given = {item["name"]: item["in"] for item in operation["parameters"]}
        assert given == {name: "path" for name in ("id", "number") if f"{{{name}}}" in path}
        number = {"merge": 3, "reopen": 4}.get(path.rpartition("/")[2], 2)
        address = path.format(id=ids.get(path, ""), number=number)
        required: list[str] = []
        if "requestBody" in operation:
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            assert matches(body, schema) == []
            name = schema["$ref"].rpartition("/")[2]
            required = DOCUMENT["components"]["schemas"][name].get("required", [])
            assert operation["requestBody"]["required"] == bool(required)
        assert set(required) <= set(body)
        wrong = [{**body, "nonsense": 1}]
        wrong += [{key: body[key] for key in body if key != name} for name in required]
        for each in wrong:
            status, problem = await post(site, address, json=each, headers=headers)
            assert (status, matches(problem, answers(path, status))) == (400, []), (path, each)
        nonsense = await post(site, f"{address}?nonsense=1", json=body, headers=headers)
        assert nonsense[0] == 400, path
        assert len(site.view.audited) == done, "what is refused changes nothing"
        status, answer = await post(site, address, json=body, headers=headers)
        assert str(status) in operation["responses"], (path, answer)
        assert matches(answer, answers(path, status)) == []
        if path == "/api/v1/silences":
            ids["/api/v1/silences/{id}/end"] = answer["silence"]["id"]


async def test_the_webhooks_of_the_described_providers_are_taken(changing_site: Site) -> None:
    site = changing_site
    described = {item["name"]: item for item in CHANGING[HOOK]["parameters"]}
    assert [*described] == ["provider", "receiver"]
    (alert,) = site.view.alerts
    said = {"alias": alias_of(alert, alert.severity), "username": "ben@example.com"}
    for provider in described["provider"]["schema"]["enum"]:
        site.view.alerts = [alert]
        more: dict[str, Any] = {
            "json": {"action": "Acknowledge", "alert": said},
            "headers": {"Authorization": f"Bearer {SECRET}"},
        }
        if provider == "pagerduty":
            body = event(alert, site.view.now)
            more = {"data": body, "headers": signature(body)}
        receiver = "duty" if provider == "pagerduty" else provider
        address = HOOK.format(provider=provider, receiver=receiver)
        status, answer = await post(site, address, **more)
        assert (status, answer) == (200, {"acknowledged": alert.id, "ignored": ""})
        assert matches(answer, answers(HOOK, status)) == []
        status, problem = await post(site, HOOK.format(provider=provider, receiver="no"), **more)
        assert (status, matches(problem, answers(HOOK, status))) == (401, [])
