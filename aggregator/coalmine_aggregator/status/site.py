"""All that customers may know at a moment, as values. Pure.

Nothing else reaches a public document: no host, node, zone, address, error text, alert or name of a
person has a place here. Times are seconds since the epoch.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from coalmine_aggregator.model.incident import IncidentState


class ComponentStatus(StrEnum):
    """How a component does, as Statuspage calls it, the best first."""

    OPERATIONAL = "operational"
    UNDER_MAINTENANCE = "under_maintenance"
    DEGRADED_PERFORMANCE = "degraded_performance"
    PARTIAL_OUTAGE = "partial_outage"
    MAJOR_OUTAGE = "major_outage"


class Grade(StrEnum):
    """How bad something is, as Statuspage calls it, the best first."""

    NONE = "none"
    MINOR = "minor"
    MAJOR = "major"
    CRITICAL = "critical"


class MaintenanceState(StrEnum):
    """How far planned work is."""

    SCHEDULED = "scheduled"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"


class Day(NamedTuple):
    """A component's day in the page's time zone, `date` as YYYY-MM-DD: `bad` of `judged` were
    lost. `is_known` is False where nothing was measured or nothing may be told yet."""

    date: str
    judged: int
    bad: int
    is_known: bool
    grade: Grade = Grade.NONE


class PublicComponent(NamedTuple):
    """A part of the service under its public name. `group` is the heading that it stands under, empty
    for none. `days` are the last 90, the oldest first, today last. Unless `is_since_known` its state
    lasts for longer than states are remembered, and `status_since` is the last that is known before.
    Unless it `is_measured`, others are measured and it is not, so its state is the last known one, of
    second `measured_until`; None where that is longer ago than is remembered."""

    id: str
    name: str
    description: str
    group: str
    position: int
    status: ComponentStatus
    status_since: float
    created_at: float
    days: tuple[Day, ...]
    is_since_known: bool = True
    is_measured: bool = True
    measured_until: float | None = None


class ComponentChange(NamedTuple):
    """What an update did to a component."""

    id: str
    name: str
    old: ComponentStatus
    new: ComponentStatus


class PublicUpdate(NamedTuple):
    """One thing that customers were told about an incident."""

    id: str
    at: float
    state: IncidentState
    body: str
    changes: tuple[ComponentChange, ...] = ()


class ComponentImpact(NamedTuple):
    """What a component lost in an incident: `bad` of `judged` datapoints, which are all of it or,
    unless `is_whole`, those of the part that was affected."""

    id: str
    name: str
    bad: int
    judged: int
    is_whole: bool = True


class PublicIncident(NamedTuple):
    """An incident as customers see it; `updates` are the newest first, at least one.

    `components` are the ids of those on the page that it touched. `impacts` are the exact counts by
    component, also of one that has left the page since. `ended_at` is when the loss ended. `cause`,
    `affected` and `resolution` are plain text, empty until somebody wrote them.
    """

    id: str
    name: str
    state: IncidentState
    grade: Grade
    started_at: float
    created_at: float
    updated_at: float
    updates: tuple[PublicUpdate, ...]
    components: tuple[str, ...]
    impacts: tuple[ComponentImpact, ...] = ()
    ended_at: float | None = None
    monitoring_at: float | None = None
    resolved_at: float | None = None
    cause: str = ""
    affected: str = ""
    resolution: str = ""


class PublicMaintenance(NamedTuple):
    """Planned work that customers were told of. One that was called off before it began is completed,
    `completed_at` then."""

    id: str
    name: str
    body: str
    state: MaintenanceState
    scheduled_for: float
    scheduled_until: float
    created_at: float
    updated_at: float
    components: tuple[str, ...]
    completed_at: float | None = None
    is_called_off: bool = False


class PageInfo(NamedTuple):
    """The page itself. `url` is where people reach it, without a slash at its end; empty where that is
    not known. `support` is where they may ask, a URL, or empty."""

    id: str
    name: str
    url: str
    time_zone: str
    description: str = ""
    support: str = ""


class Site(NamedTuple):
    """Everything public at `now`. `measured_at` is the newest second that was measured, None where none
    ever was; `is_stale` says that it is older than it should be, so states are the last known ones.
    `incidents` are all there ever were, the newest first; `maintenances` likewise. `moved` pairs the id
    of an incident that turned out to be part of another with that of the other, which is shown."""

    page: PageInfo
    now: float
    measured_at: float | None
    is_stale: bool
    grade: Grade
    headline: str
    components: tuple[PublicComponent, ...]
    incidents: tuple[PublicIncident, ...]
    maintenances: tuple[PublicMaintenance, ...]
    moved: tuple[tuple[str, str], ...] = ()
