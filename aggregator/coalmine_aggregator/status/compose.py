"""From what the store says to what customers may know. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from coalmine_aggregator.paging.silence import Silence
from coalmine_aggregator.status.components import Cell
from coalmine_aggregator.status.days import DaySums
from coalmine_aggregator.status.plan import Plan
from coalmine_aggregator.status.record import Recorded
from coalmine_aggregator.status.site import ComponentStatus, Site

STALE_S: Final = 60.0
"""When the newest second that was measured is older, the states are the last known ones."""


class Live(NamedTuple):
    """How a component does, as its fold says; `since` is None where it never changed."""

    status: ComponentStatus
    since: float | None = None


class Inputs(NamedTuple):
    """What is read of the store, at `now`.

    `measured_at` is the newest second of which anything was judged of a component's service, None where
    there is none. `cells` are all that the fleet has had, as far as known. `states` and `days` are by a
    component's id; `days` are those of `days.spans`, those without a count may be left out. Of
    `maintenances` any silence may be given, and any incident of `incidents`, whoever may know of it.
    """

    plan: Plan
    now: float
    measured_at: float | None = None
    cells: frozenset[Cell] = frozenset()
    states: Mapping[str, Live] = {}
    days: Mapping[str, Sequence[DaySums]] = {}
    incidents: Sequence[Recorded] = ()
    maintenances: Sequence[Silence] = ()


class Memory:
    """What was made of incidents before, so that those that did not change are not made anew."""


def compose(inputs: Inputs, memory: Memory | None = None) -> Site:
    """All that customers may know."""
    raise NotImplementedError
