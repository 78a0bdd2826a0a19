"""Components: the parts of a service under the names that customers know. Pure.

Each takes every datapoint of its service whose protocol and region fit. Several may take the same one.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from enum import StrEnum
from functools import lru_cache
from re import Pattern
from typing import Final, NamedTuple

from coalmine_aggregator.model.label_filter import glob_pattern, is_glob
from coalmine_aggregator.status.state import StateRules

ALL: Final = ("*",)

LEAST_SHARE: Final = StateRules().degraded


class Publish(StrEnum):
    """Whether customers see what is measured of a component at once, or what a person approved."""

    AUTOMATIC = "automatic"
    HELD = "held"


class Cell(NamedTuple):
    """The finest group that a component can be made of."""

    service: str
    protocol: str
    region: str


class Component(NamedTuple):
    """A part of the service named `service`. `protocols` and `regions` are exact or globs with `*` and
    `?`, one of which must fit. `group` is the heading that it stands under, empty for none; `since` the
    first day that its bars show. One that `is_retired` has left the page and keeps its history."""

    id: str
    name: str
    service: str
    description: str = ""
    group: str = ""
    protocols: tuple[str, ...] = ALL
    regions: tuple[str, ...] = ALL
    publish: Publish = Publish.AUTOMATIC
    since: datetime.date | None = None
    is_retired: bool = False

    def takes(self, cell: Cell) -> bool:
        """Whether the datapoints of a cell are its own."""
        return (
            self.service == cell.service
            and fits_any(self.protocols, cell.protocol)
            and fits_any(self.regions, cell.region)
        )


class Components:
    """All components of a page, in the order of its file. An incident touches each of which it lost a
    share of `least_share` or more; see `touching`."""

    def __init__(self, components: Sequence[Component], least_share: float = LEAST_SHARE) -> None:
        self.all = tuple(components)
        self.least_share = least_share
        self._of: dict[Cell, tuple[Component, ...]] = {}

    @property
    def shown(self) -> tuple[Component, ...]:
        """Those that stand on the page."""
        return tuple(each for each in self.all if not each.is_retired)

    @property
    def services(self) -> frozenset[str]:
        """The services that any of them is part of."""
        return frozenset(each.service for each in self.all)

    def of(self, cell: Cell) -> tuple[Component, ...]:
        """Those that take the datapoints of a cell; most often one, perhaps none or several."""
        found = self._of.get(cell)
        if found is None:
            found = tuple(each for each in self.all if each.takes(cell))
            self._of[cell] = found  # a fleet has as many cells as protocols times regions
        return found

    def unmatched(self, cells: Iterable[Cell]) -> list[str]:
        """What is to be said of a page whose fleet has these cells: a sentence for each component that
        stands on it and takes none of them."""
        known = set(cells)
        services = sorted({cell.service for cell in known})
        said = []
        for component in self.shown:
            if any(component.takes(cell) for cell in known):
                continue
            if component.service not in services:
                there = f"there are {', '.join(services)}" if services else "there is none"
                said.append(f'component "{component.id}": no service "{component.service}"; {there}')
            else:
                said.append(
                    f'component "{component.id}": nothing of service "{component.service}" has such a '
                    "protocol and region"
                )
        return said


def fits_any(wanted: Iterable[str], value: str) -> bool:
    """Whether one of these, exact or a glob, fits the value."""
    return any(
        each == value or (is_glob(each) and _pattern(each).match(value) is not None) for each in wanted
    )


@lru_cache(4_096)
def _pattern(glob: str) -> Pattern[str]:
    return glob_pattern(glob)
