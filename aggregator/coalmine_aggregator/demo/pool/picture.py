"""The terminal's picture of the pool. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from coalmine_aggregator.demo import words
from coalmine_aggregator.demo.pool.layout import DIRECT, NAMES
from coalmine_aggregator.demo.pool.ledger import NOTHING, Deliveries
from coalmine_aggregator.demo.pool.words import lost_of
from coalmine_aggregator.web.alert_answers import AlertItem
from coalmine_aggregator.web.remediation_answers import NodeItem

RECENT_S = 5
"""How far customers' newest losses reach back."""

_STYLES = {
    "healthy": "green",
    "good": "green",
    "suspect": "yellow",
    "doubtful": "yellow",
    "none": "dim",
}
_STYLES |= {"recovering": "yellow", "unknown": "dim", "failed": "bold red", "bad": "bold red"}
_ALERTS = {"page": "bold red", "ticket": "red"}


@dataclass(frozen=True, slots=True)
class PoolPicture:
    """All that is shown of the pool."""

    page: str
    now: float
    nodes: Sequence[NodeItem] = ()
    broken: Mapping[str, str] = field(default_factory=dict)
    out: Sequence[str] = ()
    line: str = ""
    recent: Deliveries = NOTHING
    total: Deliveries = NOTHING
    alerts: Sequence[AlertItem] = ()
    keys: bool = False

    def render(self) -> RenderableType:
        """The table of nodes, and what holds besides it."""
        lost = "bold red" if self.recent.lost else "green"
        lines = [
            Text.assemble(
                ("customers: ", "dim"),
                (f"{lost_of(self.recent)} in the last {RECENT_S} s", lost),
                f", {lost_of(self.total)} in all",
            ),
            Text.assemble(("remediation: ", "dim"), self.line or "nothing is known yet"),
            *(
                Text(words.alert_line(each, self.now), _ALERTS.get(each.severity, ""))
                for each in self.alerts
            ),
            Text.assemble(("watch it on ", "dim"), (f"{self.page}/remediation", "underline")),
        ]
        if self.keys:
            lines.append(Text.assemble((" q ", "reverse"), " quit"))
        return Group(self._table(), *lines)

    def plain(self) -> str:
        """Nothing: the lines that are told say it all."""
        return ""

    def _table(self) -> Table:
        table = Table(title="the pool", title_justify="left", title_style="bold")
        for column in ("node", "on purpose", "balancer", "verdict", "its agent sees"):
            table.add_column(column)
        for member in DIRECT:
            table.add_column(f"{member.host} sees")
        views = {each.node: each for each in self.nodes}
        for name in NAMES:
            broken = self.broken.get(name)
            table.add_row(
                name,
                Text(broken or "-", "bold red" if broken else "dim"),
                Text("gets no work", "bold magenta")
                if name in self.out
                else Text("gets work", "green"),
                *_seen(name, views.get(name)),
            )
        return table


def _seen(name: str, view: NodeItem | None) -> list[Text]:
    if view is None:
        return [Text("-", "dim")] * (2 + len(DIRECT))
    opinions = {sight.host: sight.opinion for sight in view.sights}
    hosts = (name, *(member.host for member in DIRECT))
    shown = [view.verdict, *(opinions.get(host, "none") for host in hosts)]
    return [Text(each, _STYLES.get(each, "")) for each in shown]
