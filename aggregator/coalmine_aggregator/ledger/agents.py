"""What is remembered of one agent. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.model.views import AgentStatus, AgentView
from coalmine_wire.reports import Birth
from coalmine_wire.series import escape

MISSING_S = 10
"""Silence that makes an agent missing, beyond the interval at which it reports."""

GOODBYE_S = 300
"""Slots after a goodbye that count as not attempted, at most."""

MAX_BIRTHS = 64
"""Births of an agent whose reports are still understood, the newest ones."""

Ids = NDArray[np.int32]


class Seat(NamedTuple):
    """The place of an agent: escaped labels that no two live agents may share."""

    location: str
    region: str
    zone: str
    host: str


def seat_of(birth: Birth) -> Seat:
    """The seat that a birth claims."""
    return Seat(str(birth.location), escape(birth.region), escape(birth.zone), escape(birth.host))


def view_of(birth: Birth, seat: Seat, status: AgentStatus, note: str) -> AgentView:
    """An agent of which nothing is expected, and nothing was heard but its birth."""
    return AgentView(
        agent=birth.agent,
        location=seat.location,
        region=seat.region,
        zone=seat.zone,
        host=seat.host,
        boot=birth.boot,
        version=birth.version,
        status=status,
        last_slot=None,
        impaired=(),
        offset_s=None,
        endpoints=0,
        expected_60s=0,
        received_60s=0,
        unknown_60s={},
        note=note,
    )


class Assignment(NamedTuple):
    """A birth, the series of its endpoints in their order, the number of its seat, and the services
    that it sends to."""

    birth: Birth
    ids: Ids
    listed: list[int]
    seat: int
    services: tuple[str, ...] = ()


@dataclass(slots=True)
class Aside:
    """An agent, or a boot of one, that was born where another one lives."""

    birth: Birth
    heard: float
    why: str


@dataclass(slots=True)
class Agent:
    """One agent that holds a seat, or did.

    `assignments` are by (boot, revision); `firsts` the first slot of each boot, `goodbyes` the last
    one of those that said goodbye.
    """

    seat: Seat
    current: Assignment
    heard: float
    assignments: dict[tuple[str, int], Assignment] = field(default_factory=dict)
    firsts: dict[str, int] = field(default_factory=dict)
    goodbyes: dict[str, int] = field(default_factory=dict)
    last_slot: int | None = None
    impaired: tuple[str, ...] = ()
    impaired_slot: int = 0
    retired: str = ""
    replaced: bool = False

    @property
    def birth(self) -> Birth:
        """The birth that counts now."""
        return self.current.birth

    def silent(self, now: float) -> bool:
        """Whether nothing was heard of it for longer than its interval and `MISSING_S`."""
        return now - self.heard >= MISSING_S + self.birth.interval_s - 1

    def on_leave(self, now: float) -> bool:
        """Whether the running boot said goodbye and may still be expected back."""
        last = self.goodbyes.get(self.birth.boot)
        return last is not None and now <= last + GOODBYE_S

    def alive(self, now: float) -> bool:
        """Whether it holds its seat against a newcomer."""
        gone = self.retired or self.birth.boot in self.goodbyes
        return not gone and not self.silent(now)

    def resting(self, slot: int) -> Ids | None:
        """The series that a goodbye covers in `slot`: after the last slot of a boot, and before the
        first of the next. None if no goodbye does."""
        for boot, last in self.goodbyes.items():
            if last < slot <= last + GOODBYE_S and not any(
                last < first <= slot for first in self.firsts.values()
            ):
                return self.newest_of(boot).ids
        return None

    def every_series(self) -> set[int]:
        """Whatever was ever expected of it, as far as is remembered."""
        return {series for each in self.assignments.values() for series in each.listed}

    def newest_of(self, boot: str) -> Assignment:
        """What the newest birth of a boot assigned; that of today where it is forgotten."""
        revisions = [revision for name, revision in self.assignments if name == boot]
        return self.assignments[boot, max(revisions)] if revisions else self.current

    def remember(self, assignment: Assignment, first: int) -> None:
        """Takes on a birth whose first slot was `first`."""
        birth = assignment.birth
        self.current = assignment
        self.assignments[birth.boot, birth.revision] = assignment
        self.firsts.setdefault(birth.boot, first)
        for memory in (self.assignments, self.firsts, self.goodbyes):
            while len(memory) > MAX_BIRTHS:
                del memory[next(iter(memory))]  # type: ignore[arg-type]
