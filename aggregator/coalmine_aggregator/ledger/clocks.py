"""Clock offsets of agents, told by receipts and reports. Pure.

A receipt says: arrived - (slot + phase); a report: received - sent. Both are the offset (positive: the
agent's clock is behind ours) plus a delay that is never negative. So either alone shows a clock that is
ahead; one that is behind takes both, since a slow service delays receipts and a slow broker reports,
and neither may look like a bad clock. The smallest over the last few slots is taken.

A seat is the place of an agent: location, region, zone and host. Offsets are kept by seat number.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.ledger.growing import grown
from coalmine_wire.slots import CLOCK_TOLERANCE_S

KEPT = 3
"""Buckets, one for each settled slot: as long as settling takes, so they reach back to the slot."""

QUORUM = 3
"""Agents that it takes to tell a step of our own clock from one of theirs."""

SAMPLE = 256
"""Receipts of a batch that are looked at, about: the smallest of many is told by a few."""

_INF = np.float32(np.inf)

Offsets = NDArray[np.float32]


class Clocks:
    """The offsets of all agents."""

    def __init__(self) -> None:
        self.seats = 0
        self._seat_of = np.zeros(1024, dtype=np.int32)
        self._phase_s = np.zeros(1024, dtype=np.float64)
        self._receipts = np.full((KEPT, 64), _INF, dtype=np.float32)
        self._reports = np.full((KEPT, 64), _INF, dtype=np.float32)
        self._bucket = 0
        self._median: float | None = None
        self._off = np.zeros(0, dtype=np.bool_)
        self.any_off = False

    def grow(self, series: int, seats: int) -> None:
        """Makes room for ids and seats below these."""
        self._seat_of = grown(self._seat_of, series)
        self._phase_s = grown(self._phase_s, series)
        self._receipts = grown(self._receipts, seats, np.inf)
        self._reports = grown(self._reports, seats, np.inf)
        self.seats = max(self.seats, seats)

    def place(self, series: int, seat: int, phase_ms: int) -> None:
        """A series is sent from `seat`, `phase_ms` after the second."""
        self._seat_of[series] = seat
        self._phase_s[series] = phase_ms / 1000

    def seat_of(self, series: int) -> NDArray[np.int32]:
        """int32[series]: the seat of each id below `series`."""
        return self._seat_of[:series]

    def seats_of(self, series: NDArray[np.int32]) -> NDArray[np.int32]:
        """int32, like `series`: their seats."""
        return self._seat_of[series]

    def receipts(self, series: NDArray[np.int32], slots: NDArray[np.int64], arrived: float) -> None:
        """Takes a batch of receipts, or rather a sample of it."""
        stride = 1 + len(series) // SAMPLE
        series, slots = series[::stride], slots[::stride]
        delay = (arrived - slots - self._phase_s[series]).astype(np.float32)
        np.minimum.at(self._receipts[self._bucket], self._seat_of[series], delay)

    def ahead(self, series: NDArray[np.int32], slots: NDArray[np.int64], arrived: float) -> None:
        """Takes receipts far ahead of their slots, each of them: one is enough to flag its agent."""
        delay = (arrived - slots - self._phase_s[series]).astype(np.float32)
        np.minimum.at(self._receipts[self._bucket], self._seat_of[series], delay)

    def report(self, seat: int, delay_s: float) -> None:
        """Takes the delay of a report that was sent when it was made."""
        row = self._reports[self._bucket]
        if delay_s < row.item(seat):
            row[seat] = delay_s

    def restart(self, seat: int) -> None:
        """Another process took the seat: forget what was known."""
        self._receipts[:, seat] = _INF
        self._reports[:, seat] = _INF

    def offsets(self) -> Offsets:
        """float32[seats]: the offsets in seconds, as far as anything recent tells; else infinite."""
        receipts: Offsets = self._receipts[:, : self.seats].min(axis=0)
        reports: Offsets = self._reports[:, : self.seats].min(axis=0)
        return np.minimum(receipts, reports)

    def judge(self) -> bool:
        """Finds the seats whose clocks are off by more than the tolerance; whether there are any."""
        told = _told(
            self._receipts[:, : self.seats].min(axis=0), self._reports[:, : self.seats].min(axis=0)
        )
        self._off = np.abs(np.nan_to_num(told)) > CLOCK_TOLERANCE_S
        self.any_off = bool(self._off.any())
        return self.any_off

    def off(self, seats: NDArray[np.int32]) -> NDArray[np.bool_]:
        """bool, like `seats`: whose clock was off when last judged."""
        off = np.zeros(self.seats, dtype=np.bool_)
        off[: len(self._off)] = self._off
        return off[seats]

    def stepped(self) -> bool:
        """Whether our own clock stepped: the agents' median offset jumped. Then all is forgotten."""
        bucket = self._bucket
        told = _told(self._receipts[bucket, : self.seats], self._reports[bucket, : self.seats])
        told = told[~np.isnan(told)]
        if told.size < QUORUM:
            return False
        median = float(np.median(told))
        jumped = self._median is not None and abs(median - self._median) > CLOCK_TOLERANCE_S
        self._median = median
        if jumped:
            self._receipts[:] = _INF
            self._reports[:] = _INF
        return jumped

    def turn(self) -> None:
        """A slot was settled: the oldest bucket makes way."""
        self._bucket = (self._bucket + 1) % KEPT
        self._receipts[self._bucket] = _INF
        self._reports[self._bucket] = _INF


def _told(receipts: Offsets, reports: Offsets) -> Offsets:
    """The offset where the evidence is enough to go by, else nan."""
    least = np.minimum(receipts, reports)
    both = np.isfinite(receipts) & np.isfinite(reports)
    return np.where(both | (least < -CLOCK_TOLERANCE_S), least, np.float32(np.nan))
