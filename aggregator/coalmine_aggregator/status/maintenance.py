"""Planned work as customers may see it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from coalmine_aggregator.model.label_filter import is_glob
from coalmine_aggregator.paging.silence import Silence, SilenceKind
from coalmine_aggregator.status import words
from coalmine_aggregator.status.components import Cell, Component, fits_any
from coalmine_aggregator.status.plan import Plan
from coalmine_aggregator.status.site import MaintenanceState, PublicMaintenance
from coalmine_wire.protocols import Protocol


class Planned(NamedTuple):
    """What customers see of planned work, and on which components."""

    public: PublicMaintenance
    components: tuple[Component, ...]


Passed = tuple[bool, bool, bool]


def passed_of(silence: Silence, now: float) -> Passed:
    """Whether it was said, has begun and is over at `now`: all of a time that `plan_of` depends on."""
    return silence.created_at <= now, silence.starts_at <= now, silence.over_at <= now


def plan_of(silence: Silence, plan: Plan, cells: Collection[Cell], now: float) -> Planned | None:
    """What customers see of a silence at `now`; None where nothing was written for them, and where
    it is about no component."""
    body = silence.public.strip()
    if silence.kind is not SilenceKind.MAINTENANCE or not body:
        return None
    components = _components(silence, plan, cells)
    if not components:
        return None
    over = silence.over_at if silence.over_at <= now else None
    is_called_off = over is not None and over <= silence.starts_at
    steps = [silence.created_at, silence.over_at]
    if not is_called_off:
        steps.append(silence.starts_at)
    return Planned(
        PublicMaintenance(
            id=plan.id_of("maintenance", silence.id),
            name=words.maintenance_name([each.name for each in components]),
            body=body,
            state=_state(silence, now),
            scheduled_for=silence.starts_at,
            scheduled_until=silence.ends_at,
            created_at=silence.created_at,
            updated_at=max((at for at in steps if at <= now), default=silence.created_at),
            components=tuple(each.id for each in components if not each.is_retired),
            completed_at=over,
            is_called_off=is_called_off,
        ),
        components,
    )


def _state(silence: Silence, now: float) -> MaintenanceState:
    if silence.over_at <= now:
        return MaintenanceState.COMPLETED
    return MaintenanceState.IN_PROGRESS if silence.starts_at <= now else MaintenanceState.SCHEDULED


def _components(silence: Silence, plan: Plan, cells: Collection[Cell]) -> tuple[Component, ...]:
    """Those that overlap with what is named, as far as customers know its labels: of the others (hosts,
    zones, classes) every value fits."""
    match = silence.match
    labels = dict(match.labels)
    regions = {cell.region for cell in cells}
    return tuple(
        each
        for each in plan.components.all
        if match.takes_service(each.service)
        and _overlap(each.protocols, labels.get("protocol"), {str(known) for known in Protocol})
        and _overlap(each.regions, labels.get("region"), regions)
    )


def _overlap(globs: Sequence[str], wanted: str | None, known: Collection[str]) -> bool:
    """Whether a value fits both: of those that are known, or that either side says exactly."""
    if wanted is None:
        return True
    values = {*known, wanted, *globs}
    return any(
        fits_any(globs, value) and fits_any([wanted], value) for value in values if not is_glob(value)
    ) or (is_glob(wanted) and (wanted in globs or "*" in globs))
