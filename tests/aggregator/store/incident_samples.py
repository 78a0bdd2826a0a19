"""Incidents to put into a store, with everything that one may hold."""

from __future__ import annotations

from coalmine_aggregator.model.alerts import AlertClass, Severity
from coalmine_aggregator.model.incident import (
    ActionItem,
    Affected,
    CellImpact,
    Entry,
    EntryKind,
    Impact,
    Incident,
    IncidentChanges,
    IncidentState,
    Participant,
    Postmortem,
    Publication,
)
from tests.aggregator.store.samples import START


def incident(number: int = 1, state: IncidentState = IncidentState.INVESTIGATING) -> Incident:
    """As it stands right after it opened, or after it was over."""
    return Incident(
        number=number,
        fleet="prod",
        service="ingest",
        severity=Severity.PAGE,
        title="All UDP of ingest is lost",
        state=state,
        since=START,
        opened_at=START + 4.2,
        opened_by="",
        updated_at=START + 4.2,
        told_at=START + 4.2,
        entries=1,
        affected=(Affected(number, (("protocol", "udp"),), START, None, AlertClass.LOSS),),
        resolved_at=None if state.is_open else START + 700.0,
        state_at=START + 4.2,
    )


def full(number: int = 2) -> Incident:
    """One whose every field says something."""
    return incident(number, IncidentState.POSTMORTEM)._replace(
        title="Ærger\n<b>&\0",
        opened_by="anna",
        entries=3,
        affected=(
            Affected(1, (("protocol", "udp"), ("host", "a")), START, START + 9, AlertClass.LOSS),
            Affected(0, (), START + 1, START + 9),
        ),
        acknowledged_at=START + 9.5,
        acknowledged_by="ben",
        ended_at=START + 60.25,
        impact=Impact(START, START + 9, (CellImpact("udp", "eu", 5, 9, 20),), START + 80.5, True),
        publication=Publication.PUBLISHED,
        public_title="UDP",
        merged_into=1,
        postmortem=Postmortem(
            (Participant("anna", "lead"), Participant("ben")),
            "a summary",
            ("one", "two"),
            (ActionItem("mend it", "anna", "2026-12-01", True), ActionItem("watch it", "ben")),
            "a cause",
            "all",
            "mended",
        ),
        titled_by="anna",
        state_at=START + 99.0,
    )


def entry(number: int = 1, sequence: int = 1, text: str = "it begins") -> Entry:
    """An entry with everything."""
    return Entry(
        number,
        sequence,
        START + 4.2 + sequence,
        EntryKind.OPENED if sequence == 1 else EntryKind.UPDATE,
        "" if sequence == 1 else "anna",
        text,
        IncidentState.INVESTIGATING,
        "for customers",
        7,
        (("protocol", "udp"),) if sequence == 1 else None,
    )


def changes(number: int = 1) -> IncidentChanges:
    """It opens."""
    return IncidentChanges((incident(number),), (entry(number),))
