"""What the live page shows, once a second, as one value for all viewers. Pure.

The page gets the cells of its grid with the newest slots of their sum rates, the totals, alerts and
agents. Everything is bounded, and what a bound left out is told.
"""

from __future__ import annotations

from coalmine_aggregator.model.alert_headline import by_weight
from coalmine_aggregator.web.alert_answers import AlertItem, alert_item
from coalmine_aggregator.web.answers import (
    AgentItem,
    Answer,
    FateGroup,
    agent_items,
    count_status,
    fate_group,
)
from coalmine_aggregator.web.cells import CELL_LABELS, CELL_SPAN_S, Cell, cells_of, listed
from coalmine_aggregator.web.headline import Headline, headline_of
from coalmine_aggregator.web.objective_answers import NoiseItem, SloItem, noise_items, slo_items
from coalmine_aggregator.web.options import WebOptions
from coalmine_aggregator.web.remediation_line import RemediationLine, is_news, line_of
from coalmine_aggregator.web.spans import newest_settled
from coalmine_aggregator.web.view import SnapshotView

MAX_OPEN = 50
MAX_RECENT = 10
MAX_AGENTS = 200
MAX_SERVICES = 100

# The ones somebody should look at come first.
_AGENT_ORDER = {"set_aside": 0, "missing": 1, "goodbye": 2, "alive": 3, "retired": 4}


class CheckItem(Answer):
    """One thing that must hold."""

    name: str
    ok: bool
    detail: str


class Snapshot(Answer):
    """One second of the page.

    `settled` is the newest settled slot, None before the first. `cells` are of whole services as far as
    they fit, those in trouble first. `open` has the worst alerts first.
    `open_total`, `agents_total`, `cells_total` and `services_total` (of `slo` and `noise`) count what
    there is, also beyond what is listed. `remediation` says that nodes are out, or why none can be;
    None where there is nothing to say.
    """

    now: float
    fleet: str
    version: str
    started_at: float
    settled: int | None
    settle_lag_s: float
    headline: Headline
    remediation: RemediationLine | None
    checks: list[CheckItem]
    cells: list[Cell]
    cells_total: int
    open: list[AlertItem]
    open_total: int
    recent: list[AlertItem]
    agents: list[AgentItem]
    agents_total: int
    agents_by_status: dict[str, int]
    fates_span_s: int
    fates: list[FateGroup]
    slo: list[SloItem]
    noise: list[NoiseItem]
    services_total: int
    oddities: dict[str, int]
    lines_s: int
    viewers: int


def take_snapshot(view: SnapshotView, options: WebOptions, *, now: float, viewers: int) -> Snapshot:
    """The page's second at `now`."""
    health = view.health()
    last = newest_settled(health, now)
    cells = cells_of(view.rates(CELL_LABELS, {}, last - CELL_SPAN_S + 1, last), last)
    fates_first = max(last - options.fates_window_s + 1, int(health.started_at))
    fates = view.rates(("service",), {}, fates_first, last)
    agents = agent_items(view.agents(now))
    agents.sort(key=lambda item: (_AGENT_ORDER.get(item.status, 0), not item.impaired, item.agent))
    open_alerts = sorted(view.open_alerts(), key=by_weight)
    holds = view.holds(now)
    line = None if view.remediation is None else line_of(view.remediation)
    slo, noise = slo_items(view.slo()), noise_items(view.noise())
    return Snapshot(
        now=now,
        fleet=health.fleet,
        version=health.version,
        started_at=health.started_at,
        settled=health.settled,
        settle_lag_s=health.settle_lag_s,
        headline=headline_of(open_alerts, health, cells),
        remediation=line if line is not None and is_news(line) else None,
        checks=[CheckItem(check.name, check.ok, check.detail) for check in health.checks],
        cells=listed(cells, options.max_groups, {alert.service for alert in open_alerts}),
        cells_total=len(cells),
        open=[
            alert_item(alert, holds.get(alert.number), view.incident_of(alert.number))
            for alert in open_alerts[:MAX_OPEN]
        ],
        open_total=len(open_alerts),
        recent=[
            alert_item(alert, incident=view.incident_of(alert.number))
            for alert in view.recent_alerts(MAX_RECENT)
        ],
        agents=agents[:MAX_AGENTS],
        agents_total=len(agents),
        agents_by_status=count_status(agents),
        fates_span_s=max(0, last - fates_first + 1),
        fates=sorted((fate_group(group) for group in fates), key=lambda item: item.labels["service"]),
        slo=slo[:MAX_SERVICES],
        noise=noise[:MAX_SERVICES],
        services_total=len({item.service for item in slo} | {item.service for item in noise}),
        oddities=view.oddities(),
        lines_s=options.lines_s,
        viewers=viewers,
    )
