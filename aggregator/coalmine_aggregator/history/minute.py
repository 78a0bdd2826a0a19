"""How every series of a service ended in each second of a minute, and the bytes of it. Pure.

Only exceptions are kept: of each second the roster of whom was expected, the ending that most of them
had, and who ended otherwise. A green minute takes 12 bytes, an exception 2, and one that lasts 3.
"""

from __future__ import annotations

import zlib
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.history import columns, spread
from coalmine_aggregator.history.minute_layout import (
    ALL_SEEN,
    FAR,
    MAX_EXCEPTIONS,
    MAX_NUMBERS,
    PACKED,
    RUNS,
    SECONDS,
    VERSION,
    WIDE,
)
from coalmine_aggregator.history.runs import Bytes, Numbers, Run, Runs
from coalmine_aggregator.history.seal import sealed
from coalmine_aggregator.model.endings import ENDINGS

_WORTH_PACKING: Final = 256
_PAYS: Final = 0.6
"""Bodies are packed from so many bytes on, and if so small a part of them is left: what an outage of a
part of a scope leaves hardly shrinks, and would take longer to unpack than all else that is read."""

_LARGE: Final = 1 << 16
"""Larger bodies are packed in haste: outages, of which all is alike."""


class MinuteError(ValueError):
    """Bytes that are no minute; says why."""


class Second(NamedTuple):
    """One second: who was expected, how most of them ended, and who ended otherwise."""

    roster: int
    usual: int
    numbers: Numbers
    endings: Bytes


class Minute:
    """Up to 60 seconds of one service, by the numbers of its series."""

    def __init__(self) -> None:
        self._seconds: list[Second | None] = [None] * SECONDS
        self._runs = Runs()
        self._followed = 0  # seconds whose exceptions are in the runs

    @property
    def seen(self) -> NDArray[np.bool_]:
        """bool[60]: which seconds were put."""
        return np.array([second is not None for second in self._seconds], dtype=np.bool_)

    def second(self, second: int) -> Second | None:
        """What was put for a second; None if nothing was."""
        return self._seconds[second]

    def put(self, second: int, roster: int, usual: int, numbers: Numbers, endings: Bytes) -> None:
        """Replaces one second (0 to 59).

        `numbers` int32[n] ascend and are those that ended otherwise than `usual`, `endings` uint8[n]
        how; neither may be written to afterwards. Raises ValueError.
        """
        if not 0 <= second < SECONDS:
            raise ValueError(f"second {second} of a minute")
        if not 0 <= roster < 1 << 32:
            raise ValueError(f"roster {roster}, expected 0 to 2^32 - 1")
        _check(usual, numbers, endings)
        before = self._seconds[second - 1] if second else None
        if before is not None and np.array_equal(before.numbers, numbers):
            numbers = before.numbers  # kept once while an outage lasts
            if np.array_equal(before.endings, endings):
                endings = before.endings
        self._seconds[second] = Second(roster, usual, numbers, endings)
        if second < self._followed:
            self._runs, self._followed = Runs(), 0

    def runs(self) -> Run:
        """The exceptions as runs, none of which leaves its span."""
        for index in range(self._followed, SECONDS):
            second = self._seconds[index]
            if second is not None:
                before = self._seconds[index - 1] if index else None
                joined = before is not None and before[:2] == second[:2]
                self._runs.follow(index, second.numbers, second.endings, joined)
                self._followed = index + 1
        return self._runs.all()

    def spans(self) -> list[tuple[int, int, int]]:
        """(first second, usual ending, roster) of each stretch in which these two are the same."""
        spans: list[tuple[int, int, int]] = []
        for index, second in enumerate(self._seconds):
            if second is not None and (not spans or spans[-1][1:] != (second.usual, second.roster)):
                spans.append((index if spans else 0, second.usual, second.roster))
        return spans


def encode(minute: Minute) -> bytes:
    """The minute's bytes, see `minute_layout`."""
    spans = minute.spans()
    heads, units = _blocks(minute.runs())
    bits = int.from_bytes(np.packbits(minute.seen, bitorder="little").tobytes(), "little")
    whole = bits == (1 << SECONDS) - 1
    body = b"".join(
        (
            bytes((len(spans), len(heads))),
            b"" if whole else bits.to_bytes(8, "little"),
            *(bytes((first, usual)) + roster.to_bytes(4, "little") for first, usual, roster in spans),
            *heads,
            *units,
        )
    )
    flags = ALL_SEEN if whole else 0
    if len(body) >= _WORTH_PACKING:
        packed = zlib.compress(body, 6 if len(body) < _LARGE else 1)
        if len(packed) < _PAYS * len(body):
            return sealed(bytes((VERSION, flags | PACKED)) + packed)
    return sealed(bytes((VERSION, flags)) + body)


def decode(data: bytes) -> Minute:
    """The minute of these bytes. Raises `MinuteError`."""
    read = columns.read([(0, data)])
    for fault in read.faults.values():
        raise MinuteError(f"a damaged minute of {len(data)} bytes: {fault}")
    lasting = int(read.length.sum(dtype=np.int64))
    if lasting > SECONDS * MAX_EXCEPTIONS:
        raise MinuteError(f"a damaged minute of {len(data)} bytes: {lasting} exceptions")
    by_number = np.argsort(read.number, kind="stable")
    lasts = read.length[by_number].astype(np.int64)
    second = spread.places(read.slot[by_number], lasts).astype(np.uint8)
    order = np.argsort(second, kind="stable")  # by counting, as bytes are sorted
    numbers = np.repeat(read.number[by_number], lasts)[order]
    endings = np.repeat(read.ending[by_number], lasts)[order]
    bounds = np.searchsorted(second[order], np.arange(SECONDS + 1))
    minute = Minute()
    for slot, roster, usual in zip(
        read.seen_slot.tolist(), read.roster.tolist(), read.usual.tolist(), strict=True
    ):
        of_second = slice(bounds[slot], bounds[slot + 1])
        try:
            minute.put(slot, roster, usual, numbers[of_second], endings[of_second])
        except ValueError as error:
            raise MinuteError(f"a damaged minute of {len(data)} bytes: {error}") from None
    return minute


def _blocks(runs: Run) -> tuple[list[bytes], list[bytes]]:
    """The heads of the blocks, and their units with lengths."""
    key = runs.number.astype(np.int64) * SECONDS + runs.start
    kind = runs.ending.astype(np.int64) * 2 + (runs.length > 1)
    order = np.argsort(kind << 32 | key)
    key, length = key[order], runs.length[order]
    heads, units = list[bytes](), list[bytes]()
    begin = 0
    for block, count in enumerate(np.bincount(kind, minlength=0).tolist()):
        if count:
            ending, lasts = divmod(block, 2)
            of_block = slice(begin, begin + count)
            form, stored, body = _units(key[of_block], length[of_block] if lasts else None)
            heads.append(bytes((ending, form)) + stored.to_bytes(4, "little"))
            units.append(body)
            begin += count
    return heads, units


def _units(key: NDArray[np.int64], length: Bytes | None) -> tuple[int, int, bytes]:
    """The form of a block, how many units it has, and their bytes with the lengths of runs."""
    distance = np.diff(key, prepend=0)
    steps = distance // FAR
    place = np.cumsum(steps + 1) - 1
    stored = int(place[-1]) + 1
    form = RUNS if length is not None else 0
    if stored > 2 * len(key):
        form, stored = form | WIDE, len(key)
        body = distance.astype("<u4").tobytes()
        place = np.arange(stored)
    else:
        units = np.full(stored, FAR, dtype="<u2")
        units[place] = distance - steps * FAR
        body = units.tobytes()
    if length is not None:
        lengths = np.zeros(stored + stored % 2, dtype=np.uint8)
        lengths[place] = length
        body += lengths.tobytes()
    return form, stored, body


def _check(usual: int, numbers: Numbers, endings: Bytes) -> None:
    if not 0 <= usual < ENDINGS:
        raise ValueError(f"ending {usual}, expected 0 to {ENDINGS - 1}")
    if numbers.shape != endings.shape or numbers.ndim != 1:
        raise ValueError(f"numbers of shape {numbers.shape} and endings of shape {endings.shape}")
    if numbers.dtype != np.int32 or endings.dtype != np.uint8:
        raise ValueError(f"numbers of {numbers.dtype} and endings of {endings.dtype}")
    if len(numbers) > MAX_EXCEPTIONS:
        raise ValueError(f"{len(numbers)} exceptions, expected at most {MAX_EXCEPTIONS}")
    if len(numbers):
        if numbers[0] < 0 or numbers[-1] >= MAX_NUMBERS or not (numbers[1:] > numbers[:-1]).all():
            raise ValueError(f"numbers that do not ascend from 0 to {MAX_NUMBERS - 1}")
        if endings.max() >= ENDINGS:
            raise ValueError(f"ending {endings.max()}, expected 0 to {ENDINGS - 1}")
