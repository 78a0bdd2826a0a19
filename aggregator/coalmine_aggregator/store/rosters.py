"""Rosters: which numbers of a service were expected, kept once for all seconds that expect the same."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import Final, NamedTuple

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from coalmine_aggregator.history import roster_mask
from coalmine_aggregator.history.roster_mask import RosterError
from coalmine_aggregator.history.tally import expected_by_group
from coalmine_aggregator.model.settled_slot import ExpectedSeries
from coalmine_aggregator.store import schema
from coalmine_aggregator.store.database import upsert
from coalmine_aggregator.store.numbering import Numbering
from coalmine_runtime.logs import get_logger

log = get_logger("store")

USED_MINUTES: Final = 720
"""Once in so many minutes it is noted that a roster is still in use."""

UNUSED_MINUTES: Final = 1_440
"""A roster that was not in use for longer goes with what referred to it, see `retention`: from then on
it is as one that was never seen."""

_KNOWN: Final = 1_024
"""Rosters of a service that are told from new ones; older ones are kept again under a new number."""

_LOADED: Final = 64
_AT_HAND: Final = 256

Mask = NDArray[np.bool_]
Counts = NDArray[np.int64]


class Part(NamedTuple):
    """What a slot expects of one service: its place in `Numbering.services`, the roster's number, and
    how many series are expected."""

    place: int
    roster: int
    size: int


class _Roster(NamedTuple):
    number: int
    used: int


class Rosters:
    """Gives numbers to rosters. What is new is written with the next transaction."""

    def __init__(self, numbering: Numbering) -> None:
        self._numbering = numbering
        self._known: dict[str, OrderedDict[bytes, _Roster]] = {}
        self._next: dict[str, int] = {}
        self._parts: OrderedDict[ExpectedSeries, tuple[tuple[Part, ...], int]] = OrderedDict()
        self._counts: OrderedDict[tuple[str, int], Counts] = OrderedDict()
        self._rows: dict[tuple[str, int], dict[str, object]] = {}
        self._uses: dict[tuple[str, int], int] = {}

    def load(self, connection: sa.Connection) -> None:
        """Takes over numbers, and the rosters used last."""
        table = schema.rosters
        rows = connection.execute(
            sa.select(table.c.service, sa.func.max(table.c.number)).group_by(table.c.service)
        )
        for service, newest in rows.all():
            self._next[service] = newest + 1
            known = self._known.setdefault(service, OrderedDict())
            last = connection.execute(
                sa.select(table.c.number, table.c.used, table.c.body)
                .where(table.c.service == service)
                .order_by(table.c.used.desc(), table.c.number.desc())
                .limit(_LOADED)
            )
            for number, used, body in reversed(last.all()):
                try:
                    known[_digest(roster_mask.decode(body))] = _Roster(number, used)
                except RosterError as error:
                    log.error("store.roster.damaged", service=service, number=number, error=error)

    def parts(self, expected: ExpectedSeries, minute: int) -> tuple[Part, ...]:
        """The rosters of a slot in this minute, one for each service of which anything is expected.

        All ids below `expected.width` must have numbers."""
        parts, used = self._parts.get(expected, ((), -1))
        if minute < used + USED_MINUTES and used >= 0:
            return parts
        ids = np.flatnonzero(expected.mask())
        service = self._numbering.service_of(ids)
        places = np.flatnonzero(np.bincount(service)).tolist() if len(ids) else []
        found = []
        for place in places:
            those = ids if len(places) == 1 else ids[service == place]
            numbers = self._numbering.number_of(those)
            mask = np.zeros(int(numbers.max()) + 1, dtype=np.bool_)
            mask[numbers] = True
            found.append(Part(place, self._roster(place, mask, minute), len(those)))
        self._parts[expected] = (tuple(found), minute)
        if len(self._parts) > _AT_HAND:
            self._parts.popitem(last=False)
        return tuple(found)

    def expected_of(
        self, connection: sa.Connection, place: int, rosters: set[int]
    ) -> dict[int, Counts]:
        """int64[leaves] by roster: how many series of each leaf it expects. Those that are not to be
        had are left out."""
        known = self._numbering.services[place]
        missing = [number for number in rosters if (known.service, number) not in self._counts]
        table = schema.rosters
        for number in missing:
            row = self._rows.get((known.service, number))
            body = (
                row["body"]
                if row is not None
                else connection.execute(
                    sa.select(table.c.body).where(
                        table.c.service == known.service, table.c.number == number
                    )
                ).scalar_one_or_none()
            )
            try:
                mask = roster_mask.decode(body if isinstance(body, bytes) else b"")
            except RosterError as error:
                log.error("store.roster.damaged", service=known.service, number=number, error=error)
                continue
            counts = expected_by_group(mask, known.leaf_of.values, len(known.leaves))
            self._counts[known.service, number] = counts
        found = {}
        for number in rosters:
            held = self._counts.get((known.service, number))
            if held is not None:
                found[number] = np.pad(held, (0, len(known.leaves) - len(held)))
        while len(self._counts) > _AT_HAND:
            self._counts.popitem(last=False)
        return found

    def write(self, connection: sa.Connection) -> None:
        """Writes what is new since `written` was last called."""
        upsert(connection, schema.rosters, list(self._rows.values()))
        if self._uses:
            table = schema.rosters
            connection.execute(
                sa.update(table)
                .where(table.c.service == sa.bindparam("of"), table.c.number == sa.bindparam("which"))
                .values(used=sa.bindparam("at")),
                [{"of": of, "which": which, "at": at} for (of, which), at in self._uses.items()],
            )

    def written(self) -> None:
        """What was written is committed."""
        self._rows.clear()
        self._uses.clear()

    def _roster(self, place: int, mask: Mask, minute: int) -> int:
        service = self._numbering.services[place].service
        known = self._known.setdefault(service, OrderedDict())
        digest = _digest(mask)
        roster = known.get(digest)
        if roster is None or minute > roster.used + UNUSED_MINUTES:
            number = self._next.get(service, 0)
            self._next[service] = number + 1
            roster = _Roster(number, minute)
            self._rows[service, number] = {
                "service": service,
                "number": number,
                "used": minute,
                "body": roster_mask.encode(mask),
            }
        elif minute >= roster.used + USED_MINUTES:
            roster = roster._replace(used=minute)
            self._uses[service, roster.number] = minute
        known[digest] = roster
        known.move_to_end(digest)
        if len(known) > _KNOWN:
            known.popitem(last=False)
        return roster.number


def _digest(mask: Mask) -> bytes:
    """Alike for masks that end in more or fewer numbers that are not expected."""
    width = int(np.flatnonzero(mask)[-1]) + 1 if mask.any() else 0
    packed = np.packbits(mask[:width]).tobytes()
    return hashlib.blake2b(packed, digest_size=16).digest()
