"""Which incidents customers may ever be told of. Pure."""

from __future__ import annotations

from coalmine_aggregator.model.alerts import AlertClass
from coalmine_aggregator.model.incident import Incident


def may_be_public(incident: Incident) -> bool:
    """Whether it is about data of a service: one of a loss, or that somebody opened. What concerns
    Coalmine itself never is, nor what became part of another."""
    if incident.service.startswith("_") or incident.merged_into:
        return False
    return bool(incident.opened_by) or any(
        each.alert == 0 or each.alert_class is AlertClass.LOSS for each in incident.affected
    )
