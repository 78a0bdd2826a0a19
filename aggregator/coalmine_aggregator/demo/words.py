"""What the demo tells of alerts, pages and faults, in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from coalmine_aggregator.demo.faults import Fault
from coalmine_aggregator.model.counts import Counts
from coalmine_aggregator.web.alert_answers import AlertItem


class PageData(msgspec.Struct):
    """What the demo tells of a page."""

    summary: str
    owner: str
    playbook: str


class Page(msgspec.Struct):
    """The webhook's message, as far as the demo tells it."""

    type: str
    data: PageData


def share(part: int, whole: int) -> str:
    """A share in per cent, of counts: never 100 while something is missing."""
    if not whole:
        return "nothing"
    percent = 100 * part / whole
    if part < whole:
        percent = min(percent, 99.99)
    return f"{percent:.4g} %"


def alert_line(alert: AlertItem, now: float) -> str:
    """An open alert, or one that has closed."""
    sums = alert.sums
    where = alert.scope_text if alert.scope else f"all of {alert.service}"
    loss = f"{share(sums.bad, sums.judged)} of {where} ({sums.bad} of {sums.judged} bad)"
    if alert.closed_at is None:
        return f"{alert.id} open for {now - alert.opened_at:.0f} s: {loss}"
    return f"{alert.id} closed after {alert.closed_at - alert.opened_at:.0f} s: {loss}"


def fates_line(counts: Counts) -> str:
    """The fates that occurred, and what they add up to."""
    by_fate = {fate: count for fate, count in counts.by_fate().items() if count}
    parts = " + ".join(f"{count} {fate.replace('_', ' ')}" for fate, count in by_fate.items())
    return f"{counts.expected} expected = {parts or 'nothing yet'}"


def faults_line(faults: Sequence[Fault]) -> str:
    """What is broken on purpose."""
    return "; ".join(fault.words for fault in faults) or "nothing"


def page_line(message: Page) -> str:
    """A page in one line; that its scope changed, which pages nobody again; or that it is over."""
    page = message.data
    if message.type == "alert.closed":
        return f"RESOLVED {page.summary}"
    if message.type == "alert.changed":
        return f"CHANGED {page.summary}"
    return f"PAGE {page.owner}: {page.summary}; playbook {page.playbook}"
