"""What the demo tells of alerts, pages and faults, in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from coalmine_aggregator.demo.faults import Fault
from coalmine_aggregator.model.counts import Counts
from coalmine_aggregator.web.alert_answers import AlertItem
from coalmine_aggregator.web.answers import SumFates


class PageData(msgspec.Struct):
    """What the demo tells of a page."""

    id: str
    severity: str
    subject: str
    owner: str
    page: str


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
    """An open alert, or one that has closed: where it is, what became of the datapoints, and why."""
    if alert.closed_at is None:
        state = f"open for {now - alert.opened_at:.0f} s"
    else:
        state = f"closed after {alert.closed_at - alert.opened_at:.0f} s"
    what = alert.alert_class.replace("_", " ")
    parts = [f"{where(alert)}: {what} ({alert.severity}), {alert.id} {state}"]
    if alert.sums.expected:
        parts.append(f"{share(alert.sums.bad, alert.sums.judged)} bad = {fates_of(alert.sums.fates)}")
    cause = alert.cause.replace("_", " ")
    parts.append(f"cause: {cause}, {alert.note}" if alert.note else f"cause: {cause}")
    return "; ".join(parts)


def where(alert: AlertItem) -> str:
    """The scope."""
    return alert.scope_text if alert.scope else f"all of {alert.service}"


def fates_of(fates: SumFates) -> str:
    """The fates that occurred."""
    by_fate: dict[str, int] = msgspec.to_builtins(fates)
    parts = [f"{count} {fate.replace('_', ' ')}" for fate, count in by_fate.items() if count]
    return " + ".join(parts) or "nothing yet"


def why_line(alert_id: str, page: str) -> str:
    """How to ask why."""
    return f"why: coalmine alerts explain {alert_id} --url {page}"


def fates_line(counts: Counts) -> str:
    """The fates that occurred, and what they add up to."""
    return f"{counts.expected} expected = {fates_of(SumFates(**counts.by_fate()))}"


def faults_line(faults: Sequence[Fault]) -> str:
    """What is broken on purpose."""
    return "; ".join(fault.words for fault in faults) or "nothing"


def public_lines(name: str, status: str, body: str, url: str) -> list[str]:
    """What customers read of an incident on the status page now, and where."""
    return [f"STATUS PAGE {status}: {name}", f"  {body}", f"  {url}"]


def page_lines(message: Page) -> list[str]:
    """A page or a ticket as its owner gets it; of what becomes of it later the subject alone."""
    page = message.data
    change = message.type.removeprefix("alert.")
    if change == "opened":
        text = [f"  {line}" for line in page.page.splitlines()]
        return [f"{page.severity.upper()} {page.owner or 'to nobody'}: {page.subject}", *text]
    word = "RESOLVED" if change == "closed" else change.upper()
    return [f"{word} {page.subject}"]
