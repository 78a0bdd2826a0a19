"""Which alerts and incidents are about the same places. Pure."""

from __future__ import annotations

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
