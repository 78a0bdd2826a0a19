"""Many minutes' bytes as columns, read all at once. Pure.

A week of a service is ten thousand rows with nearly a million exceptions: there is no loop over these,
and next to none over the rows. The bytes are told in `minute_layout`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.history import spread
from coalmine_aggregator.history.blocks import Blocks, exceptions
from coalmine_aggregator.history.damage import TooMuchError, refuse, sound
from coalmine_aggregator.history.exceptions import Exceptions
from coalmine_aggregator.history.minute_layout import (
    ALL_SEEN,
    BLOCK_WORDS,
    FLAGS,
    FORMS,
    HEAD_WORDS,
    MASK_WORDS,
    MASKS,
    MAX_BODY,
    PACKED,
    RUNS,
    SECONDS,
    SEEN_WORDS,
    SPAN_WORDS,
    VERSION,
    VERSIONS,
    WIDE,
)
from coalmine_aggregator.history.seal import unpacked, unsealed
from coalmine_aggregator.model.endings import ENDINGS

PIECE: Final = 1 << 18
"""Bytes of bodies of one of several pieces: what is made of them stays in the cache of a core."""

MAX_READ: Final = MAX_BODY
"""Bytes of bodies that are read at once."""

_PLACES: Final = 1 << np.arange(SECONDS, dtype=np.uint64)


class Columns(NamedTuple):
    """What rows say, in their order.

    Of each second that was seen: `seen_slot` int64[m], its `roster` int64[m] and `usual` ending
    uint8[m]. Exceptions of one second are in `single`, those that may be of more in `lasting`: each
    seen, and of one roster and usual ending. `faults` says of rows that were left out what is wrong, by
    minute.
    """

    seen_slot: NDArray[np.int64]
    roster: NDArray[np.int64]
    usual: NDArray[np.uint8]
    single: Exceptions
    lasting: Exceptions
    faults: Mapping[int, str]

    @property
    def damaged(self) -> int:
        """How many rows were left out."""
        return len(self.faults)


def read(rows: Sequence[tuple[int, bytes]]) -> Columns:
    """The columns of (minute, its bytes), minutes ascending. Raises `TooMuchError`, ValueError."""
    parts = pieces(rows, MAX_READ)
    columns = next(parts)
    if next(parts, None) is not None:
        raise TooMuchError(f"more than {MAX_READ >> 20} MiB to be read at once: ask for fewer minutes")
    return columns


def pieces(rows: Iterable[tuple[int, bytes]], limit: int = PIECE) -> Iterator[Columns]:
    """The same of any number of rows: columns of as many minutes each as hold `limit` bytes, and of one
    at least. The last one may be empty. Raises ValueError."""
    minutes, bodies, size, newest = list[int](), list[bytes](), 0, -1
    for minute, data in rows:
        if minute <= newest:
            raise ValueError(f"minute {minute} after {newest}")
        newest = minute
        body = unsealed(data)
        if len(body) > 1 and body[1] & PACKED:
            body = body[:2] + (unpacked(body[2:], MAX_BODY) or b"")
        if size + len(body) > limit and minutes:
            yield sound(minutes, bodies, _parse)
            minutes, bodies, size = [], [], 0
        minutes.append(minute)
        bodies.append(body)
        size += len(body)
    yield sound(minutes, bodies, _parse)


def _parse(minutes: Sequence[int], bodies: Sequence[bytes], faults: Mapping[int, str]) -> Columns:
    """The columns of bodies that are all sound. Raises `DamageError`."""
    sizes = np.fromiter(map(len, bodies), dtype=np.int64, count=len(bodies))
    refuse(sizes == 0, "a check that fails")
    refuse((sizes % 2 != 0) | (sizes < 2 * HEAD_WORDS), "of no such length")
    words = np.frombuffer(b"".join(bodies), dtype="<u2")
    ends = np.cumsum(sizes // 2)
    heads = ends - sizes // 2
    minute = np.array(minutes, dtype=np.int64)

    first, second = words[heads], words[heads + 1]
    flags = first >> 8
    version = first & 0xFF
    refuse(~np.isin(version, VERSIONS), f"not of version {VERSIONS[0]} to {VERSION}")
    refuse((flags & ~np.uint16(FLAGS)) != 0, "unknown flags")
    whole = flags & ALL_SEEN != 0
    spans, blocks = (second & 0xFF).astype(np.int64), (second >> 8).astype(np.int64)
    span_heads = heads + HEAD_WORDS + np.where(whole, 0, SEEN_WORDS)
    block_heads = span_heads + SPAN_WORDS * spans
    bodies_begin = block_heads + BLOCK_WORDS * blocks
    refuse(bodies_begin > ends, "cut off")

    bits = _seen_bits(words, heads, whole)
    seen = np.ones((len(heads), SECONDS), dtype=np.bool_)
    if not whole.all():
        seen[~whole] = bits[~whole, np.newaxis] & _PLACES != 0
    roster, usual = _of_seconds(words, span_heads, spans, bits)
    slots = (minute[:, np.newaxis] * SECONDS + np.arange(SECONDS)).reshape(-1)
    if not whole.all():
        kept = seen.reshape(-1)
        slots, roster, usual = slots[kept], roster[kept], usual[kept]

    row = np.repeat(np.arange(len(heads)), blocks)
    places = spread.places(block_heads, blocks, BLOCK_WORDS)
    kind, count = words[places], spread.longs(words, places + 1)
    ending, form = (kind & 0xFF).astype(np.uint8), kind >> 8
    known = np.where(version[row] == VERSION, FORMS, FORMS & ~MASKS)
    runs, masks = form & RUNS != 0, form & MASKS != 0
    refuse((ending >= ENDINGS) | (form & ~known != 0) | (runs & masks), "unknown blocks", row)
    refuse(masks & (spans[row] != 1), "masks over several rosters", row)
    refuse(count == 0, "blocks without exceptions", row)
    unit_words = np.where(form & WIDE != 0, 2 * count, count)
    beside_words = np.where(runs, (count + 1) // 2, np.where(masks, MASK_WORDS * count, 0))
    taken = np.concatenate(([0], np.cumsum(unit_words + beside_words)))
    row_begins = taken[np.concatenate(([0], np.cumsum(blocks)))]
    refuse(np.diff(row_begins) != ends - bodies_begin, "of no such length")
    begins = taken[:-1] + (bodies_begin - row_begins[:-1])[row]

    of_blocks = Blocks(words, row, begins, begins + unit_words, count, form, ending)
    single, lasting = exceptions(of_blocks, minute, None if whole.all() else bits)
    return Columns(slots, roster, usual, single, lasting, faults)


def _seen_bits(
    words: NDArray[np.uint16], heads: NDArray[np.int64], whole: NDArray[np.bool_]
) -> NDArray[np.uint64]:
    """uint64[rows]: a bit for each second that was seen."""
    bits = np.full(len(heads), (1 << SECONDS) - 1, dtype=np.uint64)
    parts = np.flatnonzero(~whole)
    if len(parts):
        quarters = words[heads[parts, np.newaxis] + HEAD_WORDS + np.arange(SEEN_WORDS)]
        bits[parts] = np.ascontiguousarray(quarters).view("<u8")[:, 0]
        refuse(bits >> np.uint64(SECONDS) != 0, "more seconds than a minute has")
    return bits


def _of_seconds(
    words: NDArray[np.uint16],
    span_heads: NDArray[np.int64],
    spans: NDArray[np.int64],
    bits: NDArray[np.uint64],
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """The roster and the usual ending of all 60 seconds of every row, seen or not."""
    refuse((spans == 0) & (bits != 0), "no roster")
    row = np.repeat(np.arange(len(spans)), spans)
    places = spread.places(span_heads, spans, SPAN_WORDS)
    kind, roster = words[places], spread.longs(words, places + 1)
    first, usual = (kind & 0xFF).astype(np.int64), (kind >> 8).astype(np.uint8)
    begins = np.ones(len(row), dtype=np.bool_)
    begins[1:] = row[1:] != row[:-1]
    after = np.append(np.where(begins[1:], SECONDS, first[1:]), SECONDS)[: len(row)]
    wrong = (begins & (first != 0)) | (after <= first) | (after > SECONDS) | (usual >= ENDINGS)
    refuse(wrong, "rosters that do not follow each other", row)
    lasts = after - first
    if (spans == 0).any():  # rows of which nothing was seen: any roster will do
        at = np.flatnonzero(spans == 0)
        place = np.cumsum(spans)[at]
        lasts = np.insert(lasts, place, SECONDS)
        roster, usual = np.insert(roster, place, 0), np.insert(usual, place, 0)
    return np.repeat(roster, lasts), np.repeat(usual, lasts)
