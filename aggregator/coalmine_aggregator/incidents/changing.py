"""Incidents while something changes them: all of it is kept, or nothing. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from coalmine_aggregator.model.incident import (
    Entry,
    EntryKind,
    Incident,
    IncidentChanges,
    IncidentState,
)
from coalmine_aggregator.model.scopes import Scope

MAX_ENTRIES: Final = 10_000
"""Of a timeline."""

MAX_SEEN: Final = 9_000
"""From here on what Coalmine sees of alerts is not noted any more: the rest is for people."""

MAX_TALK: Final = 9_900
"""From here on people can only change what becomes of it."""

_SEEN: Final = frozenset(
    {
        EntryKind.ALERT_OPENED,
        EntryKind.SCOPE_CHANGED,
        EntryKind.ACKNOWLEDGED,
        EntryKind.ALERT_CLOSED,
        EntryKind.WITHDRAWN,
        EntryKind.RETURNED,
    }
)
_TALK: Final = frozenset({EntryKind.UPDATE, EntryKind.NOTE, EntryKind.TITLED, EntryKind.POSTMORTEM})
_NO_ROOM: Final = "The timeline is nearly full: what alerts do is not noted here any more."


class Changing:
    """`held` are the incidents as they were, `of_alert` the numbers of those that alerts belong to.
    Both stay as they are; `next_number` is the first number never used."""

    def __init__(
        self, held: Mapping[int, Incident], of_alert: Mapping[int, int], next_number: int
    ) -> None:
        self.next_number = next_number
        self._held = held
        self._of_alert = of_alert
        self._changed: dict[int, Incident] = {}
        self._moved: dict[int, int] = {}
        self._entries: list[Entry] = []

    def __getitem__(self, number: int) -> Incident:
        """As it stands now. Raises KeyError."""
        changed = self._changed.get(number)
        return self._held[number] if changed is None else changed

    def __iter__(self) -> Iterator[Incident]:
        for number in sorted({*self._held, *self._changed}):
            yield self[number]

    def of_alert(self, alert: int) -> int:
        """The incident that an alert belongs to; 0 for none."""
        return self._moved.get(alert) or self._of_alert.get(alert, 0)

    def put(self, incident: Incident) -> None:
        """It stands so now, without a word."""
        self._changed[incident.number] = incident
        for each in incident.affected:
            if each.alert:
                self._moved[each.alert] = incident.number
        self.next_number = max(self.next_number, incident.number + 1)

    def move(self, number: int, state: IncidentState, now: float) -> None:
        """It is in that state now, if it was in another."""
        incident = self[number]
        if incident.state is not state:
            self.put(incident._replace(state=state, state_at=now))

    def write(
        self,
        number: int,
        kind: EntryKind,
        at: float,
        *,
        who: str = "",
        text: str = "",
        public: str = "",
        alert: int = 0,
        scope: Scope | None = None,
        rewrites_public: bool = False,
    ) -> None:
        """Adds an entry to its timeline, with the state that it is in. Raises ValueError where people
        find no room; what comes by itself is left out then."""
        incident = self[number]
        if who and kind is not EntryKind.ACKNOWLEDGED:
            _check_room(incident, kind)
        elif incident.entries >= (MAX_SEEN if kind in _SEEN else MAX_ENTRIES):
            return
        sequence = incident.entries + 1
        state = incident.state
        self._entries.append(
            Entry(number, sequence, at, kind, who, text, state, public, alert, scope, rewrites_public)
        )
        said = kind is EntryKind.OPENED or (who and kind is not EntryKind.ACKNOWLEDGED)
        self.put(
            incident._replace(
                entries=sequence,
                updated_at=max(incident.updated_at, at),
                told_at=at if said else incident.told_at,  # a clock may have been ahead
            )
        )
        if sequence == MAX_SEEN - 1:
            self.write(number, EntryKind.NOTE, at, text=_NO_ROOM)

    def changes(self) -> IncidentChanges:
        """What is to be kept, in the order of numbers and of the timeline."""
        changed = [
            each for number, each in sorted(self._changed.items()) if self._held.get(number) != each
        ]
        return IncidentChanges(tuple(changed), tuple(self._entries))


def _check_room(incident: Incident, kind: EntryKind) -> None:
    most = MAX_TALK if kind in _TALK else MAX_ENTRIES
    if incident.entries >= most:
        raise ValueError(
            f"number: the timeline of incident {incident.number} is full: {most:,} entries"
        )
