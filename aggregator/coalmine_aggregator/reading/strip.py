"""A strip: series by time, each point the worst that happened to a series in a step of time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from coalmine_aggregator.history.columns import Columns
from coalmine_aggregator.history.exceptions import together
from coalmine_aggregator.history.minute_layout import SECONDS
from coalmine_aggregator.model.endings import ENDINGS, fate_of_ending
from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.model.label_filter import LabelFilter
from coalmine_aggregator.reading import seconds
from coalmine_aggregator.reading.catalogue import Catalogue
from coalmine_aggregator.reading.frames import RefusedError
from coalmine_aggregator.reading.library import Library
from coalmine_aggregator.store import schema

Codes = NDArray[np.uint8]

MAX_ROWS: Final = 2_000
MAX_STEPS: Final = 1_200
MAX_RANGE_S: Final = 31 * 86_400
MAX_EXCEPTIONS: Final = 20_000_000
"""That are held at once, of all series: 300 MB."""

WORSE: Final = (
    Fate.DELIVERED,
    Fate.UNKNOWN,
    Fate.NOT_ATTEMPTED,
    Fate.LATE,
    Fate.LOST,
    Fate.FAILED,
    Fate.ABANDONED,
)
"""Fates by code: the worse has the higher."""

NOT_EXPECTED: Final = len(WORSE)
"""The code of a step in no second of which the series was expected."""

_CODE_OF_ENDING: Final = np.array(
    [WORSE.index(fate_of_ending(ending)) for ending in range(ENDINGS)], dtype=np.uint8
)
_BAD: Final = WORSE.index(Fate.LATE)


class StripAsked(NamedTuple):
    """The rows of a service from place `after` on (by order of labels), at most `limit`, over whole
    steps; only those with something bad where `only_bad`."""

    service: str
    where: dict[str, str]
    first: int
    last: int
    step_s: int
    after: int
    limit: int
    only_bad: bool


class Strip(NamedTuple):
    """`numbers` are the series of the rows, `codes` uint8[rows, steps] their points; `seen` is
    int32[steps], in how many seconds anything is known. `total` rows there are, also those that are not
    among these; `next` is the place after the last row, None at the end."""

    catalogue: Catalogue
    numbers: NDArray[np.intp]
    codes: Codes
    seen: NDArray[np.int32]
    total: int
    next: int | None


def strip(library: Library, connection: sa.Connection, asked: StripAsked) -> Strip:
    """The strip. Series that were never expected in its time have no row."""
    catalogue = library.catalogue(connection, schema.series, asked.service)
    chosen = catalogue.chosen(LabelFilter(asked.where))
    read = list(_bounded(seconds.read(connection, asked.service, asked.first, asked.last)))
    rosters = {
        number: mask
        for number in sorted({roster for part in read for roster in np.unique(part.roster).tolist()})
        if (mask := library.roster(connection, asked.service, number)) is not None
    }
    present = np.zeros(len(chosen), dtype=np.bool_)
    for mask in rosters.values():
        width = min(len(mask), len(present))
        present[:width] |= mask[:width]
    chosen &= present
    if asked.only_bad:
        chosen &= _touched(read, len(chosen), asked)
    ordered = catalogue.order(np.flatnonzero(chosen))
    numbers = ordered[asked.after : asked.after + asked.limit]
    drawing = _Drawing(asked, numbers, len(chosen))
    for part in read:
        drawing.add(part, rosters)
    end = asked.after + len(numbers)
    return Strip(
        catalogue,
        numbers,
        drawing.codes(),
        drawing.seen,
        len(ordered),
        end if end < len(ordered) else None,
    )


def _bounded(parts: Iterable[Columns]) -> Iterator[Columns]:
    exceptions = 0
    for part in parts:
        exceptions += len(part.single.key) + len(part.lasting.key)
        if exceptions > MAX_EXCEPTIONS:
            raise RefusedError.of(
                400,
                "answer-too-large",
                f"More than {MAX_EXCEPTIONS:,} exceptions lie in this time.",
                hint="ask for a shorter range",
            )
        yield part


def _touched(read: list[Columns], width: int, asked: StripAsked) -> NDArray[np.bool_]:
    """bool[width]: the series with an exception that is bad, or all where the usual one is."""
    touched = np.zeros(width, dtype=np.bool_)
    for part in read:
        inside = (part.seen_slot >= asked.first) & (part.seen_slot <= asked.last)
        if (_CODE_OF_ENDING[part.usual[inside]] >= _BAD).any():
            return np.ones(width, dtype=np.bool_)
        for some in (part.single, part.lasting):
            bad = some.of_blocks(_CODE_OF_ENDING[some.ending] >= _BAD)
            edge = (bad.begins < asked.first) | (bad.begins + SECONDS > asked.last + 1)
            touched[_below(bad.of_blocks(~edge).number, width)] = True
            cut = bad.of_blocks(edge).by_second()
            inside = (cut.slot >= asked.first) & (cut.slot <= asked.last)
            touched[_below(cut.number[inside], width)] = True
    return touched


def _below(numbers: NDArray[np.int32], width: int) -> NDArray[np.int32]:
    return numbers[numbers < width]


class _Drawing:
    """Points of the rows, filled piece by piece."""

    def __init__(self, asked: StripAsked, numbers: NDArray[np.intp], width: int) -> None:
        self._asked = asked
        self._row_of = np.full(width + 1, -1, dtype=np.int32)  # the last one: numbers beyond
        self._row_of[numbers] = np.arange(len(numbers))
        self._numbers = numbers
        self._begin = asked.first // asked.step_s
        steps = asked.last // asked.step_s - self._begin + 1
        self._worst = np.zeros((len(numbers), steps), dtype=np.uint8)
        self._expected = np.zeros((len(numbers), steps), dtype=np.bool_)
        self.seen = np.zeros(steps, dtype=np.int32)

    def codes(self) -> Codes:
        """uint8[rows, steps]; of steps of which nothing is known, 0."""
        codes = np.where(self._expected, self._worst, np.uint8(NOT_EXPECTED))
        codes[:, self.seen == 0] = 0
        return codes

    def add(self, part: Columns, rosters: dict[int, NDArray[np.bool_]]) -> None:
        """Adds what a piece says."""
        known = np.isin(part.roster, list(rosters))
        inside = (part.seen_slot >= self._asked.first) & (part.seen_slot <= self._asked.last) & known
        slot, roster, usual = part.seen_slot[inside], part.roster[inside], part.usual[inside]
        if not len(slot):
            return
        step = slot // self._asked.step_s - self._begin
        self.seen += np.bincount(step, minlength=len(self.seen)).astype(np.int32)
        row, at, ending = self._exceptions(part)
        self._add_usual(step, roster, usual, slot, row, at, rosters)
        np.maximum.at(
            self._worst,
            (row, at // self._asked.step_s - self._begin),
            _CODE_OF_ENDING[ending],
        )

    def _exceptions(
        self, part: Columns
    ) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.uint8]]:
        """Row, slot and ending of each second of each exception of our rows."""
        parts = (part.single, part.lasting)
        found = together(*(some.by_second(self._rows(some.number) >= 0) for some in parts))
        inside = (found.slot >= self._asked.first) & (found.slot <= self._asked.last)
        return self._rows(found.number[inside]), found.slot[inside], found.ending[inside]

    def _rows(self, number: NDArray[np.int32]) -> NDArray[np.int32]:
        return self._row_of[np.minimum(number, len(self._row_of) - 1)]

    def _add_usual(
        self,
        step: NDArray[np.int64],
        roster: NDArray[np.int64],
        usual: NDArray[np.uint8],
        slot: NDArray[np.int64],
        row: NDArray[np.int32],
        at: NDArray[np.int64],
        rosters: dict[int, NDArray[np.bool_]],
    ) -> None:
        """Who was expected; and, where the usual ending is not good, whom it struck: all that were
        expected in more seconds than they ended otherwise in."""
        key = (step * ENDINGS + usual) * (int(roster.max()) + 1) + roster
        keys, first, count = np.unique(key, return_index=True, return_counts=True)
        struck = _CODE_OF_ENDING[usual] > 0
        place = np.searchsorted(slot, at)
        of_exception = key[np.minimum(place, len(key) - 1)] if struck.any() else key[:0]
        for index in range(len(keys)):
            sample = first[index]
            mask = rosters[int(roster[sample])]
            known = self._numbers < len(mask)
            expected = np.zeros(len(self._numbers), dtype=np.bool_)
            expected[known] = mask[self._numbers[known]]
            column = step[sample]
            self._expected[:, column] |= expected
            code = _CODE_OF_ENDING[usual[sample]]
            if code:
                otherwise = np.bincount(row[of_exception == keys[index]], minlength=len(expected))
                hit = expected & (otherwise < count[index])
                self._worst[hit, column] = np.maximum(self._worst[hit, column], code)


def runs(codes: Codes) -> NDArray[np.int64]:
    """int64[n, 4]: row, first step, length and code of each run of points that are not good."""
    if not codes.size:
        return np.zeros((0, 4), dtype=np.int64)
    changes = np.ones(codes.shape, dtype=np.bool_)
    changes[:, 1:] = codes[:, 1:] != codes[:, :-1]
    row, step = np.nonzero(changes)
    length = np.diff(row * codes.shape[1] + step, append=codes.size)
    code = codes[row, step]
    found = np.stack((row, step, length, code.astype(np.int64)), axis=1)
    chosen: NDArray[np.int64] = found[code > 0]
    return chosen
