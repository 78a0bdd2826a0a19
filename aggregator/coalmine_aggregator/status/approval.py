"""What waits for a person's word before customers see it. Pure."""

from __future__ import annotations

from collections.abc import Collection

from coalmine_aggregator.incidents.publicity import may_be_public
from coalmine_aggregator.model.incident import Incident, Publication
from coalmine_aggregator.status.components import Cell, Component, Components, Publish
from coalmine_aggregator.status.touching import Touching, is_by_hand, is_of_alert


def held_back(
    incident: Incident, components: Components, cells: Collection[Cell]
) -> tuple[Component, ...] | None:
    """What customers will be told of once the incident is published and are not told of now: components
    that are held, and those of which only people say that they are touched. It is empty where people
    said nothing of places, and None where nothing waits. `cells` are those that the fleet has."""
    if incident.publication is not Publication.BY_COMPONENT or not may_be_public(incident):
        return None
    if incident.service not in components.services:
        return None
    touching = Touching(incident, components, cells)
    touched: set[Component] = set()
    shown: set[Component] = set()
    for affected in incident.affected:
        if is_by_hand(affected):
            touched |= touching.by(affected.scope, by_hand=True)
        elif is_of_alert(affected):
            measured = touching.by(affected.scope)
            touched |= measured
            shown |= {each for each in measured if each.publish is Publish.AUTOMATIC}
    waiting = tuple(each for each in components.all if each in touched - shown)
    is_silent = bool(incident.opened_by) and not incident.affected
    return waiting if waiting or is_silent else None
