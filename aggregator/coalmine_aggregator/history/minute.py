"""How every series of a service ended in each second of a minute, and the bytes of it. Pure.

Only exceptions are kept: of each second the roster of whom was expected, the ending that most of them
had, and who ended otherwise. A green minute takes 12 bytes, an exception 2, one that lasts 3, and a
series that keeps ending otherwise 10.
"""

from __future__ import annotations

import zlib
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.history import columns
from coalmine_aggregator.history.exceptions import together
from coalmine_aggregator.history.minute_layout import (
    ALL_SEEN,
    FAR,
    MASKS,
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

_MANY: Final = 5
"""A series with so many exceptions of one ending has a mask instead, which is no longer, and is soon
counted."""


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
    heads, units = _blocks(minute.runs(), len(spans) == 1)
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
    lasting = read.single.seconds + read.lasting.seconds
    if lasting > SECONDS * MAX_EXCEPTIONS:
        raise MinuteError(f"a damaged minute of {len(data)} bytes: {lasting} exceptions")
    found = together(read.single.by_second(), read.lasting.by_second())
    order = np.argsort(found.number, kind="stable")
    order = order[np.argsort(found.slot[order].astype(np.uint8), kind="stable")]  # by counting
    numbers, endings = found.number[order], found.ending[order]
    bounds = np.searchsorted(found.slot[order], np.arange(SECONDS + 1))
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


def _blocks(runs: Run, masks: bool) -> tuple[list[bytes], list[bytes]]:
    """The heads of the blocks, and their units with what is beside them; `masks` may be among them."""
    key = runs.number.astype(np.int64) * SECONDS + runs.start
    order = np.argsort(runs.ending.astype(np.int64) << 32 | key)
    key, ending, length = key[order], runs.ending[order], runs.length[order]
    mask = (np.uint64(1) << length.astype(np.uint64)) - np.uint64(1)
    form = np.where(length > 1, np.uint8(RUNS), np.uint8(0))
    if masks:
        key, ending, mask, form = _masked(key, ending, mask, form)
    kind = ending * np.uint8(MASKS + 1) + form
    order = np.argsort(kind, kind="stable")
    heads, units = list[bytes](), list[bytes]()
    begin = 0
    for block, count in enumerate(np.bincount(kind).tolist()):
        if count:
            of_block = order[begin : begin + count]
            head, body = _block(*divmod(block, MASKS + 1), key[of_block], mask[of_block])
            heads.append(head)
            units.append(body)
            begin += count
    return heads, units


def _masked(
    key: NDArray[np.int64], ending: Bytes, mask: NDArray[np.uint64], form: Bytes
) -> tuple[NDArray[np.int64], Bytes, NDArray[np.uint64], Bytes]:
    """The same exceptions by ending and key, those of a series with many of them as one."""
    number = key // SECONDS
    begins = np.flatnonzero(
        (np.diff(number, prepend=-1) != 0) | (np.diff(ending, prepend=np.uint8(ENDINGS)) != 0)
    )
    counts = np.diff(begins, append=len(key))
    many = counts >= _MANY
    if not many.any():
        return key, ending, mask, form
    later = (key - np.repeat(key[begins], counts)).astype(np.uint64)
    together = np.bitwise_or.reduceat(mask << later, begins)
    kept = np.repeat(~many, counts)
    kept[begins] = True
    mask, form = mask.copy(), form.copy()
    mask[begins[many]] = together[many]
    form[begins[many]] = MASKS
    return key[kept], ending[kept], mask[kept], form[kept]


def _block(
    ending: int, form: int, key: NDArray[np.int64], mask: NDArray[np.uint64]
) -> tuple[bytes, bytes]:
    """The head of a block, and its units with what is beside them."""
    distance = np.diff(key, prepend=0)
    steps = distance // FAR
    place = np.cumsum(steps + 1) - 1
    stored = int(place[-1]) + 1
    if stored > 2 * len(key):
        form, stored = form | WIDE, len(key)
        body = distance.astype("<u4").tobytes()
        place = np.arange(stored)
    else:
        units = np.full(stored, FAR, dtype="<u2")
        units[place] = distance - steps * FAR
        body = units.tobytes()
    if form & RUNS:
        lengths = np.zeros(stored + stored % 2, dtype=np.uint8)
        lengths[place] = np.bitwise_count(mask)
        body += lengths.tobytes()
    elif form & MASKS:
        masks = np.zeros(stored, dtype="<u8")
        masks[place] = mask
        body += masks.tobytes()
    return bytes((ending, form)) + stored.to_bytes(4, "little"), body


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
