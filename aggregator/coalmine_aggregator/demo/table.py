"""The terminal's picture of one second. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from coalmine_aggregator.demo import words
from coalmine_aggregator.demo.faults import Fault
from coalmine_aggregator.demo.fleet import REGIONS, agents_in
from coalmine_aggregator.demo.tally import Cell
from coalmine_aggregator.model.counts import NOTHING, Counts
from coalmine_aggregator.web.alert_answers import AlertItem
from coalmine_wire.protocols import Protocol

KEYS = {"u": "lose udp", "t": "refuse tcp", "e": "lose half of eu-west-1", "r": "repair", "q": "quit"}
"""What can be pressed, and what it does."""


_STYLES = {"page": "bold red", "ticket": "red"}


@dataclass(frozen=True, slots=True)
class Picture:
    """All that is shown. `newest` are the counts of the last settled second, `total` of all."""

    page: str
    now: float
    slots: int = 0
    newest: dict[Cell, Counts] = field(default_factory=dict)
    total: Counts = NOTHING
    faults: Sequence[Fault] = ()
    alerts: Sequence[AlertItem] = ()
    keys: bool = False
    status_page: str = ""

    def render(self) -> RenderableType:
        """The table, what holds besides it, and the keys."""
        lines = [
            Text.assemble(("broken on purpose: ", "dim"), words.faults_line(self.faults)),
            Text.assemble((f"{self.slots} s: ", "dim"), words.fates_line(self.total)),
            *_alerts(self),
            Text.assemble(("live page: ", "dim"), (self.page, "underline")),
        ]
        if self.status_page:
            lines.append(Text.assemble(("status page: ", "dim"), (self.status_page, "underline")))
        if self.keys:
            lines.append(_footer())
        return Group(_grid(self), *lines)

    def plain(self) -> str:
        """The newest settled second as one line; empty before the first."""
        if not self.newest:
            return ""
        rates = " ".join(
            f"{protocol}={_across(self, protocol).received}/{_across(self, protocol).expected}"
            for protocol in Protocol
        )
        alerts = "".join(f"; {alert.id} open: {words.where(alert)}" for alert in self.alerts)
        return f"{self.slots} s: {rates}; {words.fates_line(self.total)}{alerts}"


def _across(picture: Picture, protocol: Protocol) -> Counts:
    cells = (picture.newest.get(Cell(str(protocol), region), NOTHING) for region in REGIONS)
    return sum(cells, NOTHING)


def _grid(picture: Picture) -> Table:
    table = Table(title="sum rates, datapoints a second", title_justify="left", title_style="bold")
    table.add_column("")
    for region in REGIONS:
        table.add_column(f"{region}\n{agents_in(region)} agents", justify="right")
    table.add_column("all\n", justify="right")
    for protocol in Protocol:
        cells = [picture.newest.get(Cell(str(protocol), region), NOTHING) for region in REGIONS]
        table.add_row(str(protocol), *map(_cell, cells), _cell(_across(picture, protocol)))
    return table


def _cell(counts: Counts) -> Text:
    """Received of expected: green when all is well, red with loss, yellow where nobody knows."""
    if not counts.expected:
        return Text("-", "dim")
    if counts.bad:
        style = "bold red"
    elif counts.judged < counts.expected:
        style = "yellow"
    else:
        style = "green"
    return Text(f"{counts.received}/{counts.expected}", style)


def _alerts(picture: Picture) -> list[Text]:
    if not picture.alerts:
        return [Text.assemble(("alerts: ", "dim"), ("none open", "green"))]
    lines = [
        Text(words.alert_line(alert, picture.now), _STYLES[alert.severity]) for alert in picture.alerts
    ]
    return [*lines, Text(words.why_line(picture.alerts[0].id, picture.page), "dim")]


def _footer() -> Text:
    footer = Text()
    for key, what in KEYS.items():
        footer.append(f" {key} ", "reverse")
        footer.append(f" {what}  ")
    return footer
