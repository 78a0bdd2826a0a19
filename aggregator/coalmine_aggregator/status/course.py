"""How an incident went, as its timeline tells: what customers saw of it, and when. Pure.

A step is told where customers see the incident and something changed for them: it came up, its state or
that of a component changed, or a person wrote something. What went before they could see it is told in
one step, when they could.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from coalmine_aggregator.model.incident import (
    Entry,
    EntryKind,
    Incident,
    IncidentState,
    Publication,
)
from coalmine_aggregator.model.scopes import Scope
from coalmine_aggregator.status.components import Component, Publish
from coalmine_aggregator.status.touching import Touching, is_by_hand, is_of_alert

_OPENING: Final = (EntryKind.OPENED, EntryKind.ALERT_OPENED, EntryKind.REOPENED)
_AT_ONCE_S: Final = 1.0
"""What lies no further apart came of one tick."""

Hit = frozenset[Component]


class Step(NamedTuple):
    """What customers were told at a time. `began` and `ended` are components that were not touched at
    the step before and are now, and the other way round; `told` are all that it touched until then.
    `before` is the state that they were told last, None where this is the first step. `public` is what
    people wrote, `is_lossy` whether an alert of loss is open."""

    sequence: int
    at: float
    before: IncidentState | None
    state: IncidentState
    began: Hit
    ended: Hit
    told: Hit
    public: str
    is_lossy: bool


class Course(NamedTuple):
    """All steps, the oldest first, and how it stands: the components that customers were told of, those
    that are touched now, and since when its recovery is or was watched, None where it is not."""

    steps: tuple[Step, ...]
    told: Hit
    touched: Hit
    monitoring_at: float | None


def course_of(incident: Incident, entries: Sequence[Entry], touching: Touching) -> Course:
    """The course of an incident by its timeline, in its order."""
    walk = _Walk(incident, entries, touching)
    steps = tuple(walk.steps(entries))
    return Course(steps, walk.told, walk.hit, walk.monitoring_at)


class _Walk:
    def __init__(self, incident: Incident, entries: Sequence[Entry], touching: Touching) -> None:
        self.told: Hit = frozenset()
        self.hit: Hit = frozenset()
        self.monitoring_at: float | None = None
        self._touching = touching
        self._by_hand = [each.scope for each in incident.affected if is_by_hand(each)]
        self._of_alerts = {each.alert for each in incident.affected if is_of_alert(each)}
        opened = {entry.alert for entry in entries if entry.kind in _OPENING}
        # What came with another incident that turned out to be the same opened there; the newest first.
        self._taken_over = sorted(
            (each for each in incident.affected if is_of_alert(each) and each.alert not in opened),
            key=lambda each: each.first,
            reverse=True,
        )
        # What closed there as well tells so by its last slot alone.
        self._closed = {entry.alert for entry in entries if entry.kind is EntryKind.ALERT_CLOSED}
        self._ends: list[tuple[int, int]] = []
        self._scopes: dict[int, Scope] = {}
        self._lossy: Hit | None = None
        self._publication = Publication.BY_COMPONENT
        self._is_by_hand = bool(incident.opened_by)
        writings = public_writings(incident, entries)
        self._written_up_by = writings[0].sequence if writings else None
        self._state: IncidentState | None = None
        self._shown: IncidentState | None = None
        self._is_shown = False
        self._waiting = ""
        self._ever: Hit = frozenset()

    def steps(self, entries: Sequence[Entry]) -> Iterator[Step]:
        for group in _at_once(entries):
            for entry in group:
                self._take(entry)
            step = self._step(group[0], "\n\n".join(_texts(group)))
            if step is not None:
                yield step

    def _take(self, entry: Entry) -> None:
        if entry.kind is EntryKind.PUBLISHED:
            self._publication = Publication.PUBLISHED
        elif entry.kind is EntryKind.WITHHELD:
            self._publication = Publication.WITHHELD
        while self._ends and self._ends[0][0] < entry.at:
            self._set(heapq.heappop(self._ends)[1], None)
        if entry.kind is EntryKind.MERGED:
            self._take_over(entry.at)
        if entry.alert in self._of_alerts:
            if entry.kind is EntryKind.ALERT_CLOSED:
                self._set(entry.alert, None)
            elif entry.scope is not None:
                self._set(entry.alert, entry.scope)
        if entry.state is not self._state:
            self.monitoring_at = _monitoring_at(self.monitoring_at, entry)
        self._state = public_state(entry.state, is_written_up=self._is_written_up(entry))

    def _is_written_up(self, entry: Entry) -> bool:
        """Whether customers could read by then what was learned."""
        if self._is_by_hand and self._publication is Publication.BY_COMPONENT:
            return False
        return self._written_up_by is not None and entry.sequence >= self._written_up_by

    def _take_over(self, at: float) -> None:
        """What began by then and came with another incident: this one's from there on."""
        while self._taken_over and self._taken_over[-1].first <= at:
            taken = self._taken_over.pop()
            self._ever |= self._touching.by(taken.scope)
            if taken.last is None or at <= taken.last:
                self._set(taken.alert, taken.scope)
                if taken.last is not None and taken.alert not in self._closed:
                    heapq.heappush(self._ends, (taken.last, taken.alert))

    def _set(self, alert: int, scope: Scope | None) -> None:
        """An open alert has this scope now; None once it is closed."""
        before = self._scopes.pop(alert, None)
        if scope is not None:
            self._scopes[alert] = scope
        if before != scope:
            self._lossy = None

    def _step(self, entry: Entry, public: str) -> Step | None:
        assert self._state is not None
        hit, told = self._look()
        self._waiting = public or self._waiting
        is_by_component = self._publication is Publication.BY_COMPONENT
        if self._publication is Publication.WITHHELD:
            self._is_shown = False
            return None
        if not self._is_shown and is_by_component and not told:
            return None
        # What people opened says what is measured alone, until a person publishes it.
        public = "" if self._is_by_hand and is_by_component else self._waiting
        if self._shown is not None and not public and self._state is self._shown and hit == self.hit:
            self._is_shown, self.told = True, told
            return None
        began, ended = hit - self.hit, self.hit - hit
        step = Step(
            entry.sequence,
            entry.at,
            self._shown,
            self._state,
            began,
            ended,
            told,
            public,
            bool(self._scopes),
        )
        self._is_shown, self._shown = True, self._state
        self._waiting = "" if public else self._waiting
        self.hit, self.told = hit, told
        return step

    def _look(self) -> tuple[Hit, Hit]:
        """Of the components that customers may see: those that are touched now, and all that were."""
        assert self._state is not None
        if self._lossy is None:
            self._lossy = _union(map(self._touching.by, set(self._scopes.values())))
            self._ever |= self._lossy
        of_alerts = self._lossy
        if self._publication is not Publication.PUBLISHED:
            told = frozenset(each for each in self._ever if each.publish is Publish.AUTOMATIC)
            return (of_alerts & told if self._state.is_open else frozenset()), told
        said = _union(self._touching.by(scope, by_hand=True) for scope in self._by_hand)
        told = self._ever | said
        if not self._state.is_open:
            return frozenset(), told
        is_watched = self._state is IncidentState.MONITORING
        return (of_alerts if is_watched else of_alerts | said), told


def waits(incident: Incident) -> bool:
    """Whether customers read nothing that people wrote of it, and see what is measured alone: it was
    opened by hand, and nobody has published it."""
    return bool(incident.opened_by) and incident.publication is Publication.BY_COMPONENT


def is_written_up(incident: Incident) -> bool:
    """Whether customers can read what was learned."""
    return not waits(incident) and any(incident.postmortem.public)


def public_writings(incident: Incident, entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """The entries that wrote what customers can read of what was learned, first and again; the newest
    writing alone where the timeline does not say which of them did."""
    if not is_written_up(incident):
        return ()
    writings = tuple(entry for entry in entries if entry.kind is EntryKind.POSTMORTEM)
    return tuple(entry for entry in writings if entry.rewrites_public) or writings[-1:]


def public_state(state: IncidentState, *, is_written_up: bool) -> IncidentState:
    """The state as customers see it: what was learned and stays inside is no news for them."""
    if state is IncidentState.POSTMORTEM and not is_written_up:
        return IncidentState.RESOLVED
    return state


def _union(sets: Iterable[Hit]) -> Hit:
    return frozenset().union(*sets)


def _at_once(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """The entries that one happening wrote, together."""
    group: list[Entry] = []
    for entry in entries:
        if group and abs(entry.at - group[0].at) > _AT_ONCE_S:
            yield group
            group = []
        group.append(entry)
    if group:
        yield group


def _texts(entries: Sequence[Entry]) -> Iterator[str]:
    return (entry.public.strip() for entry in entries if entry.public.strip())


def _monitoring_at(before: float | None, entry: Entry) -> float | None:
    """Since when its recovery is watched: it stays once that is over, and goes where it was not."""
    if entry.state is IncidentState.MONITORING:
        return entry.at
    return before if not entry.state.is_open else None
