"""How an incident stands with customers, as it is now. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from coalmine_aggregator.incidents.publicity import may_be_public
from coalmine_aggregator.model.incident import Entry, EntryKind, Incident, Publication
from coalmine_aggregator.status import words
from coalmine_aggregator.status.approval import held_back
from coalmine_aggregator.status.components import Cell, Component, Components
from coalmine_aggregator.status.plan import Plan
from coalmine_aggregator.status.record import Recorded, tell
from coalmine_aggregator.status.site import PublicIncident
from coalmine_aggregator.status.touching import Touching, is_by_hand, is_of_alert


class Standing(NamedTuple):
    """`name` is what customers read as its title. `shown` are the components by which they see it,
    `held` those that wait until somebody publishes it."""

    name: str
    shown: tuple[Component, ...] = ()
    held: tuple[Component, ...] = ()


def standing(incident: Incident, components: Components, cells: Collection[Cell]) -> Standing:
    """How it stands. `cells` are those that the fleet has."""
    touched = () if not may_be_public(incident) else _touched(incident, components, cells)
    name = incident.public_title.strip() or words.incident_name(
        [each.name for each in touched], is_lossy=any(map(is_of_alert, incident.affected))
    )
    if not touched or incident.publication is Publication.WITHHELD:
        return Standing(name)
    held = held_back(incident, components, cells) or ()
    return Standing(name, tuple(each for each in touched if each not in held), held)


def preview(
    incident: Incident, entries: Sequence[Entry], plan: Plan, cells: Collection[Cell], now: float
) -> PublicIncident | None:
    """What customers read of it; of one that they do not see, or not all of, what they would read if
    somebody published it at `now`. None where they can never see it."""
    waits = incident.publication is Publication.WITHHELD or (
        held_back(incident, plan.components, cells) is not None
    )
    if waits:
        published = Entry(
            incident.number, incident.entries + 1, now, EntryKind.PUBLISHED, "", "", incident.state
        )
        incident = incident._replace(publication=Publication.PUBLISHED)
        entries = (*entries, published)
    told = tell(Recorded(incident, tuple(entries)), plan, cells)
    return None if told is None else told.public


def _touched(
    incident: Incident, components: Components, cells: Collection[Cell]
) -> tuple[Component, ...]:
    """What it touches, as far as customers see that now or would once it is published."""
    touching = Touching(incident, components, cells)
    found: set[Component] = set()
    for affected in incident.affected:
        if is_by_hand(affected):
            found |= touching.by(affected.scope, by_hand=True)
        elif is_of_alert(affected):
            found |= touching.by(affected.scope)
    return tuple(each for each in components.all if each in found)
