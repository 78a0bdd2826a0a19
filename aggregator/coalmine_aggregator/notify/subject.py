"""A page's first line: an order, under 50 characters, that names the blast radius. Pure.

Each class has its own order, and its own way to say that it is over. Where there is not enough room,
the place goes first, then the end of a name; the figure and the order stay.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from coalmine_aggregator.model.alert_headline import incident_name, node_name, output_name, service_name
from coalmine_aggregator.model.alerts import Alert, AlertClass, Change, Severity, Transition
from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.model.figures import percent
from coalmine_aggregator.model.scopes import Scope

SUBJECT_CHARS = 49

_PLACES = ("region", "zone", "node", "host")

# Figures that no field holds stand in the note, which says them in a sentence.
_SILENT_AGENTS = re.compile(r"(\d{1,7}) of \d+ agents")
_SPEED = re.compile(r"\d{1,5}(?:\.\d{1,2})?x")
_SHARE = re.compile(r"(\d{1,3}(?:\.\d{1,6})?)%")
_WITHDRAWN = re.compile(r"over because ([a-z0-9_, -]{1,200}) w(?:as|ere) withdrawn")
_DAYS = re.compile(r"\d{1,5}(?:\.\d)? days?")


class _Line(NamedTuple):
    """`start` may be cut, `end` never is, `tail` is left out where it does not fit."""

    start: str
    end: str = ""
    tail: str = ""

    def fitted(self) -> str:
        for text in (f"{self.start}{self.end}{self.tail}", f"{self.start}{self.end}"):
            if len(text) <= SUBJECT_CHARS:
                return text
        return f"{self.start[: SUBJECT_CHARS - len(self.end) - 1]}…{self.end}"


def subject(alert: Alert) -> str:
    """For example `Restore ingest UDP: 100% lost, all regions`; at most `SUBJECT_CHARS` characters."""
    return _ORDERS[alert.alert_class](alert).fitted()


def headline(transition: Transition) -> str:
    """The subject of an alert that is open; of a closed one that it is over, or part of a wider one."""
    alert = transition.alert
    if transition.change is not Change.CLOSED:
        return subject(alert)
    if alert.folded_into:
        return _Line(f"Part of {alert.folded_into} now: {alert.id}").fitted()
    return _Line(_OVER[alert.alert_class](alert)).fitted()


def bad_word(alert: Alert) -> str:
    """What the bad datapoints are called in a count: `late` where most came late, else `lost`."""
    late = alert.alert_class is AlertClass.LATE or alert.effect == Fate.LATE.label
    return Fate.LATE.label if late else Fate.LOST.label


def _loss(alert: Alert) -> _Line:
    loss = alert.counts.loss
    lost = "loss" if loss is None else f"{percent(loss)} {bad_word(alert)}"
    return _Line(f"Restore {_traffic(alert)}", f": {lost}", f", {_where(alert.scope)}")


def _loss_over(alert: Alert) -> str:
    """Nothing is restored where the nodes that lost were taken out of the service."""
    withdrawn = _WITHDRAWN.search(alert.note)
    if withdrawn is None:
        return f"Restored {_traffic(alert)}"
    return f"Taken out of {service_name(alert.service)}: {withdrawn[1]}"


def _self_check(alert: Alert) -> _Line:
    miscounts = alert.severity is Severity.PAGE
    return _Line("Check Coalmine", ": it miscounts" if miscounts else ": nothing proves its counts")


def _blind(alert: Alert) -> _Line:
    counts = alert.counts
    start = f"Restore sight of {service_name(alert.service)}"
    if not counts.expected:
        return _Line(start)
    return _Line(start, f": {percent(counts.fates[Fate.UNKNOWN] / counts.expected)} unknown")


def _agents_missing(alert: Alert) -> _Line:
    found = _SILENT_AGENTS.match(alert.note)
    number = int(found[1]) if found else 1
    who = "the silent agent" if number == 1 else f"{number} silent agents"
    return _Line(f"Find {who}: {_place(alert.scope)}")


def _burn(alert: Alert) -> _Line:
    speed = _SPEED.search(alert.note)
    start = f"Slow the loss of {service_name(alert.service)}"
    return _Line(start, f": {speed[0]} budget" if speed else "")


def _late(alert: Alert) -> _Line:
    loss = alert.counts.loss
    late = f": {percent(loss)} late" if loss is not None else ""
    return _Line(f"Deliver {_traffic(alert)} in time", late, f", {_where(alert.scope)}")


def _duplicates(alert: Alert) -> _Line:
    return _Line(f"Stop duplicates of {_traffic(alert)}", "", f", {_where(alert.scope)}")


def _slow(alert: Alert) -> _Line:
    return _Line(f"Speed up {_traffic(alert)}", ": slower than usual", f", {_where(alert.scope)}")


def _certificate(alert: Alert) -> _Line:
    left = _DAYS.search(alert.note)
    return _Line(f"Renew certificate of {_traffic(alert)}", f": {left[0]}" if left else "")


def _budget(alert: Alert) -> _Line:
    lost = _SHARE.search(alert.note)
    end = f": {percent(float(lost[1]) / 100)}" if lost else ""
    return _Line(f"Lower the steady loss of {service_name(alert.service)}", end)


def _identity_clash(alert: Alert) -> _Line:
    return _Line(f"Tell agents apart: {_place(alert.scope)}")


_ORDERS: dict[AlertClass, Callable[[Alert], _Line]] = {
    AlertClass.LOSS: _loss,
    AlertClass.SELF_CHECK: _self_check,
    AlertClass.BLIND: _blind,
    AlertClass.AGENTS_MISSING: _agents_missing,
    AlertClass.REMEDIATION_FREEZE: lambda alert: _Line(
        f"Look at the nodes of {service_name(alert.service)}", ": many bad"
    ),
    AlertClass.REMEDIATION_REVERT: lambda alert: _Line(
        f"Look at {node_name(alert)}", ": withdrawn in vain", f", {service_name(alert.service)}"
    ),
    AlertClass.BURN: _burn,
    AlertClass.LATE: _late,
    AlertClass.DUPLICATES: _duplicates,
    AlertClass.SLOW: _slow,
    AlertClass.CERTIFICATE: _certificate,
    AlertClass.BUDGET: _budget,
    AlertClass.IDENTITY_CLASH: _identity_clash,
    AlertClass.UNDELIVERED: lambda alert: _Line(f"Restore paging by {alert.handle or 'a receiver'}"),
    AlertClass.REMEDIATION_OUTPUT: lambda alert: _Line(f"Restore withdrawing by {output_name(alert)}"),
    AlertClass.PEER: lambda alert: _Line(f"Check {_watcher(alert)}"),
    AlertClass.UPDATE_DUE: lambda alert: _Line(f"Say how {incident_name(alert.handle)} does"),
}

_OVER: dict[AlertClass, Callable[[Alert], str]] = {
    AlertClass.LOSS: _loss_over,
    AlertClass.SELF_CHECK: lambda _: "Coalmine counts right again",
    AlertClass.BLIND: lambda alert: f"Sight restored of {service_name(alert.service)}",
    AlertClass.AGENTS_MISSING: lambda alert: f"No longer missing: agents of {_place(alert.scope)}",
    AlertClass.REMEDIATION_FREEZE: lambda alert: (
        f"No longer many bad: nodes of {service_name(alert.service)}"
    ),
    AlertClass.REMEDIATION_REVERT: lambda alert: (
        f"Said long enough: {node_name(alert)} withdrawn in vain"
    ),
    AlertClass.BURN: lambda alert: f"Slowed the loss of {service_name(alert.service)}",
    AlertClass.LATE: lambda alert: f"In time again: {_traffic(alert)}",
    AlertClass.DUPLICATES: lambda alert: f"No more duplicates of {_traffic(alert)}",
    AlertClass.SLOW: lambda alert: f"As fast as usual again: {_traffic(alert)}",
    AlertClass.CERTIFICATE: lambda alert: f"Certificate renewed of {_traffic(alert)}",
    AlertClass.BUDGET: lambda alert: f"Loss acceptable again of {service_name(alert.service)}",
    AlertClass.IDENTITY_CLASH: lambda alert: f"Agents told apart: {_place(alert.scope)}",
    AlertClass.UNDELIVERED: lambda alert: f"Paging restored by {alert.handle or 'a receiver'}",
    AlertClass.REMEDIATION_OUTPUT: lambda alert: f"Withdrawing restored by {output_name(alert)}",
    AlertClass.PEER: lambda alert: f"Well again: {_watcher(alert)}",
    AlertClass.UPDATE_DUE: lambda alert: f"No longer due: an update of {incident_name(alert.handle)}",
}


def _watcher(alert: Alert) -> str:
    """Who watches Coalmine: the other aggregator, by its name, or whoever waits for the heartbeat."""
    return "the heartbeat" if alert.handle == "heartbeat" else f"aggregator {alert.handle}".rstrip()


def _traffic(alert: Alert) -> str:
    """The service and the labels that say what kind of traffic it is: `ingest HTTPS eu`."""
    labels = dict(alert.scope)
    kind = (labels.get("protocol", "").upper(), labels.get("variant", ""), labels.get("location", ""))
    return " ".join(word for word in (service_name(alert.service), *kind) if word)


def _where(scope: Scope) -> str:
    """The place, the narrowest label of it; `all regions` where the scope names none."""
    places = [value for label, value in scope if label in _PLACES]
    return places[-1] if places else "all regions"


def _place(scope: Scope) -> str:
    """The places with their labels, the whole fleet where there are none: `external zone dc1-a`."""
    words = [value if label == "location" else f"{label} {value}" for label, value in scope]
    return " ".join(words) or "the whole fleet"
