"""A page as people read it at 3 in the morning: how much, how far, what to do. Pure.

The subject, then the blocks ASSESS, BLAST RADIUS and COMPENSATE, each line at most `WIDTH` characters
where words allow; last how to see more and how to take it on. Of an alert that is over the first block
says what it has cost.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from coalmine_aggregator.model.alert_headline import service_name
from coalmine_aggregator.model.alerts import Alert, AlertClass, Cause, Change, Severity, Transition
from coalmine_aggregator.model.counts import Counts
from coalmine_aggregator.model.explanation import SELF_CHECK
from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.model.figures import clock_time, percent, span
from coalmine_aggregator.model.figures import length as window_length
from coalmine_aggregator.model.scopes import describe
from coalmine_aggregator.notify.links import Links
from coalmine_aggregator.notify.plain import cut, one_line, plain
from coalmine_aggregator.notify.subject import bad_word, headline

WIDTH = 78
INDENT = 14
NOTE_CHARS = 400

_MEANING = {
    Fate.LOST: "sent, never arrived",
    Fate.FAILED: "a step went wrong",
    Fate.ABANDONED: "not done in a second",
    Fate.LATE: "arrived too late",
}
_ALWAYS = (Fate.LOST, Fate.FAILED, Fate.ABANDONED, Fate.UNKNOWN)
_ORDER = (Fate.LOST, Fate.LATE, Fate.FAILED, Fate.ABANDONED, Fate.UNKNOWN, Fate.NOT_ATTEMPTED)
_COUNTED = frozenset({AlertClass.LOSS, AlertClass.LATE, AlertClass.DUPLICATES, AlertClass.BURN})


class Page(NamedTuple):
    """`subject` has under 50 characters, `body` lines with a newline between; plain text, both."""

    subject: str
    body: str


def page_text(transition: Transition, links: Links) -> Page:
    """What one transition says."""
    alert = transition.alert
    over = transition.change is Change.CLOSED
    lines = [
        *_what_happened(transition),
        *_block("COST" if over else "ASSESS", _assess(transition)),
        *_block("BLAST RADIUS", _reach(transition)),
    ]
    if not over:
        lines += _block("COMPENSATE", _compensate(alert))
    view = links.view(alert)
    if view:
        lines.append(f"View {view}")
    if over:
        if alert.severity is Severity.PAGE and not alert.folded_into:
            lines.append(f"Was there anything to do? coalmine alerts review {alert.number}")
    elif alert.acknowledged_at is None:
        lines.append(f"Ack: coalmine alerts ack {alert.id}")
    # A name may hold a newline: no line of ours begins within it.
    flat = (plain(line).replace("\n", " ") for line in lines)
    return Page(one_line(headline(transition)), "\n".join(flat))


def _what_happened(transition: Transition) -> list[str]:
    alert, at = transition.alert, transition.at
    if transition.change is Change.CHANGED:
        return _block("CHANGED", [f"at {clock_time(at)} UTC; it is the same alert, told anew"])
    if transition.change is Change.ACKNOWLEDGED:
        return _block("TAKEN", [f"by {_said(alert.acknowledged_by)} at {clock_time(at)} UTC"])
    if transition.change is Change.CLOSED:
        lasted = f"at {clock_time(at)} UTC, {span(at - alert.since)} after it began"
        into = f"; part of {alert.folded_into} now" if alert.folded_into else ""
        return _block("CLOSED", [f"{lasted}{into}"])
    return []


def _assess(transition: Transition) -> list[str]:
    alert = transition.alert
    over = transition.change is Change.CLOSED
    counts = alert.total if over and alert.total.expected else alert.counts
    since = _since(transition)
    if not counts.expected:
        return [f"{_said(alert.note) or 'nothing is counted here'}. {since}"]
    lines = [_tally(alert, counts, over)]
    if alert.alert_class in _COUNTED:
        lines.append(_fates(counts))
    beside = _beside(alert)
    together = f"{beside}. {since}" if beside and not over else since
    lines += [together] if len(together) <= WIDTH - INDENT else [beside, since]
    if alert.alert_class is not AlertClass.LOSS and alert.note:
        lines.insert(0, _said(alert.note))
    return lines


def _tally(alert: Alert, counts: Counts, over: bool) -> str:
    window = f" in {window_length(alert.window_s)}" if alert.window_s and not over else ""
    if alert.alert_class is AlertClass.BLIND:
        return f"{counts.fates[Fate.UNKNOWN]} of {counts.expected} datapoints unknown{window}"
    labels = dict(alert.scope)
    kind = " ".join(value for label in ("protocol", "variant") if (value := labels.get(label)))
    what = f"{kind} datapoints" if kind else "datapoints"
    text = f"{counts.bad} of {counts.judged} {what} {bad_word(alert)}{window}"
    return f"{text} (acceptable {percent(alert.acceptable_loss)})"


def _fates(counts: Counts) -> str:
    """Each bad fate and what is unknown; in words what most of the bad ones met."""
    worst = max(_MEANING, key=lambda fate: counts.fates[fate])
    parts = []
    for fate in _ORDER:
        number = counts.fates[fate]
        if number or fate in _ALWAYS:
            meaning = f" ({_MEANING[fate]})" if fate is worst and number else ""
            parts.append(f"{fate.label} {number}{meaning}")
    return " ".join(parts)


def _beside(alert: Alert) -> str:
    beside = alert.beside
    if not beside.judged:
        return ""
    only = [label for label, _ in alert.scope]
    rest = f"other {only[0]}s" if len(only) == 1 else f"the rest of {service_name(alert.service)}"
    return f"{rest}: {beside.judged - beside.bad} of {beside.judged} delivered"


def _since(transition: Transition) -> str:
    alert = transition.alert
    same_day = int(alert.since) // 86_400 == int(transition.at) // 86_400
    return f"Since {clock_time(alert.since, date=not same_day)} UTC"


def _reach(transition: Transition) -> list[str]:
    alert = transition.alert
    scope = describe(alert.scope) if alert.scope else f"all of {service_name(alert.service)}"
    reach = ", ".join(f"{each.affected} of {each.total} {each.label}s" for each in alert.reach)
    lines = [f"{scope}: {reach}" if reach else scope]
    if alert.equivalents:
        lines.append("the same series: " + "; ".join(map(describe, alert.equivalents)))
    told = []
    if alert.alert_class is AlertClass.LOSS or alert.cause is not Cause.UNKNOWN:
        why = f" ({_said(alert.note)})" if alert.note and alert.alert_class is AlertClass.LOSS else ""
        told.append(f"cause: {alert.cause.replace('_', ' ')}{why}")
    if transition.change in (Change.OPENED, Change.CHANGED):
        proof = dict(transition.explanation.facts).get(SELF_CHECK)
        told.append(f"Self-check {_said(proof)}" if proof else "No self-check is set up")
    if told:
        lines.append(". ".join(told))
    return lines


def _compensate(alert: Alert) -> list[str]:
    steps = "  ".join(f"{n} {_said(step)}" for n, step in enumerate(alert.steps, 1))
    owner = f"owner {_said(alert.owner)}" if alert.owner else "no owner is named"
    playbook = one_line(alert.playbook) or "no playbook is linked"
    together = f"{playbook}   {owner}"
    last = [together] if len(together) <= WIDTH - INDENT else [playbook, owner]
    return [*([steps] if steps else []), *last]


def _said(text: str) -> str:
    return cut(one_line(text), NOTE_CHARS)


def _block(name: str, lines: Sequence[str]) -> list[str]:
    wrapped = [part for line in lines for part in _wrapped(line)]
    heads = [f"{name:<{INDENT}}", *([" " * INDENT] * (len(wrapped) - 1))]
    return [head + line for head, line in zip(heads, wrapped, strict=True)]


def _wrapped(line: str) -> Iterable[str]:
    """A link is never broken: it could not be followed."""
    if len(line) <= WIDTH - INDENT:
        return [line]
    return textwrap.wrap(
        line, WIDTH - INDENT, break_long_words=False, break_on_hyphens=False, drop_whitespace=True
    ) or [line]
