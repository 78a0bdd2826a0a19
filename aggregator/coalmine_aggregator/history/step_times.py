"""How long steps took, as histograms by cell, and their bytes. Pure.

A version (1 byte), flags (1 byte: whether the rest is packed by zlib, and twice the grain), the check
of `seal`; in between:

    how many histograms there are (4 bytes, little-endian)
    the distance of each from the one before, less one: the lowest bytes of all, the next, the highest
    the first bin of each, then how many bins each has up to its last (a byte each)
    the codes of all these bins (a byte each)

A histogram is known by `cell * STEPS + step`; they ascend. A code stands for a count by
its upper bits, as many as the grain says, since quantiles need no more: 4 where that takes little room,
down to 2 in large fleets. What a code leaves out is carried on to the next bin, so that what lies below
any time is off by a quarter of one bin at most, and the whole count hardly ever.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.history import spread
from coalmine_aggregator.history.damage import TooMuchError, refuse, sound
from coalmine_aggregator.history.seal import sealed, unpacked, unsealed
from coalmine_aggregator.model.step_bins import BINS, bins_of

STEPS: Final = 6
TOTAL: Final = 5
"""Resolve, connect, tls, send, response, and all that were taken together."""

MAX_CELLS: Final = 1 << 16
"""Numbers of cells lie below it."""

MAX_COUNT: Final = 1 << 31
"""Counts lie below it."""

MAX_READ: Final = 1 << 22
"""Histograms that are read at once."""

_VERSION: Final = 1
_GRAINS: Final = (4, 3, 2)
_ROOM: Final = 900
"""More bytes are a reason for a coarser grain."""

_SHIFTS: Final = (0, 8, 16)
_HEAD: Final = 4
_COLUMNS: Final = len(_SHIFTS) + 2
_MAX_BODY: Final = _HEAD + MAX_CELLS * STEPS * (_COLUMNS + BINS)
Counts = NDArray[np.int64]


def _values(grain: int) -> Counts:
    """int64[codes]: the count of each code, up to `MAX_COUNT`."""
    half = 1 << (grain - 1)
    exact = 2 * half
    codes = range(exact + half * (MAX_COUNT.bit_length() - grain))
    counts = [
        code if code < exact else half + code % half << (code - exact) // half + 1 for code in codes
    ]
    return np.array(counts, dtype=np.int64)


_CODES: Final = {grain: _values(grain) for grain in _GRAINS}
_KNOWN: Final = np.array([len(_CODES.get(grain, ())) for grain in range(max(_GRAINS) + 1)])
_TABLE: Final = np.zeros((len(_KNOWN), 256), dtype=np.int64)
for _grain, _counts in _CODES.items():
    _TABLE[_grain, : len(_counts)] = _counts


class StepTimesError(ValueError):
    """Bytes that are no step times; says why."""


class StepTimes(NamedTuple):
    """Histograms: `cell` int32[n] and `step` uint8[n], ascending together, and `counts` int64[n, BINS],
    see `model.step_bins`."""

    cell: NDArray[np.int32]
    step: NDArray[np.uint8]
    counts: Counts


class StepColumns(NamedTuple):
    """What many rows say, in their order: of each `start` int64[r] the histograms, `row` int64[k] as an
    index, `cell` int32[k] and `step` uint8[k]; of these the counts that are not 0, the `place` int64[j]
    of the histogram, the `bin` uint8[j] and the `amount` int64[j]. `faults` says of rows that were left
    out what is wrong, by start."""

    start: NDArray[np.int64]
    row: NDArray[np.int64]
    cell: NDArray[np.int32]
    step: NDArray[np.uint8]
    place: NDArray[np.int64]
    bin: NDArray[np.uint8]
    amount: Counts
    faults: Mapping[int, str]

    @property
    def damaged(self) -> int:
        """How many rows were left out."""
        return len(self.faults)


def of_timings(cell: NDArray[np.int32], steps_us: NDArray[np.int32]) -> StepTimes:
    """The histograms of attempts: cell[n], steps_us[n, 5], -1 for a step that was not taken. Raises
    ValueError."""
    if steps_us.shape != (len(cell), TOTAL):
        raise ValueError(f"{len(cell)} cells and step times of shape {steps_us.shape}")
    total = np.maximum(steps_us, 0).sum(axis=1, dtype=np.int64)
    taken = steps_us >= 0
    times = np.concatenate((steps_us, total[:, np.newaxis]), axis=1)
    whole = np.concatenate((taken, taken.any(axis=1, keepdims=True)), axis=1)
    attempt, step = np.nonzero(whole)
    keys, place = np.unique(cell[attempt].astype(np.int64) * STEPS + step, return_inverse=True)
    if len(keys) and not (keys[0] >= 0 and keys[-1] < MAX_CELLS * STEPS):
        raise ValueError(f"cells from {cell.min()} to {cell.max()}, expected 0 to {MAX_CELLS - 1}")
    counts = np.bincount(place * BINS + bins_of(times[whole]), minlength=len(keys) * BINS)
    return _of_keys(keys, counts.astype(np.int64).reshape(-1, BINS))


def add(parts: Iterable[StepTimes]) -> StepTimes:
    """All of them together."""
    parts = list(parts)
    key_parts = [_keys(part) for part in parts]
    keys, place = np.unique(np.concatenate([np.zeros(0, np.int64), *key_parts]), return_inverse=True)
    counts = np.zeros((len(keys), BINS), dtype=np.int64)
    begin = 0
    for part in parts:
        counts[place[begin : begin + len(part.cell)]] += part.counts
        begin += len(part.cell)
    return _of_keys(keys, counts)


def encode(times: StepTimes) -> bytes:
    """The bytes of histograms. Raises ValueError."""
    keys = _keys(times)
    if len(keys) and not (keys[0] >= 0 and keys[-1] < MAX_CELLS * STEPS and (np.diff(keys) > 0).all()):
        raise ValueError(f"histograms that do not ascend by cell, from 0 to {MAX_CELLS - 1}")
    if times.counts.min(initial=0) < 0 or times.counts.max(initial=0) >= MAX_COUNT:
        raise ValueError(f"counts from {times.counts.min()} to {times.counts.max()}")
    for grain in _GRAINS:
        body = _encoded(keys, times.counts, grain)
        packed = zlib.compress(body, 9)
        shorter = len(packed) < len(body)
        if shorter:
            body = packed
        if len(body) <= _ROOM:
            break
    return sealed(bytes((_VERSION, 2 * grain + shorter)) + body)


def _encoded(keys: NDArray[np.int64], counts: Counts, grain: int) -> bytes:
    codes = _coded(counts, _CODES[grain])
    filled = codes > 0
    some = filled.any(axis=1)
    first = np.where(some, filled.argmax(axis=1), 0)
    after = np.where(some, BINS - filled[:, ::-1].argmax(axis=1), 0)
    bins = np.arange(BINS)
    inside = (bins >= first[:, np.newaxis]) & (bins < after[:, np.newaxis])
    distance = np.diff(keys, prepend=-1) - 1
    parts = (*(distance >> shift & 0xFF for shift in _SHIFTS), first, after - first, codes[inside])
    return len(keys).to_bytes(_HEAD, "little") + b"".join(
        part.astype(np.uint8).tobytes() for part in parts
    )


def decode(data: bytes) -> StepTimes:
    """The histograms of these bytes. Raises `StepTimesError`."""
    found = read([(0, data)])
    for fault in found.faults.values():
        raise StepTimesError(f"damaged step times of {len(data)} bytes: {fault}")
    counts = np.zeros((len(found.cell), BINS), dtype=np.int64)
    counts[found.place, found.bin] = found.amount
    return StepTimes(found.cell, found.step, counts)


def read(rows: Sequence[tuple[int, bytes]]) -> StepColumns:
    """The columns of (start, its bytes). Raises `TooMuchError`."""
    return sound([start for start, _ in rows], [_body(data) for _, data in rows], _parse)


def _keys(times: StepTimes) -> NDArray[np.int64]:
    keys: NDArray[np.int64] = times.cell.astype(np.int64) * STEPS + times.step
    return keys


def _of_keys(keys: NDArray[np.int64], counts: Counts) -> StepTimes:
    return StepTimes((keys // STEPS).astype(np.int32), (keys % STEPS).astype(np.uint8), counts)


def _coded(counts: Counts, values: Counts) -> NDArray[np.uint8]:
    """uint8[n, BINS]: the code of each count and of what the bins before it left."""
    halfway = (values[1:] + values[:-1]) / 2
    codes = np.zeros(counts.shape, dtype=np.uint8)
    left = np.zeros(len(counts), dtype=np.int64)
    for column in range(BINS):
        left += counts[:, column]
        # An empty bin stays empty: nothing took so long.
        code = np.searchsorted(halfway, np.where(counts[:, column] > 0, left, 0))
        codes[:, column] = code
        left -= values[code]
    return codes


def _body(data: bytes) -> bytes:
    """The grain (1 byte) and all up to the check, unpacked; nothing, if there is no such thing."""
    body = unsealed(data)
    if len(body) < 2 or body[0] != _VERSION or body[1] // 2 not in _CODES:
        return b""
    rest = unpacked(body[2:], _MAX_BODY) if body[1] % 2 else body[2:]
    return b"" if rest is None else bytes((body[1] // 2,)) + rest


def _parse(starts: Sequence[int], bodies: Sequence[bytes], faults: Mapping[int, str]) -> StepColumns:
    """The columns of bodies that are all sound. Raises `DamageError`, `TooMuchError`."""
    sizes = np.fromiter(map(len, bodies), dtype=np.int64, count=len(bodies))
    refuse(sizes == 0, "a check that fails, or not of this version")
    sizes -= 1
    refuse(sizes < _HEAD, "cut off")
    grains = np.array([body[0] for body in bodies], dtype=np.int64)
    data = np.frombuffer(b"".join(body[1:] for body in bodies), dtype=np.uint8)
    ends = np.cumsum(sizes)
    head = data[(ends - sizes)[:, np.newaxis] + np.arange(_HEAD)]
    count = np.ascontiguousarray(head).view("<u4").reshape(-1).astype(np.int64)
    refuse(_HEAD + _COLUMNS * count > sizes, "cut off")
    if count.sum() > MAX_READ:
        raise TooMuchError(f"more than {MAX_READ} histograms to be read at once: ask for fewer rows")
    at = spread.places(ends - sizes + _HEAD, count)
    row = np.repeat(np.arange(len(starts)), count)
    low, middle, high, first, bins = (
        data[at + column * count[row]].astype(np.int64) for column in range(_COLUMNS)
    )
    refuse(_HEAD + _COLUMNS * count + spread.sums(bins, count) != sizes, "of no such length")
    refuse(first + bins > BINS, "more bins than there are", row)
    reached = np.cumsum((low | middle << 8 | high << 16) + 1)
    before = np.concatenate(([0], reached))[np.cumsum(count) - count]
    key = reached - before[row] - 1
    refuse(key >= MAX_CELLS * STEPS, "cells that are too large", row)
    codes = data[spread.places(ends - spread.sums(bins, count), spread.sums(bins, count))]
    place = np.repeat(np.arange(len(key)), bins)
    grain = np.repeat(grains[row], bins)
    refuse(codes >= _KNOWN[grain], "counts that are too large", row[place])
    filled = np.flatnonzero(codes)
    return StepColumns(
        np.array(starts, dtype=np.int64),
        row,
        (key // STEPS).astype(np.int32),
        (key % STEPS).astype(np.uint8),
        place[filled],
        spread.places(first, bins)[filled].astype(np.uint8),
        _TABLE[grain[filled], codes[filled]],
        faults,
    )
