"""What a page says below its subject. Pure.

The summary adds the exact counts to the subject; the details are for those who have read both.
"""

from __future__ import annotations

from coalmine_aggregator.model.alerts import Alert, AlertClass, Cause, Transition
from coalmine_aggregator.model.counts import Counts
from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.model.figures import length, percent, utc
from coalmine_aggregator.model.scopes import describe
from coalmine_aggregator.notify.plain import one_line
from coalmine_aggregator.notify.subject import bad_word, headline

CAUSES = {
    Cause.SERVICE: "service (the service itself loses them)",
    Cause.NETWORK: "network (on the way to the service)",
    Cause.AGENT: "agent (not the service: who sends)",
    Cause.RECEIPT_PATH: "receipt path (not the service: the way from it to Coalmine)",
    Cause.UNKNOWN: "unknown (nothing tells whose fault it is)",
}

EFFECTS = {
    Fate.FAILED.label: "failed (a step of the attempt went wrong)",
    Fate.ABANDONED.label: "abandoned (not done in a second)",
    Fate.LOST.label: "lost (sent, never arrived)",
    Fate.LATE.label: "late (arrived too late)",
}


def summary(transition: Transition) -> str:
    """The headline and the exact counts, on one line, whatever stands in labels."""
    counts = tally(transition.alert)
    return one_line(f"{headline(transition)} ({counts})" if counts else headline(transition))


def tally(alert: Alert) -> str:
    """For example `44 of 44 lost in 2 s, acceptable 0.1%`; the note where nothing was counted."""
    counts = alert.counts
    if not counts.expected:
        return alert.note
    window = f" in {length(alert.window_s)}" if alert.window_s else ""
    if alert.alert_class is AlertClass.BLIND:
        return f"{counts.fates[Fate.UNKNOWN]} of {counts.expected} unknown{window}"
    text = f"{counts.bad} of {counts.judged} {bad_word(alert)}{window}"
    unjudged = counts.expected - counts.judged
    if unjudged:
        text += f", {unjudged} unknown or not attempted"
    return f"{text}, acceptable {percent(alert.acceptable_loss)}"


def details(transition: Transition) -> dict[str, str]:
    """Facts under their names, in the order in which they are read; those without a value left out."""
    alert = transition.alert
    told = tally(alert)
    # Only of a loss it is always asked; other classes name a cause where they know one.
    culprit = alert.cause is not Cause.UNKNOWN or alert.alert_class is AlertClass.LOSS
    facts = {
        "scope": describe(alert.scope),
        "equivalents": "; ".join(describe(scope) for scope in alert.equivalents),
        "counts": told,
        "fates": _fates(alert.counts) if alert.counts.expected else "",
        "total": _sum(alert.total, alert),
        "rest of the service": _sum(alert.beside, alert),
        "cause": CAUSES[alert.cause] if culprit else "",
        "effect": EFFECTS.get(alert.effect, alert.effect),
        "note": "" if alert.note == told else alert.note,
        "since": utc(alert.since),
        "opened": utc(alert.opened_at),
        "closed": "" if alert.closed_at is None else utc(alert.closed_at),
        "folded into": alert.folded_into,
        "owner": alert.owner,
        "playbook": alert.playbook,
        "alert": f"{alert.id} (number {alert.number}, fleet {alert.fleet})",
    }
    return {name: fact for name, fact in facts.items() if fact}


def _sum(counts: Counts, alert: Alert) -> str:
    return f"{counts.bad} of {counts.judged} {bad_word(alert)}" if counts.expected else ""


def _fates(counts: Counts) -> str:
    return " ".join(f"{name} {count}" for name, count in counts.by_fate().items())
