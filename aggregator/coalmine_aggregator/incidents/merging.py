"""Two incidents that turn out to be one. Pure."""

from __future__ import annotations

from coalmine_aggregator.incidents.changing import Changing
from coalmine_aggregator.incidents.scoping import open_alerts
from coalmine_aggregator.model.incident import EntryKind, Incident, IncidentState, Publication


def merge(book: Changing, number: int, into: int, now: float, who: str = "") -> None:
    """`number` is part of `into` from now on, which takes over all that it affected. It is resolved,
    and stays so. An incident that was only watched any more is worked on again where the other's loss
    goes on; one that people opened stays as they said."""
    part, whole = book[number], book[into]
    book.put(
        part._replace(
            merged_into=into,
            affected=(),
            impact=None,
            state=IncidentState.RESOLVED,
            state_at=now,
            resolved_at=now,
        )
    )
    book.put(_with(whole, part))
    is_watched = whole.state is IncidentState.MONITORING and not whole.opened_by
    if is_watched and part.state.is_open and open_alerts(part):
        book.move(into, part.state, now)
    book.write(
        number, EntryKind.MERGED, now, who=who, text=f"This is part of incident {into} ({whole.title})."
    )
    book.write(
        into,
        EntryKind.MERGED,
        now,
        who=who,
        text=f"Incident {number} ({part.title}) is part of this one.",
    )


def _with(whole: Incident, part: Incident) -> Incident:
    taken = [each for each in (whole, part) if each.acknowledged_at is not None]
    first = min(taken, key=lambda each: each.acknowledged_at or 0.0, default=whole)
    affected = tuple(
        sorted((*whole.affected, *part.affected), key=lambda each: (each.first, each.alert))
    )
    publication = whole.publication
    if publication is Publication.BY_COMPONENT and part.publication is Publication.PUBLISHED:
        publication = Publication.PUBLISHED  # what customers have read of is not taken from them
    merged = whole._replace(
        affected=affected,
        publication=publication,
        since=min(whole.since, part.since),
        opened_at=min(whole.opened_at, part.opened_at),
        acknowledged_at=first.acknowledged_at,
        acknowledged_by=first.acknowledged_by,
        impact=None if whole.impact is None else whole.impact._replace(is_final=False),
    )
    ends = [each.ended_at for each in (whole, part) if each.ended_at is not None]
    return merged._replace(ended_at=None if open_alerts(merged) else max(ends, default=None))
