"""What a page says. Pure.

The subject is an order, under 50 characters, and names the blast radius; the summary adds the exact
counts; the details are for those who have read both.
"""

from __future__ import annotations

import datetime
import math

from coalmine_aggregator.model.alerts import Alert, Change, Transition
from coalmine_aggregator.model.counts import Counts
from coalmine_aggregator.model.scopes import Scope, describe

SUBJECT_CHARS = 49

_PLACES = ("region", "zone", "node", "host")


def subject(alert: Alert) -> str:
    """For example `Restore ingest UDP: 100% lost, all regions`; at most `SUBJECT_CHARS` characters."""
    what, where = _what(alert.scope), _where(alert.scope)
    loss = alert.counts.loss
    lost = f"{percent(loss)} lost" if loss is not None else "loss"
    start = " ".join(word for word in ("Restore", alert.service, what) if word)
    for text in (f"{start}: {lost}, {where}", f"{start}: {lost}"):
        if len(text) <= SUBJECT_CHARS:
            return text
    room = SUBJECT_CHARS - len(f": {lost}") - 1
    return f"{start[:room]}…: {lost}"


def headline(transition: Transition) -> str:
    """The subject of an alert that is open; of a closed one, that it is over."""
    if transition.change is not Change.CLOSED:
        return subject(transition.alert)
    alert = transition.alert
    what = " ".join(word for word in (alert.service, _what(alert.scope)) if word)
    text = f"Restored {what}"
    return text if len(text) <= SUBJECT_CHARS else f"{text[: SUBJECT_CHARS - 1]}…"


def summary(transition: Transition) -> str:
    """The headline and the exact counts, on one line."""
    return f"{headline(transition)} ({tally(transition.alert)})"


def tally(alert: Alert) -> str:
    """For example `44 of 44 lost in 2 s, acceptable 0.1%`."""
    counts = alert.counts
    text = f"{counts.bad} of {counts.judged} lost in {alert.window_s} s"
    unjudged = counts.expected - counts.judged
    if unjudged:
        text += f", {unjudged} unknown or not attempted"
    return f"{text}, acceptable {percent(alert.acceptable_loss)}"


def details(transition: Transition) -> dict[str, str]:
    """Facts under their names, in the order in which they are read."""
    alert = transition.alert
    facts = {
        "scope": describe(alert.scope),
        "counts": tally(alert),
        "fates": _fates(alert.counts),
        "rest of the service": f"{alert.beside.bad} of {alert.beside.judged} lost",
        "since": utc(alert.since),
        "opened": utc(alert.opened_at),
        "closed": "" if alert.closed_at is None else utc(alert.closed_at),
        "owner": alert.owner,
        "playbook": alert.playbook,
        "alert": f"{alert.id} (number {alert.number}, fleet {alert.fleet})",
    }
    return {name: fact for name, fact in facts.items() if fact}


def percent(share: float) -> str:
    """Two significant digits, never rounded up to 100% nor down to 0%: `100%`, `99.9%`, `0.12%`."""
    value = share * 100
    if value <= 0 or value >= 100:
        return "0%" if value <= 0 else "100%"
    if value >= 99:
        # 99.96 is not 100: cut, do not round.
        return f"{math.floor(value * 10 + 1e-9) / 10:g}%"
    digits = max(0, 1 - math.floor(math.log10(value)))
    rounded = round(value, digits)
    return f"{rounded:.{digits}f}".rstrip("0").rstrip(".") + "%" if digits else f"{rounded:.0f}%"


def utc(at: float) -> str:
    """Seconds since the epoch as `2026-11-20T03:12:00Z`, with milliseconds where there are any."""
    moment = datetime.datetime.fromtimestamp(at, datetime.UTC).replace(tzinfo=None)
    spec = "milliseconds" if moment.microsecond else "seconds"
    return f"{moment.isoformat(timespec=spec)}Z"


def _what(scope: Scope) -> str:
    """The labels of a scope that say what kind of traffic it is: `UDP`, `HTTPS eu`, `internal`."""
    labels = dict(scope)
    words = [labels.get("protocol", "").upper(), labels.get("variant", ""), labels.get("location", "")]
    return " ".join(word for word in words if word)


def _where(scope: Scope) -> str:
    """The place, the narrowest label of it; `all regions` where the scope names none."""
    places = [value for label, value in scope if label in _PLACES]
    return places[-1] if places else "all regions"


def _fates(counts: Counts) -> str:
    return " ".join(f"{name} {count}" for name, count in counts.by_fate().items())
