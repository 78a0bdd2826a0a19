"""Remediation over HTTP: what is told of nodes, who may overrule it, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from coalmine_aggregator.access.roles import Role
from coalmine_aggregator.access.settings import AccessSettings, TokenSettings
from coalmine_aggregator.actuate.output import Standing
from coalmine_aggregator.actuate.stop_file import Stop
from coalmine_aggregator.model.node_view import Verdict
from coalmine_aggregator.model.pin import PinState
from coalmine_aggregator.model.remediation_event import RemediationKind
from coalmine_aggregator.model.remediation_policy import RemediationPolicy
from coalmine_aggregator.model.withdrawal import Held, Mode
from coalmine_aggregator.web.entrance import CSRF_HEADER
from coalmine_aggregator.web.options import WebOptions
from coalmine_aggregator.web.remediation_answers import MAX_NODES, MAX_SIGHTS, remediation_answer
from coalmine_aggregator.web.remediation_line import line_of
from coalmine_aggregator.web.snapshot import take_snapshot
from coalmine_runtime.secret import Secret
from tests.aggregator.web.conftest import OpenSite, Site
from tests.aggregator.web.fake_remediation import NODES, WHY, FakeRemediation
from tests.aggregator.web.fake_remediation import view as node_view
from tests.aggregator.web.fake_view import FakeView
from tests.aggregator.web.test_incidents import hold

ROOT = "/api/v1/remediation"
ACCESS = AccessSettings(
    tokens=[
        TokenSettings(name=name, token=Secret(f"{name}-correct-horse"), role=role)
        for name, role in (
            ("wall", Role.VIEWER),
            ("anna", Role.RESPONDER),
            ("olga", Role.OPERATOR),
        )
    ]
)
PIN = {"service": "ingest", "node": "ingest01", "state": "out", "why": "new kernel"}
ACTS = {
    "pins": PIN,
    "release": {"service": "ingest", "node": "ingest01"},
    "stop": {"why": "it flaps"},
    "resume": {},
}


@pytest.fixture
def desk(view: FakeView) -> FakeRemediation:
    view.remediation = FakeRemediation(view.now)
    return view.remediation


@pytest.fixture
async def desk_site(open_site: OpenSite, desk: FakeRemediation) -> Site:
    """People come by token."""
    return await open_site(access=ACCESS)


async def get(site: Site, path: str = "", *, status: int = 200) -> Any:
    """What is answered; that it is as described is held here."""
    headers = {"Authorization": "Bearer wall-correct-horse"}
    async with site.client.get(f"{ROOT}{path}", headers=headers) as response:
        answer = await response.json(content_type=None)
        assert response.status == status, answer
    hold(answer, f"{ROOT}{path.partition('?')[0]}", "get", status)
    return answer


async def post(
    site: Site, act: str, body: Any = None, *, who: str = "olga", status: int = 200
) -> dict[str, Any]:
    """What is answered; that it is as described is held here."""
    headers = {"Authorization": f"Bearer {who}-correct-horse"}
    given = ACTS[act] if body is None else body
    async with site.client.post(f"{ROOT}/{act}", json=given, headers=headers) as response:
        answer: dict[str, Any] = await response.json(content_type=None)
        assert response.status == status, answer
    hold(answer, f"{ROOT}/{act}", "post", status)
    return answer


async def test_nodes_are_told_with_their_evidence_and_what_is_in_force(
    desk_site: Site, desk: FakeRemediation
) -> None:
    out = desk.withdraw()
    desk.checks = {"ingest02": desk.now - 10}
    told = await get(desk_site)
    assert told["line"] == {
        "status": "partial",
        "text": "Acting: 1 of 4 ingest nodes is out: ingest02",
        "since": out.since,
        "why": WHY,
    }
    assert (told["mode"], told["stopped"], told["holder"], told["peer"]) == ("acting", None, True, "")
    (service,) = told["services"]
    assert (service["service"], service["mode"], service["nodes_total"]) == ("ingest", "acting", 4)
    assert service["rules"]["most_out"] == 1
    assert service["rules"]["lease_s"] == 20.0
    assert [each["node"] for each in service["nodes"]] == ["ingest02", *sorted({*NODES} - {"ingest02"})]
    failed = service["nodes"][0]
    assert (failed["verdict"], failed["text"], failed["good_since"]) == ("failed", WHY, None)
    assert [(each["host"], each["own"], each["opinion"]) for each in failed["sights"]] == [
        ("ingest02", True, "bad"),
        ("web-3", False, "bad"),
        ("web-4", False, "none"),
    ]
    assert failed["sights"][0]["failing"] == ["udp"]
    (withdrawn,) = service["withdrawn"]
    assert (withdrawn["node"], withdrawn["phase"], withdrawn["repeats"]) == ("ingest02", "down", 1)
    assert withdrawn["hold_until"] == out.hold_until
    assert service["verifying"] == [
        {"node": "ingest02", "since": desk.now - 10, "until": desk.now + 50}
    ]
    nodes, etcd = told["outputs"]
    assert (nodes["name"], nodes["out"], nodes["differs"]) == ("nodes", {"ingest": ["ingest02"]}, "")
    assert (etcd["out"], etcd["trouble"]) == (None, "127.0.0.1:2379: Connection refused")


async def test_what_an_output_has_that_is_not_wanted_is_told(
    desk_site: Site, desk: FakeRemediation
) -> None:
    desk.withdraw()
    desk.outputs = [Standing("consul", {"ingest": ("ingest03",)}, desk.now, "")]
    (output,) = (await get(desk_site))["outputs"]
    assert output["differs"] == (
        "consul: ingest02 of ingest shall be out, and serve; "
        "ingest03 of ingest shall serve, and are out"
    )


async def test_one_service_is_asked_for(desk_site: Site, desk: FakeRemediation) -> None:
    desk.rules["web"] = RemediationPolicy()
    desk.withdraw()
    assert [each["service"] for each in (await get(desk_site))["services"]] == ["ingest", "web"]
    told = await get(desk_site, "?service=web")
    (service,) = told["services"]
    assert (service["service"], service["mode"], service["nodes_total"]) == ("web", "dry_run", 0)
    assert service["rules"]["most_out"] is None
    assert told["outputs"][0]["out"] == {}
    problem = await get(desk_site, "?service=wbe", status=404)
    assert problem["type"].endswith("no-such-service")
    assert problem["hint"] == "those that did are ingest, web"
    assert (await get(desk_site, "?servcie=web", status=400))["hint"] == "did you mean service?"


def test_a_large_fleet_is_bounded_and_who_stands_out_is_told_first(desk: FakeRemediation) -> None:
    names = [f"n{number:05}" for number in range(2 * MAX_NODES)]
    views = [node_view(name, desk.now) for name in names]
    views[-1] = views[-1]._replace(verdict=Verdict.SUSPECT, sights=views[-1].sights * 20)
    desk.nodes = {"ingest": tuple(views)}
    desk.decide(held=(Held(names[-2], "many", "too many"),))
    (service,) = remediation_answer(desk, desk.now, None).services
    assert (len(service.nodes), service.nodes_total) == (MAX_NODES, 2 * MAX_NODES)
    assert [each.node for each in service.nodes[:3]] == [names[-2], names[-1], names[0]]
    suspect = service.nodes[1]
    assert (len(suspect.sights), suspect.sights_total) == (MAX_SIGHTS, 60)


async def test_the_log_is_paged_by_cursors_that_stay(desk_site: Site, desk: FakeRemediation) -> None:
    for number in range(7):
        desk.say(RemediationKind.HELD, node=f"ingest0{number % 2 + 1}", rail="many", at=desk.now - 100)
    first = await get(desk_site, "/log?limit=3")
    assert [each["number"] for each in first["events"]] == [7, 6, 5]
    desk.say(RemediationKind.FROZEN, rail="many", text="3 of 4", evidence=("ingest01: failed",))
    then = await get(desk_site, f"/log?limit=3&after={first['next']}")
    assert [each["number"] for each in then["events"]] == [4, 3, 2]
    last = await get(desk_site, f"/log?limit=3&after={then['next']}")
    assert [each["number"] for each in last["events"]] == [1]
    assert last["next"] is None
    frozen = (await get(desk_site, "/log?last=60s"))["events"]
    assert [(each["kind"], each["evidence"]) for each in frozen] == [("frozen", ["ingest01: failed"])]
    of_node = (await get(desk_site, "/log?service=ingest&node=ingest02"))["events"]
    assert {each["node"] for each in of_node} == {"ingest02"}
    assert (await get(desk_site, "/log?service=web"))["events"] == []
    refused = await get(desk_site, f"/log?service=ingest&after={first['next']}", status=400)
    assert refused["type"].endswith("bad-cursor")
    assert (await get(desk_site, "/log?last=x", status=400))["parameter"] == "last"
    assert (await get(desk_site, f"/log?node={'n' * 256}", status=400))["parameter"] == "node"


async def test_people_pin_and_release_and_it_is_audited(desk_site: Site, desk: FakeRemediation) -> None:
    told = await post(desk_site, "pins")
    (pin,) = told["pins"]
    assert (pin["node"], pin["state"], pin["by"], pin["why"]) == (
        "ingest01",
        "out",
        "olga",
        "new kernel",
    )
    assert desk.pins[0].state is PinState.OUT
    assert (await get(desk_site))["pins"] == told["pins"]
    assert (await post(desk_site, "release"))["pins"] == []
    problem = await post(desk_site, "release", status=404)
    assert problem["detail"] == "ingest01 of ingest is not pinned."
    assert [(each.action, each.object_) for each in desk_site.view.audited] == [
        ("remediation.pin", "ingest/ingest01"),
        ("remediation.release", "ingest/ingest01"),
    ]


async def test_a_node_that_there_is_not_names_those_like_it(
    desk_site: Site, desk: FakeRemediation
) -> None:
    problem = await post(desk_site, "pins", {**PIN, "node": "ingest1"}, status=404)
    assert problem["type"].endswith("no-such-node")
    assert problem["parameter"] == "node"
    assert problem["detail"].startswith("ingest has no node ingest1: did you mean ingest01 or ")
    problem = await post(desk_site, "pins", {**PIN, "node": "zebra"}, status=404)
    assert problem["detail"] == "ingest has no node zebra."
    assert problem["hint"] == "it has 4: ingest01, ingest02, ingest03, ingest04"
    problem = await post(desk_site, "pins", {**PIN, "service": "wbe"}, status=404)
    assert problem["hint"] == "those that did are ingest"
    # While nobody knows the nodes, whoever pins knows better.
    desk.nodes = {"ingest": ()}
    await post(desk_site, "pins", {**PIN, "node": "zebra"})
    for wrong in ({"why": ""}, {"state": "sideways"}, {"node": ""}, {"why": "w" * 401}):
        refused = await post(desk_site, "pins", {**PIN, **wrong}, status=400)
        assert refused["parameter"] == next(iter(wrong))


async def test_it_is_stopped_and_resumed(desk_site: Site, desk: FakeRemediation) -> None:
    told = await post(desk_site, "stop")
    assert told["stopped"] == {"by": "olga", "why": "it flaps", "at": desk.now, "unwritten": ""}
    answer = await get(desk_site)
    assert (answer["mode"], answer["services"][0]["mode"]) == ("stopped", "stopped")
    assert answer["line"]["text"] == "Stopped by olga"
    assert (await post(desk_site, "stop", {}, status=400))["type"].endswith("bad-body")
    assert (await post(desk_site, "resume"))["stopped"] is None
    actions = [each.action for each in desk_site.view.audited]
    assert actions == ["remediation.stop", "remediation.resume"]


async def test_what_cannot_be_kept_is_told(desk_site: Site, desk: FakeRemediation) -> None:
    desk.broken = True
    problem = await post(desk_site, "stop", status=503)
    assert problem["type"].endswith(":not-kept")
    why = "/srv/remediation.stop: Read-only file system"
    assert problem["detail"] == (
        f"It is stopped, but the stop file is not written: {why}. A restart now would forget it."
    )
    told = await get(desk_site)
    assert told["stopped"] == {"by": "olga", "why": "it flaps", "at": desk.now, "unwritten": why}
    assert (told["mode"], told["line"]["text"]) == ("stopped", "Stopped by olga, only until a restart")
    assert told["line"]["why"] == f"it flaps; the stop file is not written: {why}"
    assert [(each.action, each.detail) for each in desk_site.view.audited] == [
        ("remediation.stop", '{"why":"it flaps","was_kept_late":true}')
    ]
    problem = await post(desk_site, "resume", status=503)
    assert problem["detail"] == "The stop file cannot be removed: Read-only file system."
    assert (await get(desk_site))["mode"] == "stopped"
    desk.broken, desk.writes = False, False
    desk_site.view.audited.clear()
    problem = await post(desk_site, "stop", status=503)
    assert problem["detail"].startswith("It is stopped, but the store has not written it yet")
    assert desk_site.view.audited[0].action == "remediation.stop"
    desk.elsewhere = True
    problem = await post(desk_site, "resume", status=409)
    assert "stopped by anna at aggregator b" in problem["detail"]


@pytest.mark.parametrize("act", ACTS)
async def test_only_operators_overrule_it(desk_site: Site, desk: FakeRemediation, act: str) -> None:
    for who in ("wall", "anna"):
        assert (await post(desk_site, act, who=who, status=403))["type"].endswith("forbidden")
    async with desk_site.client.post(f"{ROOT}/{act}", json=ACTS[act]) as response:
        assert response.status == 401
    assert desk.events == []


@pytest.mark.parametrize("act", ACTS)
async def test_another_site_cannot(site: Site, desk: FakeRemediation, act: str) -> None:
    async with site.client.get("/api/v1/me") as response:
        csrf = (await response.json())["csrf"]
    for headers in ({}, {CSRF_HEADER: csrf, "Origin": "https://evil.example"}):
        async with site.client.post(f"{ROOT}/{act}", json=ACTS[act], headers=headers) as response:
            assert response.status == 403
    assert desk.events == []


async def test_without_remediation_there_is_none(site: Site) -> None:
    async with site.client.get(ROOT) as response:
        problem = await response.json(content_type=None)
        assert (response.status, problem["detail"]) == (
            404,
            "No service has opted in to remediation.",
        )
    async with site.client.get("/remediation") as response:
        assert response.status == 404
    for path in ("/", "/incidents"):
        async with site.client.get(path) as response:
            assert "/remediation" not in await response.text()


async def test_every_page_leads_to_it(site: Site, desk: FakeRemediation) -> None:
    for path in ("/", "/incidents", "/incidents/1", "/remediation"):
        async with site.client.get(path) as response:
            assert '<a href="/remediation"' in await response.text()


def test_the_sentence(desk: FakeRemediation) -> None:
    """Whoever reads it in the middle of the night knows what to do next."""

    def line() -> tuple[str, str]:
        found = line_of(desk)
        return found.status, found.text

    assert line() == ("ok", "Acting: none of 4 nodes of ingest is out")
    desk.rules["ingest"] = RemediationPolicy()
    desk.decide()
    assert line() == ("ok", "Dry run: none of 4 nodes of ingest would be out")
    out = desk.withdraw()
    assert line() == ("partial", "Dry run: 1 of 4 ingest nodes would be out: ingest02")
    desk.rules["ingest"] = RemediationPolicy(dry_run=False)
    others = [out._replace(node=f"n{number}") for number in range(4)]
    desk.decide(out=tuple(others))
    assert line() == ("partial", "Acting: 4 of 4 ingest nodes are out: n0, n1, n2 and 1 more")
    desk.decide(out=tuple(others[:2]))
    assert line() == ("partial", "Acting: 2 of 4 ingest nodes are out: n0 and n1")
    desk.holds = False
    desk.decide(out=(out,), mode=Mode.STANDBY)
    assert line() == ("partial", "Standing by: 1 of 4 ingest nodes is out: ingest02")
    desk.holds = True
    desk.decide(frozen="3 of 4 nodes have failed")
    assert line() == ("down", "ingest is frozen")
    assert line_of(desk).why == "3 of 4 nodes have failed"
    desk.wanted = {}
    text = "Acting: the nodes of ingest are not known, so nobody is withdrawn"
    assert line() == ("unknown", text)
    desk.stopped = Stop("anna", "flapping")
    assert line() == ("down", "Stopped by anna")
    assert line_of(desk).since is None


def test_the_live_page_hears_of_what_matters(view: FakeView, desk: FakeRemediation) -> None:
    def told() -> str:
        line = take_snapshot(view, WebOptions(), now=view.now, viewers=0).remediation
        return "" if line is None else line.text

    assert told() == ""
    desk.withdraw()
    assert told() == "Acting: 1 of 4 ingest nodes is out: ingest02"
    desk.decide(frozen="many")
    assert told() == "ingest is frozen"
    desk.stopped = Stop("anna", "flapping")
    assert told() == "Stopped by anna"
    view.remediation = None
    assert told() == ""
