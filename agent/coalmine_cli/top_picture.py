"""A snapshot of the fleet as lines for a terminal of some size. Pure.

What is wrong comes first where not everything fits. A status is a sign and a colour, never a colour
alone.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rich.text import Text

from coalmine_cli.alert_text import length, scope_text
from coalmine_cli.grid import Grid, Row, Square, grid_of, rank
from coalmine_cli.text_table import percent
from coalmine_cli.told import Alert
from coalmine_cli.told_live import Agent, Snapshot
from coalmine_runtime.printable import printable

LOCATIONS = ("", "external", "internal", "on-machine")

STALE_S = 5.0
"""A second that is older than this is told to be old."""

_SIGNS = {"ok": "✓", "partial": "!", "down": "✗", "unknown": "?"}
_STYLES = {"ok": "green", "partial": "yellow", "down": "bold red", "unknown": "cyan"}
_SEVERITIES = {"page": "bold red", "ticket": "yellow"}
_SHORT = {"pickle": "pick", "pickle_tls": "ptls", "https": "http"}
_SQUARE = 10  # columns of a square with counts, and the widest protocol's name
_SMALL = 4
_MAX_NAME = 24
_MIN_ALERTS = 3
_MIN_AGENTS = 2


class Looking(NamedTuple):
    """What the person at the terminal has chosen, and how old the newest snapshot is."""

    location: str = ""
    skipped: int = 0
    age_s: float = 0.0
    trouble: str = ""


def picture(snapshot: Snapshot, width: int, height: int, looking: Looking) -> list[Text]:
    """At most `height` lines of at most `width` columns."""
    grid = grid_of(snapshot.cells, looking.location)
    head = [_first(snapshot, looking), _second(snapshot, grid, looking)]
    head.append(
        Text(printable(looking.trouble), "bold red") if looking.trouble else _headline(snapshot)
    )
    alerts, agents = _alerts(snapshot), _agents(snapshot)
    room = height - len(head) - 1  # the keys
    few_alerts = min(len(alerts), _MIN_ALERTS)
    few_agents = min(len(agents), _MIN_AGENTS)
    rows = _grid(grid, width, max(2, room - few_alerts - few_agents - 2), looking.skipped)
    left = room - len(rows) - 2  # a blank line above each
    some_alerts = _fitting(alerts, max(few_alerts, left - few_agents), snapshot.open_total + 1)
    some_agents = _fitting(agents, left - len(some_alerts), len(agents))
    lines = [*head, *rows, Text(), *some_alerts, Text(), *some_agents]
    lines = [*lines[: height - 1], *[Text()] * (height - 1 - len(lines)), _keys(looking)]
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return lines


def plain(snapshot: Snapshot) -> list[str]:
    """All of it, for a pipe."""
    grid = grid_of(snapshot.cells)
    looking = Looking()
    lines = [_first(snapshot, looking), _second(snapshot, grid, looking), _headline(snapshot)]
    lines += _grid(grid, 1 << 16, len(grid.rows) + 1, 0)
    lines += [Text(), *_alerts(snapshot), Text(), *_agents(snapshot)]
    return [line.plain.rstrip() for line in lines]


def _first(snapshot: Snapshot, looking: Looking) -> Text:
    line = Text.assemble(
        ("Coalmine ", "bold"), printable(snapshot.fleet), (f" {printable(snapshot.version)}", "dim")
    )
    now = datetime.datetime.fromtimestamp(snapshot.now, datetime.UTC)
    line.append(f"  {now:%Y-%m-%d %H:%M:%S} UTC")
    if looking.trouble or looking.age_s > STALE_S:
        line.append(f"  nothing new for {length(looking.age_s)}", "bold red")
    for check in snapshot.checks:
        if not check.ok:
            line.append(f"  {printable(check.name)}: {printable(check.detail)}", "bold red")
    return line


def _second(snapshot: Snapshot, grid: Grid, looking: Looking) -> Text:
    total = grid.total
    line = Text()
    if snapshot.settled is None:
        return line.append("no second is settled yet", "cyan")
    line.append(f"{_SIGNS.get(total.status, '?')} ", _style(total.status))
    line.append(f"{total.received} of {total.expected} datapoints a second", _style(total.status))
    if total.judged_60s:
        line.append(f"  {percent(total.bad_60s / total.judged_60s)} loss in a minute")
    if looking.location:
        line.append(f"  seen from {looking.location}", "bold")
    behind = snapshot.now - snapshot.settled
    if behind > STALE_S + 3:
        line.append(f"  settled {length(behind)} ago", "bold red")
    return line


def _headline(snapshot: Snapshot) -> Text:
    told = snapshot.headline
    text = told.text
    if told.since is not None:
        began = datetime.datetime.fromtimestamp(told.since, datetime.UTC)
        today = began.date() == datetime.datetime.fromtimestamp(snapshot.now, datetime.UTC).date()
        text += f", since {began:{'%H:%M:%S' if today else '%Y-%m-%d %H:%M:%S'}} UTC"
    if told.more:
        text += f", and {told.more} more"
    return Text(f"{_SIGNS.get(told.status, '?')} {printable(text)}.", _style(told.status))


def _grid(grid: Grid, width: int, height: int, skipped: int) -> list[Text]:
    """A head and the rows that fit; the worst of them where not all do."""
    services = {row.service for row in grid.rows}
    names = [_name(row, len(services) > 1) for row in grid.rows]
    widest = min(max(map(len, names), default=0), _MAX_NAME)
    small = widest + len(grid.protocols) * (_SQUARE + 1) > width
    square = _SMALL if small else _SQUARE
    if not grid.rows:
        return [Text("nothing is sent here yet", "dim")]
    head = Text(" " * widest, "bold")
    for protocol in grid.protocols:
        shown = _SHORT.get(protocol, protocol) if small else protocol
        head.append(f" {printable(shown)[:square]:<{square}}")
    rows = list(zip(names, grid.rows, strict=True))
    room = height - 1
    note = None
    if len(rows) > room:
        room = max(1, room - 1)
        rows.sort(key=lambda each: (rank(each[1].status), -each[1].bad_60s))
        first = min(skipped, len(rows) - room)
        shown_rows = rows[first : first + room]
        rest = [row for _, row in (*rows[:first], *rows[first + room :])]
        worst = min((row.status for row in rest), key=rank)
        what = "all of them well" if worst == "ok" else f"the worst of them {worst}"
        note = Text(f"{len(rest)} more regions, {what}", "dim" if worst == "ok" else _style(worst))
        rows = shown_rows
    lines = [head, *(_row(name, row, widest, square) for name, row in rows)]
    return [*lines, note] if note is not None else lines


def _row(name: str, row: Row, widest: int, square: int) -> Text:
    if len(name) > widest:
        name = name[: widest - 1] + "…"
    line = Text(f"{name:<{widest}}")
    for each in row.squares:
        line.append(" ")
        line.append(f"{_square(each, square):<{square}}", _style(each.status) if each else "dim")
    return line


def _square(square: Square | None, width: int) -> str:
    if square is None:
        return "-"
    sign = _SIGNS.get(square.status, "?")
    counts = f"{sign} {square.received}/{square.expected}"
    if len(counts) <= width:
        return counts
    return f"{sign} {square.received / square.expected:.0%}"[:width] if width > _SMALL else sign


def _name(row: Row, with_service: bool) -> str:
    return printable(f"{row.service} {row.region}" if with_service else row.region)


def _alerts(snapshot: Snapshot) -> list[Text]:
    if not snapshot.open_total:
        return [Text("no alert is open", "green")]
    whole = [alert for alert in snapshot.open if not alert.folded_into]
    parts = [alert for alert in snapshot.open if alert.folded_into]
    return [
        Text(f"{snapshot.open_total} open alerts", "bold"),
        *(_alert(alert, snapshot.now) for alert in (*whole, *parts)),
    ]


def _alert(alert: Alert, now: float) -> Text:
    style = _SEVERITIES.get(alert.severity, "")
    sums = alert.total if alert.total.expected else alert.sums
    bad = f", {sums.bad} of {sums.judged} bad" if sums.expected else ""
    part = f", part of {alert.folded_into}" if alert.folded_into else ""
    cause = f", cause: {alert.cause.replace('_', ' ')}" if alert.cause not in ("", "unknown") else ""
    where = scope_text(alert.scope, alert.service)
    told = f"{alert.id}: {where}, {length(now - alert.since)}{bad}{cause}{part}"
    return Text.assemble(
        (f"{printable(alert.severity):<6} ", style), (printable(told), "dim" if part else "")
    )


def _agents(snapshot: Snapshot) -> list[Text]:
    by_status = _counted(snapshot.agents_by_status)
    lines = [Text(f"{snapshot.agents_total} agents: {by_status}" if by_status else "no agents", "bold")]
    return lines + [_agent(agent) for agent in snapshot.agents if _noteworthy(agent)]


def _agent(agent: Agent) -> Text:
    what = ", ".join([agent.status.replace("_", " "), *agent.impaired, *filter(None, [agent.note])])
    return Text(printable(f"{agent.agent} in {agent.region}: {what}"), "yellow")


def _noteworthy(agent: Agent) -> bool:
    return bool(agent.impaired) or agent.status not in ("alive", "retired")


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {printable(status).replace('_', ' ')}" for status, n in counts.items() if n)


def _fitting(lines: Sequence[Text], room: int, total: int) -> list[Text]:
    """The first of the lines; the last one that fits says how many do not."""
    if total <= len(lines) <= room:
        return list(lines)
    shown = list(lines[: max(1, room - 1)])
    return [*shown, Text(f"and {total - len(shown)} more", "dim")] if room > 1 else shown


def _keys(looking: Looking) -> Text:
    line = Text()
    for key, what in (
        ("q", "quit"),
        ("←→", f"seen from {looking.location or 'everywhere'}"),
        ("↑↓", "scroll"),
    ):
        line.append(f" {key} ", "reverse")
        line.append(f" {what}  ")
    return line


def _style(status: str) -> str:
    return _STYLES.get(status, "cyan")
