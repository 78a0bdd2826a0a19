"""What states and grades are called to customers. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from coalmine_aggregator.model.incident import IncidentState
from coalmine_aggregator.status.site import (
    ComponentStatus,
    Grade,
    MaintenanceState,
    PublicMaintenance,
)

COMPONENT: Final[Mapping[ComponentStatus, str]] = {
    ComponentStatus.OPERATIONAL: "Operational",
    ComponentStatus.UNDER_MAINTENANCE: "Under maintenance",
    ComponentStatus.DEGRADED_PERFORMANCE: "Degraded performance",
    ComponentStatus.PARTIAL_OUTAGE: "Partial outage",
    ComponentStatus.MAJOR_OUTAGE: "Major outage",
}
INCIDENT: Final[Mapping[IncidentState, str]] = {
    IncidentState.INVESTIGATING: "Investigating",
    IncidentState.IDENTIFIED: "Identified",
    IncidentState.MONITORING: "Monitoring",
    IncidentState.RESOLVED: "Resolved",
    IncidentState.POSTMORTEM: "Post-mortem",
}
GRADE: Final[Mapping[Grade, str]] = {
    Grade.NONE: "No impact",
    Grade.MINOR: "Minor impact",
    Grade.MAJOR: "Major impact",
    Grade.CRITICAL: "Critical impact",
}
_MAINTENANCE: Final[Mapping[MaintenanceState, str]] = {
    MaintenanceState.SCHEDULED: "Scheduled",
    MaintenanceState.IN_PROGRESS: "In progress",
    MaintenanceState.COMPLETED: "Completed",
}
CALLED_OFF: Final = "This maintenance was called off before it began."


def maintenance_label(work: PublicMaintenance) -> str:
    """How far planned work is."""
    return "Called off" if work.is_called_off else _MAINTENANCE[work.state]


def maintenance_icon(work: PublicMaintenance) -> str:
    """The name of the icon that tells so."""
    return "called_off" if work.is_called_off else str(work.state)
