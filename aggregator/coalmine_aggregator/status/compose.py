"""From what the store says to what customers may know. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple

from coalmine_aggregator.model.incident import IncidentState, Publication
from coalmine_aggregator.paging.silence import Silence
from coalmine_aggregator.status import words
from coalmine_aggregator.status.components import Cell, Component, Publish
from coalmine_aggregator.status.days import DaySums, bars, midnight
from coalmine_aggregator.status.maintenance import Passed, Planned, passed_of, plan_of
from coalmine_aggregator.status.moved import Moved
from coalmine_aggregator.status.plan import Plan
from coalmine_aggregator.status.record import Recorded, Told, id_of, tell
from coalmine_aggregator.status.site import (
    ComponentStatus,
    Grade,
    MaintenanceState,
    PublicComponent,
    Site,
)
from coalmine_aggregator.status.state import MEMORY_S
from coalmine_aggregator.status.touching import Touching, is_of_alert, worse

STALE_S: Final = 60.0
"""When the newest second that was measured is older, the states are the last known ones."""

UNMEASURED_S: Final = 120.0
"""A component of which nothing was judged for so long while others were measured is not measured. What
is lost without a word is judged later than what arrives, so it is longer than that takes."""

_OPERATIONAL = ComponentStatus.OPERATIONAL
_GOING_ON = (IncidentState.INVESTIGATING, IncidentState.IDENTIFIED)


class Live(NamedTuple):
    """How a component does, as its fold says; `since` is None where it never changed. `judged_at` is
    the newest second of which anything was judged of it, None where none is remembered."""

    status: ComponentStatus
    since: float | None = None
    judged_at: float | None = None


class Inputs(NamedTuple):
    """What is read of the store, at `now`.

    `measured_at` is the newest second of which anything was judged of a component's service, None where
    there is none. `cells` are those of which anything was expected in the last 90 days. `states` and
    `days` are by a component's id; `days` are those of `days.spans`, those without a count may be left
    out. Of `maintenances` any silence may be given, and of `incidents` any incident, whoever may know
    of it.
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
    """What was made of incidents and planned work before, so that what did not change is not made
    anew: all there ever was is told each second."""

    def __init__(self) -> None:
        self._plan: Plan | None = None
        self._cells: frozenset[Cell] = frozenset()
        self._told: dict[int, tuple[Recorded, Told | None]] = {}
        self._planned: dict[str, tuple[Silence, Passed, Planned | None]] = {}
        self._moved: Moved | None = None

    def tell(self, inputs: Inputs) -> list[tuple[Recorded, Told | None]]:
        """What customers see of each incident."""
        self._begin(inputs)
        before, self._told = self._told, {}
        for recorded in inputs.incidents:
            number = recorded.incident.number
            kept = before.get(number)
            if kept is None or kept[0] is not recorded:
                kept = recorded, tell(recorded, inputs.plan, inputs.cells)
            self._told[number] = kept
        return list(self._told.values())

    def planned(self, inputs: Inputs) -> list[Planned]:
        """What customers see of planned work."""
        self._begin(inputs)
        before, self._planned = self._planned, {}
        for silence in inputs.maintenances:
            passed = passed_of(silence, inputs.now)
            kept = before.get(silence.id)
            if kept is None or kept[:2] != (silence, passed):
                made = plan_of(silence, inputs.plan, inputs.cells, inputs.now)
                kept = silence, passed, made
            self._planned[silence.id] = kept
        return [made for _, _, made in self._planned.values() if made is not None]

    def _begin(self, inputs: Inputs) -> None:
        """Forgets what was made for another page, or another fleet."""
        if self._plan is not inputs.plan or self._cells != inputs.cells:
            self._plan, self._cells = inputs.plan, inputs.cells
            self._told, self._planned, self._moved = {}, {}, None

    def moved(self, inputs: Inputs, shown: Collection[int]) -> tuple[tuple[str, str], ...]:
        """Where incidents went that are part of one of those shown, which was told first."""
        if self._moved is None:
            self._moved = Moved(inputs.plan, inputs.cells)
        ways = self._moved.ways(inputs.incidents, shown)
        return tuple(sorted((id_of(inputs.plan, old), id_of(inputs.plan, new)) for old, new in ways))


def compose(inputs: Inputs, memory: Memory | None = None) -> Site:
    """All that customers may know."""
    plan, now = inputs.plan, inputs.now
    memory = memory or Memory()
    told = memory.tell(inputs)
    seen = [(recorded.incident.number, each) for recorded, each in told if each is not None]
    seen.sort(key=lambda pair: (pair[1].public.started_at, pair[0]), reverse=True)
    planned = memory.planned(inputs)
    planned.sort(key=lambda each: (each.public.scheduled_for, each.public.id), reverse=True)
    status = _Statuses(inputs, [each for _, each in seen], planned)
    components = tuple(
        status.component(each, position) for position, each in enumerate(plan.components.shown)
    )
    statuses = [each.status for each in components]
    grade = words.page_grade(statuses)
    if grade is Grade.NONE and any(_is_unplaced(each) for _, each in seen):
        grade = Grade.MINOR
    is_maintained = ComponentStatus.UNDER_MAINTENANCE in statuses
    is_whole = all(each.is_measured for each in components)
    measured_at = inputs.measured_at
    return Site(
        page=plan.info,
        now=now,
        measured_at=measured_at,
        is_stale=measured_at is None or now - measured_at > STALE_S,
        grade=grade,
        headline=words.UNMEASURED
        if measured_at is None
        else words.headline(grade, is_maintained=is_maintained, is_whole=is_whole),
        components=components,
        incidents=tuple(each.public for _, each in seen),
        maintenances=tuple(each.public for each in planned),
        moved=memory.moved(inputs, {number for number, _ in seen}),
    )


def _is_unplaced(told: Told) -> bool:
    """Whether it goes on and is of no component: what nobody can place is not said to be well."""
    return told.public.state in _GOING_ON and not told.told


class _Statuses:
    """How each component does."""

    def __init__(self, inputs: Inputs, told: Sequence[Told], planned: Sequence[Planned]) -> None:
        self._inputs = inputs
        self._open = [each for each in told if each.public.state.is_open]
        self._in_progress = [
            each for each in planned if each.public.state is MaintenanceState.IN_PROGRESS
        ]
        self._over_at = _over_at(told, planned)
        self._withheld = _withheld(inputs)
        zone = inputs.plan.zone
        self._today = datetime.datetime.fromtimestamp(inputs.now, zone).date()
        begin = midnight(self._today, zone)
        length = midnight(self._today + datetime.timedelta(days=1), zone) - begin
        self._elapsed = min(1.0, max(0.0, inputs.now - begin) / length)

    def component(self, component: Component, position: int) -> PublicComponent:
        sums = self._inputs.days.get(component.id, ())
        follows = component.publish is Publish.AUTOMATIC and component not in self._withheld
        days = bars(
            sums,
            self._today,
            self._inputs.plan.days,
            since=component.since,
            tells_today=follows,
            elapsed=self._elapsed,
        )
        created_at = self._created_at(component, sums)
        status, since, is_since_known = self._status(component, follows, created_at)
        is_measured, measured_until = self._measured(component, sums)
        return PublicComponent(
            id=component.id,
            name=component.name,
            description=component.description,
            group=component.group,
            position=position,
            status=status,
            status_since=since,
            created_at=created_at,
            days=days,
            is_since_known=is_since_known,
            is_measured=is_measured,
            measured_until=measured_until,
        )

    def _measured(self, component: Component, sums: Sequence[DaySums]) -> tuple[bool, float | None]:
        """Whether it is measured as long as anything is, and until when it was where it is not. What
        never was is not new to anybody."""
        newest = self._inputs.measured_at
        live = self._inputs.states.get(component.id)
        judged_at = None if live is None else live.judged_at
        if newest is None or (judged_at is None and not any(each.judged for each in sums)):
            return True, None
        if judged_at is not None and newest - judged_at <= UNMEASURED_S:
            return True, None
        return False, judged_at

    def _created_at(self, component: Component, sums: Sequence[DaySums]) -> float:
        known = [each.date for each in sums if each.judged > 0]
        first = component.since or min(known, default=self._today)
        return float(midnight(first, self._inputs.plan.zone))

    def _status(
        self, component: Component, follows: bool, created_at: float
    ) -> tuple[ComponentStatus, float, bool]:
        """Its state, since when, and whether it is really since then: what is measured, where that may
        be told, never better than what open incidents and planned work say."""
        touching = [each for each in self._open if component in each.told]
        live = Live(_OPERATIONAL)
        if follows or touching:
            live = self._inputs.states.get(component.id, live)
        newest = self._inputs.now if self._inputs.measured_at is None else self._inputs.measured_at
        if live.since is not None and newest - live.since > MEMORY_S:
            live = live._replace(since=None)  # a start of the page would not know it
        hits = [
            each.public.started_at
            for each in touching
            if component in each.touched and each.public.state in _GOING_ON
        ]
        work = [each.public.scheduled_for for each in self._in_progress if component in each.components]
        status = live.status
        if work:
            status = worse(status, ComponentStatus.UNDER_MAINTENANCE)
        if hits:
            status = worse(status, ComponentStatus.DEGRADED_PERFORMANCE)
        known_since = max(created_at, live.since or 0.0, self._over_at.get(component.id, 0.0))
        if status is _OPERATIONAL:
            return status, known_since, True
        if status is ComponentStatus.UNDER_MAINTENANCE:
            return status, min(work), True
        begun = list(hits)
        if live.status is not _OPERATIONAL and live.since is not None:
            begun.append(live.since)
        return status, min(begun, default=known_since), bool(begun)


def _over_at(told: Sequence[Told], planned: Sequence[Planned]) -> dict[str, float]:
    """When the last trouble or work on a component was over that customers were told of, by its id."""
    over: dict[str, float] = {}
    ends = [(each.public.resolved_at, each.public.components) for each in told]
    ends += [
        (each.public.completed_at, each.public.components)
        for each in planned
        if not each.public.is_called_off
    ]
    for end, components in ends:
        if end is not None:
            over |= {id_: max(end, over.get(id_, 0.0)) for id_ in components}
    return over


def _withheld(inputs: Inputs) -> frozenset[Component]:
    """Components that an open incident touches of which a person decided that customers see nothing."""
    found: set[Component] = set()
    for recorded in inputs.incidents:
        incident = recorded.incident
        if incident.publication is not Publication.WITHHELD or not incident.state.is_open:
            continue
        touching = Touching(incident, inputs.plan.components, inputs.cells)
        for affected in incident.affected:
            # States and bars lag behind its alerts: what is over is hidden until it is resolved.
            if is_of_alert(affected):
                found |= touching.by(affected.scope)
    return frozenset(found)
