"""What every page shows beside its own matter, and how records are told in it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from coalmine_aggregator.status.moments import Moments
from coalmine_aggregator.status.site import (
    ComponentImpact,
    PageInfo,
    PublicIncident,
    PublicMaintenance,
    PublicUpdate,
    Site,
)

MOST_UPDATES: Final = 20
"""As many of an incident stand on a page with others; its own page has all."""


class ToldIncident(NamedTuple):
    """An incident beside others: the `names` of what it affected, and how many of its updates and of
    the counts by component are left out."""

    incident: PublicIncident
    names: tuple[str, ...]
    updates: tuple[PublicUpdate, ...]
    more_updates: int
    impacts: tuple[ComponentImpact, ...]
    more_impacts: int


class ToldMaintenance(NamedTuple):
    """Planned work, with the `names` of what it concerns."""

    maintenance: PublicMaintenance
    names: tuple[str, ...]


Told: TypeAlias = ToldIncident | ToldMaintenance
Item: TypeAlias = PublicIncident | PublicMaintenance


@dataclass(frozen=True)
class Frame:
    """The page, and the (id, name) of each component. Equal frames make equal pages."""

    page: PageInfo
    components: tuple[tuple[str, str], ...]
    moments: Moments = field(init=False, compare=False)
    _names: dict[str, str] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "moments", Moments(self.page.time_zone))
        object.__setattr__(self, "_names", dict(self.components))

    def told(self, item: Item, most: int = MOST_UPDATES, most_impacts: int | None = None) -> Told:
        """A record with the names that it needs; no more of its updates and counts than so many."""
        if isinstance(item, PublicIncident):
            names = self._known(item.components) or tuple(impact.name for impact in item.impacts)
            shown, counts = item.updates[:most], item.impacts[:most_impacts]
            more = len(item.updates) - len(shown)
            return ToldIncident(item, names, shown, more, counts, len(item.impacts) - len(counts))
        return ToldMaintenance(item, self._known(item.components))

    def _known(self, ids: Iterable[str]) -> tuple[str, ...]:
        return tuple(self._names[each] for each in ids if each in self._names)


def frame_of(site: Site) -> Frame:
    """The frame of a site."""
    return Frame(site.page, tuple((each.id, each.name) for each in site.components))


def began(item: Item) -> float:
    """When it began or was planned to: what the history is sorted by."""
    return item.started_at if isinstance(item, PublicIncident) else item.scheduled_for
