"""The page's first line: what is wrong, the worst of it, or that all is well. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from coalmine_aggregator.model.alert_headline import alert_headline
from coalmine_aggregator.model.alerts import Alert, Severity
from coalmine_aggregator.web.answers import Answer
from coalmine_aggregator.web.cells import Cell, Status
from coalmine_aggregator.web.view import Health


class Headline(Answer):
    """What the page says first: `text`, a sentence without a point at its end.

    Where it is of an alert, the worst one that is open, `since` is the first slot with loss, and `more`
    counts the other open ones; else `since` is None.
    """

    status: Status
    text: str
    since: int | None
    more: int


def headline_of(open_alerts: Sequence[Alert], health: Health, cells: Sequence[Cell]) -> Headline:
    """The first line; `open_alerts` are all of them, the worst first."""
    if open_alerts:
        worst = open_alerts[0]
        status = Status.DOWN if worst.severity is Severity.PAGE else Status.PARTIAL
        return Headline(status, alert_headline(worst), worst.since, len(open_alerts) - 1)
    failing = [check.name for check in health.checks if not check.ok]
    if failing:
        return _quiet(Status.PARTIAL, f"Coalmine itself is not well: {', '.join(failing)}")
    if health.settled is None or not cells:
        return _quiet(Status.UNKNOWN, "No agent has been heard yet")
    counts = Counter(cell.status for cell in cells)
    losing = counts[Status.DOWN] + counts[Status.PARTIAL]
    if losing:
        return _quiet(Status.PARTIAL, f"No alert is open; {_cells(losing)} losing datapoints")
    if counts[Status.UNKNOWN]:
        return _quiet(Status.UNKNOWN, f"No loss is seen; {_cells(counts[Status.UNKNOWN])} unknown")
    return _quiet(Status.OK, "Every datapoint arrives")


def _quiet(status: Status, text: str) -> Headline:
    return Headline(status, text, None, 0)


def _cells(number: int) -> str:
    return "1 cell is" if number == 1 else f"{number:,} cells are"
