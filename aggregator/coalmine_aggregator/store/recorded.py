"""Counts by leaf and second, read back from what was kept by series. Blocks: runs on a thread."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from coalmine_aggregator.history import columns, roster_mask
from coalmine_aggregator.history.minute_layout import SECONDS
from coalmine_aggregator.history.roster_mask import RosterError
from coalmine_aggregator.history.tally import Counts, expected_by_group, tally
from coalmine_aggregator.model.endings import COLUMNS, OUTCOMES, RECEIVED
from coalmine_aggregator.model.fates import FATES, Fate
from coalmine_aggregator.model.scopes import Leaf
from coalmine_aggregator.model.slot_counts import SlotCounts
from coalmine_aggregator.store import schema
from coalmine_aggregator.store.numbering import AT_ONCE, LEAF_LABELS
from coalmine_runtime.logs import get_logger

log = get_logger("store")

SPAN_BYTES: Final = 64 << 20
"""Of counts, unpacked, that one reading of a long time holds."""

_HOUR_MINUTES: Final = 60


class _Service(NamedTuple):
    """One service: its leaves, by number, and the leaf of each series."""

    leaves: tuple[Leaf, ...]
    leaf_of: NDArray[np.int32]


class Recorded:
    """Reads slots; knows series and leaves as they were when it was made."""

    def __init__(self, connection: sa.Connection) -> None:
        self._services = _services(connection)
        self._rosters: dict[tuple[str, int], Counts | None] = {}

    def bounds(self, connection: sa.Connection) -> tuple[int, int] | None:
        """The first and the last minute of which anything is kept; None where nothing is."""
        table = schema.seconds
        found = [
            connection.execute(
                sa.select(sa.func.min(table.c.minute), sa.func.max(table.c.minute)).where(
                    table.c.service == service
                )
            ).one()
            for service in self._services
        ]
        kept = [(oldest, newest) for oldest, newest in found if oldest is not None]
        if not kept:
            return None
        return min(oldest for oldest, _ in kept), max(newest for _, newest in kept)

    def spans(self, connection: sa.Connection, first: int, last: int) -> list[tuple[int, int]]:
        """The slots from `first` to `last` as spans (both ends included) to read one after the other.

        Each is an hour at most, and shorter where there are so many leaves that an hour of them would
        take more than `SPAN_BYTES`. Time before and after all that is kept is left out.
        """
        bounds = self.bounds(connection)
        if bounds is None:
            return []
        oldest, newest = bounds
        first, last = max(first, oldest * SECONDS), min(last, newest * SECONDS + SECONDS - 1)
        leaves = sum(len(service.leaves) for service in self._services.values())
        minute_bytes = max(leaves, 1) * SECONDS * COLUMNS * 8
        length_s = min(_HOUR_MINUTES, max(1, SPAN_BYTES // minute_bytes)) * SECONDS
        starts = range(first // length_s * length_s, last + 1, length_s)
        return [(max(first, start), min(last, start + length_s - 1)) for start in starts]

    def slots(self, connection: sa.Connection, first: int, last: int) -> list[SlotCounts]:
        """The counts of the slots from `first` to `last` that were kept, ascending: of a span at most.

        All share one tuple of leaves; a leaf that a slot did not have counts nothing in it. Slots that
        need a roster which is not to be had any more are left out.
        """
        if last < first:
            return []
        table = schema.seconds
        found: list[tuple[str, NDArray[np.bool_], Counts]] = []
        for service, known in self._services.items():
            rows = connection.execute(
                sa.select(table.c.minute, table.c.body)
                .where(
                    table.c.service == service,
                    table.c.minute.between(first // SECONDS, last // SECONDS),
                )
                .order_by(table.c.minute)
            )
            sums = np.zeros((last - first + 1, len(known.leaves), COLUMNS), dtype=np.int64)
            seen = np.zeros(last - first + 1, dtype=np.bool_)
            for part in columns.pieces((minute, body) for minute, body in rows):
                if part.damaged:
                    log.error("store.minute.damaged", service=service, faults=str(dict(part.faults)))
                expected = self._expected(connection, service, set(part.roster.tolist()))
                each = tally(part, expected, known.leaf_of, len(known.leaves), first, last, 1)
                sums += each.sums
                seen |= each.seen > 0
            found.append((service, seen, sums))
        return _slots(
            first,
            np.logical_or.reduce([seen for _, seen, _ in found]) if found else np.zeros(0, np.bool_),
            [leaf for service, _, _ in found for leaf in self._services[service].leaves],
            [sums for _, _, sums in found],
        )

    def _expected(
        self, connection: sa.Connection, service: str, rosters: set[int]
    ) -> dict[int, Counts]:
        found = {}
        table, known = schema.rosters, self._services[service]
        for number in rosters:
            if (service, number) not in self._rosters:
                body = connection.execute(
                    sa.select(table.c.body).where(table.c.service == service, table.c.number == number)
                ).scalar_one_or_none()
                counts = None
                try:
                    mask = roster_mask.decode(body or b"")
                    counts = expected_by_group(mask, known.leaf_of, len(known.leaves))
                except RosterError as error:
                    log.error("store.roster.damaged", service=service, number=number, error=error)
                self._rosters[service, number] = counts
            counts = self._rosters[service, number]
            if counts is not None:
                found[number] = counts
        return found


def _slots(
    first: int, seen: NDArray[np.bool_], leaves: list[Leaf], sums: list[Counts]
) -> list[SlotCounts]:
    if not seen.any():
        return []
    table = np.concatenate(sums, axis=1)
    used = np.flatnonzero(table[..., :OUTCOMES].any(axis=(0, 2)))
    counts: NDArray[np.int32] = table[:, used].astype(np.int32)
    shared = tuple(leaves[i] for i in used.tolist())
    fates: NDArray[np.int32] = np.empty((*counts.shape[:2], FATES), dtype=np.int32)
    fates[..., : Fate.UNKNOWN] = counts[..., : Fate.UNKNOWN]
    fates[..., Fate.UNKNOWN] = counts[..., Fate.UNKNOWN : OUTCOMES].sum(axis=-1)
    return [
        SlotCounts(first + i, shared, counts[i, :, RECEIVED].copy(), fates[i])
        for i in np.flatnonzero(seen).tolist()
    ]


def _services(connection: sa.Connection) -> dict[str, _Service]:
    leaves: dict[str, dict[tuple[str, ...], int]] = {}
    table = schema.leaves
    columns_of = [table.c[label] for label in LEAF_LABELS]
    rows = connection.execute(
        sa.select(table.c.service, table.c.number, *columns_of).order_by(
            table.c.service, table.c.number
        )
    )
    for service, number, *labels in rows:
        leaves.setdefault(service, {})[tuple(labels)] = number
    found = {}
    table = schema.series
    columns_of = [table.c[label] for label in LEAF_LABELS]
    for service, numbers in leaves.items():
        query = sa.select(*columns_of).where(table.c.service == service).order_by(table.c.number)
        result = connection.execute(query.execution_options(yield_per=AT_ONCE))
        parts = [
            np.fromiter((numbers[tuple(row)] for row in part), np.int32, len(part))
            for part in result.partitions()
        ]
        leaf_of = np.concatenate(parts) if parts else np.zeros(0, dtype=np.int32)
        found[service] = _Service(tuple(Leaf(service, *labels) for labels in numbers), leaf_of)
    return found
