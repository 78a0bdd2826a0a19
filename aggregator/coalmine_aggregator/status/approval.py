"""What waits for a person's word before customers see it. Pure."""

from __future__ import annotations

from collections.abc import Collection

from coalmine_aggregator.model.incident import Incident, Publication
from coalmine_aggregator.status.components import Cell, Component, Components, Publish
from coalmine_aggregator.status.touching import Touching, is_by_hand, is_of_alert


def held_back(
    incident: Incident, components: Components, cells: Collection[Cell]
) -> tuple[Component, ...]:
    """The components that an incident touches and that customers will be told of once it is published:
    those that are held, and those of which only people say that they are touched. `cells` are those
    that the fleet has."""
    if incident.publication is not Publication.BY_COMPONENT or incident.merged_into:
        return ()
    touching = Touching(incident, components, cells)
    measured = {
        each
        for affected in incident.affected
        if is_of_alert(affected)
        for each in touching.by(affected.scope)
    }
    said = {
        each
        for affected in incident.affected
        if is_by_hand(affected)
        for each in touching.by(affected.scope, by_hand=True)
    }
    shown = {each for each in measured if each.publish is Publish.AUTOMATIC}
    return tuple(each for each in components.all if each in (measured | said) - shown)
