"""What is wrong, in one plain sentence: `All UDP of ingest is lost, all regions`. Pure.

The page, the wall and the terminal all say it; when it began is told beside it, in whatever zone people
read. Which of several alerts is the worst is decided here, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from coalmine_aggregator.model.alerts import Alert, AlertClass, Severity
from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.model.scopes import PREFERENCE

_AT: Final = {"region": " in ", "zone": " in zone ", "node": " at node ", "host": " from host "}
"""How a place is told, the narrower later."""

_OURS: Final = {"_fleet": "the fleet", "_control": "the control agent"}
OUTPUT: Final = "output-"
"""What the handle of an output's trouble begins with; its name follows."""

_NEARLY: Final = 0.99
"""A loss that began within the window that is counted is of nearly all at first."""

_RANK: Final = {each: rank for rank, each in enumerate(AlertClass)}
_ENDED: Final = {
    Fate.FAILED.label: "fails",
    Fate.ABANDONED.label: "is abandoned",
    Fate.LATE.label: "comes late",
}
"""What became of it, by the fate that most ended in; else it is lost."""


def alert_headline(alert: Alert) -> str:
    """The sentence, without a point at its end."""
    say = _SENTENCES.get(alert.alert_class)
    if say is None:
        return f"{service_name(alert.service)}: {alert.alert_class.replace('_', ' ')}"
    text = say(alert)
    return text[:1].upper() + text[1:]


def alert_title(alert: Alert) -> str:
    """The same without a share, which changes each second: `Loss of UDP of ingest, all regions`."""
    if alert.alert_class is AlertClass.LOSS:
        return f"Loss of {_traffic(alert)}{_where(alert)}"
    return alert_headline(alert)


def by_weight(alert: Alert) -> tuple[bool, int, int, int, int, int]:
    """A key that sorts the worst first: who is woken, by class, the wider before the narrower, then the
    older. It stays while an alert stands."""
    ticket = alert.severity is not Severity.PAGE
    labels = [PREFERENCE.index(label) for label, _ in alert.scope]
    width = len(labels), max(labels, default=-1)
    return ticket, _RANK[alert.alert_class], *width, alert.since, alert.number


def service_name(service: str) -> str:
    """The service as people call it; what concerns several at once has a name of ours."""
    return _OURS.get(service, service)


def node_name(alert: Alert) -> str:
    """The node that an alert is about, as its scope names it."""
    return dict(alert.scope).get("node", "unknown")


def output_name(alert: Alert) -> str:
    """What of remediation is in trouble: an output by its name, else the whole of it."""
    if not alert.handle.startswith(OUTPUT):
        return "remediation"
    return alert.handle.removeprefix(OUTPUT)


def incident_name(handle: str) -> str:
    """An incident as people call it, from the handle of its reminders (`incident-12`)."""
    kind, _, number = handle.partition("-")
    return f"incident {number}" if kind == "incident" and number else "an incident"


def _loss(alert: Alert) -> str:
    ended = _ENDED.get(alert.effect, "is lost")
    loss, traffic = alert.counts.loss, _traffic(alert)
    if loss is None:
        return f"{traffic} {ended}{_where(alert)}"
    if loss >= 1:
        return f"all {traffic} {ended}{_where(alert)}"
    if loss >= _NEARLY:
        return f"nearly all {traffic} {ended}{_where(alert)}"
    return f"{_percent(loss)} of {traffic} {ended}{_where(alert)}"


def _blind(alert: Alert) -> str:
    counts = alert.counts
    if not counts.expected:
        return f"nothing is known of {service_name(alert.service)}"
    share = _percent(counts.fates[Fate.UNKNOWN] / counts.expected)
    return f"{share} of {_traffic(alert)} is unknown{_where(alert)}"


def _late(alert: Alert) -> str:
    loss = alert.counts.loss
    share = "" if loss is None else f"{_percent(loss)} of "
    return f"{share}{_traffic(alert)} comes late{_where(alert)}"


def _self_check(alert: Alert) -> str:
    wrong = alert.severity is Severity.PAGE
    return "Coalmine miscounts" if wrong else "nothing proves Coalmine's counts"


_SENTENCES: Final[dict[str, Callable[[Alert], str]]] = {
    AlertClass.LOSS: _loss,
    AlertClass.SELF_CHECK: _self_check,
    AlertClass.BLIND: _blind,
    AlertClass.AGENTS_MISSING: lambda alert: f"agents are silent{_where(alert)}",
    AlertClass.REMEDIATION_FREEZE: lambda alert: (
        f"many nodes of {service_name(alert.service)} look bad, and none is withdrawn"
    ),
    AlertClass.REMEDIATION_REVERT: lambda alert: (
        f"node {node_name(alert)} of {service_name(alert.service)} is back: to withdraw it did not help"
    ),
    AlertClass.BURN: lambda alert: f"{service_name(alert.service)} spends its error budget too fast",
    AlertClass.LATE: _late,
    AlertClass.DUPLICATES: lambda alert: f"{_traffic(alert)} arrives more than once{_where(alert)}",
    AlertClass.SLOW: lambda alert: f"{_traffic(alert)} is slower than usual{_where(alert)}",
    AlertClass.CERTIFICATE: lambda alert: f"a certificate of {_traffic(alert)} runs out{_where(alert)}",
    AlertClass.BUDGET: lambda alert: f"{service_name(alert.service)} loses more than is acceptable",
    AlertClass.IDENTITY_CLASH: lambda alert: f"agents share one identity{_where(alert)}",
    AlertClass.REMEDIATION_OUTPUT: lambda alert: (
        f"service discovery is not brought up to date by {output_name(alert)}"
    ),
    "undelivered": lambda alert: f"pages are not delivered by {alert.handle or 'a receiver'}",
    "peer": lambda _: "the other aggregator is not well",
    "update_due": lambda alert: f"{incident_name(alert.handle)} has had no update for a while",
}


def _traffic(alert: Alert) -> str:
    """What kind of traffic it is, with the service: `external UDP of ingest`, `traffic of ingest`."""
    labels = dict(alert.scope)
    protocol = labels.get("protocol", "").upper() or "traffic"
    kind = (labels.get("location", ""), labels.get("variant", ""), protocol)
    return f"{' '.join(word for word in kind if word)} of {service_name(alert.service)}"


def _where(alert: Alert) -> str:
    """The narrowest place; `all regions` where none is named."""
    places = [(label, value) for label, value in alert.scope if label in _AT]
    if not places:
        return ", all regions"
    label, value = places[-1]
    return f"{_AT[label]}{value}"


def _percent(share: float) -> str:
    """Never all where it is not, never nothing where there is something."""
    value = share * 100
    if 0 < value < 1:
        return "less than 1 %"
    return f"{min(int(value + 1e-9), 99) if value < 100 else 100} %"
