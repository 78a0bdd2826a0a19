"""Why an alert opened, what an objective has left, what was learned: exact, bounded, always JSON."""

from __future__ import annotations

import json
import math

import msgspec
import pytest

from coalmine_aggregator.model.alerts import AlertClass, Change, Transition
from coalmine_aggregator.model.counts import NOTHING, Counts
from coalmine_aggregator.model.explanation import Explanation, ScopeScore, Statistic
from coalmine_aggregator.web.alert_answers import MAX_CHANGES, explained
from coalmine_aggregator.web.objective_answers import BurnDown, Noises, Slos
from coalmine_aggregator.web.options import WebOptions
from coalmine_aggregator.web.snapshot import MAX_SERVICES, take_snapshot
from tests.aggregator.web.conftest import Site
from tests.aggregator.web.fake_view import QUIET, FakeSlo, FakeView, make_alert, make_history
from tests.aggregator.web.test_api import get

NOT_NUMBERS = (math.nan, math.inf, -math.inf)


async def explanation(site: Site, ref: str) -> dict[str, object]:
    async with site.client.get(f"/api/v1/alerts/{ref}/explain") as response:
        assert response.status == 200
        body: dict[str, object] = json.loads(await response.text(), parse_constant=pytest.fail)
        return body


async def test_every_change_is_told_with_its_evidence(site: Site) -> None:
    alert = make_alert(7, closed_at=site.view.now)
    site.view.history = make_history(alert)
    site.view.closed = [alert]
    told = await explanation(site, "7")
    assert told == await explanation(site, "ingest-loss-1")
    assert told["now"] == site.view.now
    assert told["left_out"] == 0
    changes = told["changes"]
    assert isinstance(changes, list)
    assert [each["change"] for each in changes] == ["opened", "changed", "closed"]
    opened, changed, closed = changes
    assert (opened["first_slot"], opened["last_slot"]) == (alert.since, alert.since + 3)
    assert opened["alert"]["scope"] == {}
    assert opened["alert"]["cause"] == "unknown"
    [statistic] = opened["statistics"]
    assert statistic == {
        "name": "cusum",
        "scope": {},
        "scope_text": "all of it",
        "value": 31.5,
        "threshold": 23.4,
        "alternative": 0.5,
        "judged": 780,
        "bad": 10,
    }
    assert changed["alert"]["scope"] == {"protocol": "udp", "region": "eu-west-1"}
    assert changed["alert"]["sums"]["fates"]["lost"] == 40
    assert [each["score"] for each in changed["candidates"]] == [214.3, 101.2, 40.1]
    assert changed["candidates"][1]["text"] == "protocol=tcp and zone=dc1-a"
    assert changed["facts"] == {"external": "10 of 30 lost", "on-machine": "4 of 4 lost"}
    assert (closed["first_slot"], closed["statistics"], closed["candidates"]) == (None, [], [])


async def test_an_open_alert_is_told_with_its_newest_counts(site: Site) -> None:
    alert = make_alert(7)
    site.view.history = make_history(alert)
    site.view.alerts = [alert._replace(total=Counts(5, (5, 0, 0, 9_995, 0, 0, 0)))]
    told = await explanation(site, "7")
    assert told["alert"]["total"]["bad"] == 9_995  # type: ignore[index]


def test_very_many_changes_are_bounded_and_counted() -> None:
    alert = make_alert(1)
    many = [Transition(Change.OPENED, 0.0, alert)]
    many += [Transition(Change.CHANGED, float(at), alert) for at in range(1, 1000)]
    told = explained(many, (), now=1000.0, holds={}, told=())
    assert len(told.changes) == MAX_CHANGES
    assert told.left_out == 1000 - MAX_CHANGES
    assert [told.changes[index].at for index in (0, 1, -1)] == [0.0, 1001.0 - MAX_CHANGES, 999.0]


@pytest.mark.parametrize("number", NOT_NUMBERS)
async def test_what_is_no_number_is_never_told(site: Site, number: float) -> None:
    alert = make_alert(1, alert_class=AlertClass.AGENTS_MISSING, counts=NOTHING, total=NOTHING)
    why = Explanation(
        0,
        0,
        (Statistic("cusum", (), number, number, number),),
        (ScopeScore((), number),),
        (("a", "b"),),
    )
    site.view.history = [Transition(Change.OPENED, alert.opened_at, alert, why)]
    site.view.alerts = [alert]
    site.view.objectives = {"ingest": FakeSlo(left=number, allowed=number, burn={"1h": number})}
    site.view.learned = {"ingest": QUIET._replace(rho=number, threshold=number, q=number)}
    told = await explanation(site, "1")
    change = told["changes"][0]  # type: ignore[index]
    assert change["statistics"][0]["value"] is None
    assert change["candidates"][0] == {"scopes": [], "text": "no scope", "score": None}
    [slo] = (await get(site, "/api/v1/slo", Slos)).services
    assert (slo.left, slo.allowed, slo.burn) == (None, None, {"1h": None})
    [noise] = (await get(site, "/api/v1/noise", Noises)).services
    assert (noise.rho, noise.threshold, noise.q, noise.c) == (None, None, None, 6.0)
    snapshot = msgspec.json.encode(take_snapshot(site.view, WebOptions(), now=site.view.now, viewers=0))
    json.loads(snapshot, parse_constant=pytest.fail)


async def test_objectives(site: Site) -> None:
    site.view.objectives = {"logs": FakeSlo(left=-0.5), "ingest": FakeSlo()}
    slos = await get(site, "/api/v1/slo", Slos)
    assert [item.service for item in slos.services] == ["ingest", "logs"]
    ingest, logs = slos.services
    assert (ingest.objective, ingest.bad, ingest.allowed, ingest.left) == (0.999, 400, 1000.0, 0.6)
    assert ingest.burn == {"5m": 0.0, "1h": 0.4, "6h": 1.2, "3d": None}
    assert logs.left == -0.5


async def test_a_burn_down_has_as_many_points_as_asked(site: Site) -> None:
    answer = await get(site, "/api/v1/slo/ingest/burn-down?points=5", BurnDown)
    assert (answer.service, answer.objective, answer.window_s) == ("ingest", 0.999, 30 * 86_400)
    assert [point.slot for point in answer.points] == [
        site.view.settled - 60 * n for n in (4, 3, 2, 1, 0)
    ]
    assert len((await get(site, "/api/v1/slo/ingest/burn-down", BurnDown)).points) == 60


async def test_learned_noise(site: Site) -> None:
    [item] = (await get(site, "/api/v1/noise", Noises)).services
    assert item.service == "ingest"
    assert (item.rho, item.burst_loss, item.threshold, item.patterns) == (0.002, 0.12, 23.4, 118)


def test_the_page_lists_no_more_services_than_it_can_show() -> None:
    view = FakeView()
    view.objectives = {f"s{number:04}": FakeSlo() for number in range(MAX_SERVICES + 7)}
    view.learned = {"s0000": QUIET, "other": QUIET}
    snapshot = take_snapshot(view, WebOptions(), now=view.now, viewers=0)
    assert len(snapshot.slo) == MAX_SERVICES
    assert snapshot.services_total == MAX_SERVICES + 8


async def test_an_alert_names_its_incident(site: Site) -> None:
    view, alert = site.view, make_alert(7)
    view.history = make_history(alert)
    assert (await explanation(site, "7"))["incident"] is None
    view.incidents.changed(Transition(Change.OPENED, alert.opened_at, alert), now=alert.opened_at)
    assert (await explanation(site, "7"))["incident"] == 1
