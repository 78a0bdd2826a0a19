"""Exceptions that last: from what was put second by second to runs. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int32]
Bytes = NDArray[np.uint8]


class Run(NamedTuple):
    """Runs of exceptions: `number` int32[n], `ending`, `start` (0 to 59) and `length` uint8[n]."""

    number: Numbers
    ending: Bytes
    start: Bytes
    length: Bytes


NO_RUNS: Final = Run(
    np.zeros(0, dtype=np.int32), *(np.zeros(0, dtype=np.uint8) for _ in ("ending", "start", "length"))
)


class Runs:
    """Follows the seconds of a minute in their order."""

    def __init__(self) -> None:
        self._ended: list[Run] = []
        self._number = NO_RUNS.number
        self._ending = NO_RUNS.ending
        self._start = NO_RUNS.start
        self._next = 0

    def follow(self, second: int, number: Numbers, ending: Bytes, joined: bool) -> None:
        """The exceptions of a second, number ascending; `joined` to the second before, if no run has
        to end between the two."""
        if not joined:
            self._end(slice(None))
            self._number, self._ending = number, ending
            self._start = np.full(len(number), second, dtype=np.uint8)
        elif number is not self._number or ending is not self._ending:
            place = np.searchsorted(self._number, number)
            last = len(self._number) - 1
            near = np.minimum(place, last)
            lasts = (
                (self._number[near] == number) & (self._ending[near] == ending)
                if last >= 0
                else np.zeros(len(number), dtype=np.bool_)
            )
            ends = np.ones(last + 1, dtype=np.bool_)
            ends[place[lasts]] = False
            start = np.full(len(number), second, dtype=np.uint8)
            start[lasts] = self._start[place[lasts]]
            self._end(np.flatnonzero(ends))
            self._number, self._ending, self._start = number, ending, start
        self._next = second + 1

    def all(self) -> Run:
        """The runs so far, those that go on included, in no order."""
        parts = [*self._ended, self._until_now(slice(None))]
        return Run(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def _end(self, which: slice | NDArray[np.intp]) -> None:
        ended = self._until_now(which)
        if len(ended.number):
            self._ended.append(ended)

    def _until_now(self, which: slice | NDArray[np.intp]) -> Run:
        start = self._start[which]
        return Run(self._number[which], self._ending[which], start, np.uint8(self._next) - start)
