"""Which alerts and incidents are about the same places. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from coalmine_aggregator.incidents.changing import MAX_SEEN
from coalmine_aggregator.model.alerts import Alert
from coalmine_aggregator.model.incident import Affected, Incident
from coalmine_aggregator.model.scopes import Scope, contains

MAX_AFFECTED: Final = 200
"""An incident of so many alerts is not gone on with; the next one is another."""


def touches(one: Scope, other: Scope) -> bool:
    """Whether a series may lie in both, as far as their labels tell."""
    labels = dict(one)
    return all(labels.get(label, value) == value for label, value in other)


def has_ended(incident: Incident) -> bool:
    """Whether it had alerts, and none of them is open any more."""
    return bool(of_alerts(incident)) and not open_alerts(incident)


def of_alerts(incident: Incident) -> list[Affected]:
    """What its alerts say is hit."""
    return [each for each in incident.affected if each.alert]


def open_alerts(incident: Incident) -> list[int]:
    """The numbers of its alerts that are open."""
    return [each.alert for each in incident.affected if each.alert and each.last is None]


def goes_on(incident: Incident, alert: Alert) -> bool:
    """Whether an alert that opens is the trouble that this incident was about, come back."""
    return (
        incident.service == alert.service
        and len(incident.affected) < MAX_AFFECTED
        and incident.entries < MAX_SEEN
        and any(_is_same(each, alert) for each in incident.affected)
    )


def _is_same(affected: Affected, alert: Alert) -> bool:
    return affected.alert_class is alert.alert_class and any(
        contains(affected.scope, scope) or contains(scope, affected.scope)
        for scope in (alert.scope, *alert.equivalents)
    )


def wider_of(
    narrow: Alert, before: Mapping[int, Alert], closed: Mapping[int, Alert], after: Mapping[int, Alert]
) -> Alert | None:
    """The open alert that took in one that closed; None where that cannot be told.

    `before` are the alerts that were open before this tick, `after` those after it, `closed` those that
    it closed. What took it in may have been taken in itself. One that opens in the same tick has no id
    yet, and is named by service and class."""
    into, seen = narrow.folded_into, {narrow.number}
    while into:
        named = next((each for each in before.values() if each.id == into), None)
        if named is None or named.number in seen:
            break
        if named.number in after:
            return after[named.number]
        seen.add(named.number)
        into = closed[named.number].folded_into if named.number in closed else ""
    if not into:
        return None
    kin = [each for each in after.values() if into in (each.id, f"{each.service}-{each.alert_class}")]
    opened = [each for each in kin if each.number not in before]
    around = [each for each in (*opened, *kin) if _surrounds(each, narrow)]
    # A scope may lie in another without its labels telling so.
    near = [each for each in opened if touches(each.scope, narrow.scope)]
    return next(iter(around), None) or _widest(near or opened)


def _surrounds(wide: Alert, narrow: Alert) -> bool:
    return any(
        contains(there, here)
        for there in (wide.scope, *wide.equivalents)
        for here in (narrow.scope, *narrow.equivalents)
    )


def _widest(alerts: Iterable[Alert]) -> Alert | None:
    return min(alerts, key=lambda each: (len(each.scope), each.number), default=None)
