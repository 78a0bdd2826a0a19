"""The API: every answer is of its type, exact, bounded; every error a problem document."""

from __future__ import annotations

from typing import TypeVar

import msgspec
import pytest

from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.model.views import AgentStatus
from coalmine_aggregator.web.alert_answers import Alerts
from coalmine_aggregator.web.answers import Agents, Answer, Fates, Rates
from coalmine_aggregator.web.problems import TYPE_ROOT, ProblemBody
from tests.aggregator.web.conftest import Site
from tests.aggregator.web.fake_view import FakeView, Trouble, fleet, make_alert

T = TypeVar("T", bound=Answer)


async def get(site: Site, path: str, answer: type[T]) -> T:
    async with site.client.get(path) as response:
        body = await response.read()
        assert response.status == 200, body
        assert response.content_type == "application/json"
        assert response.headers["Cache-Control"] == "no-store"
        return msgspec.json.decode(body, type=answer)


async def problem(site: Site, path: str, status: int, method: str = "GET") -> ProblemBody:
    async with site.client.request(method, path) as response:
        body = await response.read()
        assert response.status == status, body
        assert response.content_type == "application/problem+json"
        found = msgspec.json.decode(body, type=ProblemBody)
        assert found.status == status
        return found


async def test_rates_by_labels(site: Site) -> None:
    site.view.troubles = [
        Trouble(where={"protocol": "udp", "region": "eu-west-1"}, first=site.view.settled - 4)
    ]
    rates = await get(site, "/api/v1/rates?by=protocol,region&last=30s&location=external", Rates)
    assert (rates.first, rates.last) == (site.view.settled - 29, site.view.settled)
    assert len(rates.groups) == 24
    groups = {tuple(group.labels.values()): group for group in rates.groups}
    struck = groups["udp", "eu-west-1"]
    assert struck.received == [1] * 25 + [0] * 5
    assert struck.fates.lost == [0] * 25 + [1] * 5
    assert struck.expected == [1] * 30
    assert groups["udp", "us-east-1"].received == [2] * 30


async def test_rates_without_labels_are_one_sum(site: Site) -> None:
    rates = await get(site, "/api/v1/rates?last=2s", Rates)
    assert [group.received for group in rates.groups] == [[78, 78]]


async def test_fates_add_up(site: Site) -> None:
    view = site.view
    view.troubles = [
        Trouble(where={"protocol": "tcp"}, first=view.settled - 1, fate=Fate.ABANDONED),
        Trouble(where={"region": "us-west-2"}, first=view.settled, fate=Fate.UNKNOWN),
    ]
    view.odd = {"duplicates": 3}
    fates = await get(site, "/api/v1/fates?by=protocol&last=10s", Fates)
    total = fates.total
    assert total.expected == 780
    assert sum(msgspec.to_builtins(total.fates).values()) == 780
    assert total.fates.abandoned == 26
    assert total.fates.unknown == 15
    assert total.bad == 26
    assert total.judged == 780 - 15
    assert total.loss == 26 / 765
    assert fates.balanced
    assert fates.oddities == {"duplicates": 3}
    [tcp] = [group for group in fates.groups if group.labels == {"protocol": "tcp"}]
    assert tcp.sums.fates.abandoned == 26
    [udp] = [group for group in fates.groups if group.labels == {"protocol": "udp"}]
    assert udp.unknown_by_reason == {"silent": 3}


async def test_a_ledger_that_does_not_add_up_is_told(site: Site) -> None:
    site.view.unbalanced = True
    fates = await get(site, "/api/v1/fates?by=protocol", Fates)
    assert not fates.balanced
    assert not any(group.balanced for group in fates.groups)


async def test_agents_come_a_page_at_a_time(site: Site) -> None:
    site.view.override("internal-eu-west-1-1", status=AgentStatus.MISSING, note="silent")
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        page = await get(site, f"/api/v1/agents?limit=5&after={after}", Agents)
        assert page.total == 13
        assert page.by_status["alive"] == 12
        seen += [item.agent for item in page.agents]
        after = page.next
    assert seen == sorted(seen)
    assert len(set(seen)) == 13
    missing = await get(site, "/api/v1/agents?status=missing", Agents)
    assert [(item.agent, item.note) for item in missing.agents] == [("internal-eu-west-1-1", "silent")]


async def test_alerts(site: Site) -> None:
    site.view.alerts = [make_alert(7)]
    site.view.closed = [make_alert(n, closed_at=site.view.now) for n in (6, 5, 4)]
    alerts = await get(site, "/api/v1/alerts?limit=2", Alerts)
    [alert] = alerts.open
    assert alert.id == "ingest-loss-1"
    assert alert.state == "open"
    assert alert.scope == {"protocol": "udp", "region": "eu-west-1"}
    assert alert.scope_text == "protocol=udp region=eu-west-1"
    assert (alert.sums.bad, alert.sums.expected, alert.sums.loss) == (40, 40, 1.0)
    assert alert.beside.received == 740
    assert (alert.total.bad, alert.total.judged) == (160, 163)
    assert alert.equivalents == [{"protocol": "udp", "zone": "eu-west-1a"}]
    assert (alert.cause, alert.effect, alert.note) == ("service", "lost", "on-machine fails too")
    assert alert.folded_into == ""
    assert [(item.number, item.state) for item in alerts.recent] == [(6, "closed"), (5, "closed")]


@pytest.mark.parametrize(
    ("path", "status", "name"),
    [
        ("/api/v1/rates?last=365d&step=1", 400, "range-too-long"),
        ("/api/v1/rates?last=4000d", 400, "range-too-long"),
        ("/api/v1/rates?step=7", 400, "bad-parameter"),
        ("/api/v1/rates?zone=**a*b*c*d*e*f*g*h*", 400, "bad-parameter"),
        ("/api/v1/rates?last=1d", 404, "no-history"),
        ("/api/v1/strip", 400, "bad-parameter"),
        ("/api/v1/strip?service=ingest&last=60d", 400, "range-too-long"),
        ("/api/v1/strip?service=ingest&last=1h&step=1", 400, "range-too-long"),
        ("/api/v1/strip?service=ingest&only=good", 400, "bad-parameter"),
        ("/api/v1/latency?by=host", 400, "bad-parameter"),
        ("/api/v1/moment?at=yesterday", 400, "bad-parameter"),
        ("/api/v1/alerts?after=x", 400, "bad-cursor"),
        ("/api/v1/series?limit=1001", 400, "bad-parameter"),
        ("/api/v1/export/rates.csv?step=7", 400, "bad-parameter"),
        ("/api/v1/export/alerts.csv?class=x", 400, "bad-parameter"),
        ("/api/v1/rates?by=nothing", 400, "bad-parameter"),
        ("/api/v1/fates?regoin=x", 400, "bad-parameter"),
        ("/api/v1/agents?limit=0", 400, "bad-parameter"),
        ("/api/v1/agents?limit=1001", 400, "bad-parameter"),
        ("/api/v1/agents?status=well", 400, "bad-parameter"),
        ("/api/v1/alerts?limit=%C2%B2", 400, "bad-parameter"),
        ("/api/v1/alerts/1/explain", 404, "no-such-alert"),
        ("/api/v1/alerts/99999999999999999999/explain", 404, "no-such-alert"),
        ("/api/v1/alerts/1/explain?x=1", 400, "bad-parameter"),
        ("/api/v1/slo/nothing/burn-down", 404, "no-such-service"),
        ("/api/v1/slo/ingest/burn-down?points=1001", 400, "bad-parameter"),
        ("/api/v1/slo?service=ingest", 400, "bad-parameter"),
        ("/api/v1/noise?x=1", 400, "bad-parameter"),
        ("/api/v1/live?x=1", 400, "bad-parameter"),
        ("/api/v1/nothing", 404, "not-found"),
        ("/static/../app.py", 404, "not-found"),
        ("/static/index.html", 404, "not-found"),
        ("/static/js/nothing.js", 404, "not-found"),
    ],
)
async def test_errors_are_problem_documents(site: Site, path: str, status: int, name: str) -> None:
    found = await problem(site, path, status)
    assert found.type == TYPE_ROOT + name
    assert found.detail


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_nothing_but_reading(site: Site, method: str) -> None:
    found = await problem(site, "/api/v1/alerts", 405, method)
    assert found.type == TYPE_ROOT + "method-not-allowed"
    assert "GET" in found.detail


async def test_an_answer_too_large_is_refused_with_a_hint(site: Site) -> None:
    site.view.series = fleet(regions=[f"r{number}" for number in range(60)])
    found = await problem(site, "/api/v1/rates?by=host,protocol&last=10m", 400)
    assert found.type == TYPE_ROOT + "answer-too-large"
    assert "648,000 counts" in found.detail
    assert "such as 10" in found.hint


async def test_a_fault_of_our_own_is_logged_and_told_without_details(
    site: Site, view: FakeView, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> dict[str, int]:
        raise RuntimeError("the secret of the engine")

    monkeypatch.setattr(view, "oddities", broken)
    found = await problem(site, "/api/v1/fates", 500)
    assert "secret" not in str(found)
    assert "web.request.failed" in caplog.text
    assert "the secret of the engine" in caplog.text
