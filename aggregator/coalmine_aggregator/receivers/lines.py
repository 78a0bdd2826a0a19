"""A block of plaintext lines to columns of receipts. Pure.

Two decoders that always agree: `decode_few` judges line by line in Python, `decode_many` judges all
lines at once with numpy. A call of the second costs as much as some 60 lines of the first, and then a
twentieth a line. Clean lines are those that agents and relays write, `name 1 1763700000` or
`name 1.0 1763700000` with a timestamp of ten digits of this season; whatever else there is goes, line
by line, to the first decoder's judge.

How it is done for a whole block: one comparison finds the line feeds. The 16 bytes in front of each
are gathered as two words; one must equal ` 1 ` (or ` 1.0 `) and the season's first three digits, the
other hold seven digits, which are parsed in parallel within the word. As many bytes as the widest
known name has are gathered from each line's start, cleared behind the name, and looked up in the
table, which compares them in full.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.receivers.limits import Window
from coalmine_aggregator.receivers.points import judge_line
from coalmine_aggregator.receivers.reasons import Reason
from coalmine_aggregator.receivers.table import MISSING, UNDECIDED, WIDTH, SeriesTable

FEW_BYTES = 4096
"""A block of fewer bytes goes line by line."""

PADDING = 16 + WIDTH
"""Bytes that a buffer must have behind the block; what is in them does not matter."""

_SEASON = 10**7  # the last seven digits of a timestamp: 116 days
_TAIL = len(" 1 1763700000")
_NONE = np.empty(0, np.int64)

Words = NDArray[np.uint64]
_U = np.uint64


class Decoded(NamedTuple):
    """What a block held: receipts in columns of equal length, and the rest counted by reason."""

    series: NDArray[np.int32]
    slots: NDArray[np.int64]
    rejected: Counter[Reason]


def decode(
    buffer: bytearray, length: int, table: SeriesTable, window: Window, prefix: bytes = b""
) -> Decoded:
    """Judges `buffer[:length]`: whole lines, each with its line feed, and `PADDING` bytes behind.

    `prefix` must stand in front of every name, and is taken off (an API key and its dot).
    """
    if length < FEW_BYTES:
        return decode_few(bytes(memoryview(buffer)[:length]), table, window, prefix)
    return decode_many(buffer, length, table, window, prefix)


def decode_few(block: bytes, table: SeriesTable, window: Window, prefix: bytes = b"") -> Decoded:
    """Line by line: for small blocks, and the reference. What follows the last line feed is ignored."""
    return _judge(block.split(b"\n")[:-1], table, window, prefix)


def decode_many(
    buffer: bytearray, length: int, table: SeriesTable, window: Window, prefix: bytes = b""
) -> Decoded:
    """All lines at once: for large blocks."""
    ends = _line_feeds(np.frombuffer(buffer, np.uint8), length)
    starts = np.empty_like(ends)
    starts[:1] = 0
    np.add(ends[:-1], 1, out=starts[1:])
    rejected: Counter[Reason] = Counter()

    clean, slots, tails = _tails(buffer, ends, window)
    names = starts + len(prefix)
    lengths = ends - names - tails
    clean &= lengths > 0
    if prefix:
        clean &= _begin_with(buffer, starts, prefix)
    clean &= lengths < 8 * table.words  # longer than every known name: the judge says of what kind
    odd = _NONE
    if not clean.all():
        odd, chosen = np.flatnonzero(~clean), np.flatnonzero(clean)
        slots, lengths, names = slots[chosen], lengths[chosen], names[chosen]
    else:
        chosen = None

    series = table.lookup(_rows(buffer, names, lengths, table.words))
    good = (series >= 0) & (slots >= window.first) & (slots <= window.last)
    if not good.all():
        known = series >= 0
        rejected[Reason.UNKNOWN_SERIES] = int(np.count_nonzero(series == MISSING))
        rejected[Reason.PAST] = int(np.count_nonzero(known & (slots < window.first)))
        rejected[Reason.FUTURE] = int(np.count_nonzero(known & (slots > window.last)))
        undecided = np.flatnonzero(series == UNDECIDED)
        odd = np.concatenate((odd, undecided if chosen is None else chosen[undecided]))
        series, slots = series[good], slots[good]
    if len(odd):
        lines = memoryview(buffer)
        spans = zip(starts[odd].tolist(), ends[odd].tolist(), strict=True)
        few = _judge((bytes(lines[start:end]) for start, end in spans), table, window, prefix)
        series = np.concatenate((series, few.series))
        slots = np.concatenate((slots, few.slots))
        rejected.update(few.rejected)
    return Decoded(series, slots, +rejected)


def _judge(lines: Iterable[bytes], table: SeriesTable, window: Window, prefix: bytes) -> Decoded:
    series: list[int] = []
    slots: list[int] = []
    rejected: Counter[Reason] = Counter()
    for line in lines:
        judged = judge_line(line, table, window, prefix)
        if isinstance(judged, Reason):
            rejected[judged] += 1
        else:
            series.append(judged[0])
            slots.append(judged[1])
    return Decoded(np.array(series, np.int32), np.array(slots, np.int64), rejected)


def _line_feeds(raw: NDArray[np.uint8], length: int) -> NDArray[np.int64]:
    """Where the line feeds are, ascending.

    Words that hold one are looked for first: nearly twice as fast as looking at each byte.
    """
    hits = raw[:length] == 10
    words = hits[: length & ~7].view(np.uint64)
    at = np.flatnonzero(words != 0)
    marks = words[at]
    if (marks & (marks - _U(1))).any():  # two in one word: lines of less than 8 bytes
        return np.flatnonzero(hits)
    # A mark is a power of 256; its logarithm is the exponent of it as a float.
    byte = ((marks.astype(np.float64).view(np.int64) >> 52) - 1023) >> 3
    rest = np.flatnonzero(hits[length & ~7 :]) + (length & ~7)
    return np.concatenate(((at << 3) + byte, rest))


def _tails(
    buffer: bytearray, ends: NDArray[np.int64], window: Window
) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64] | int]:
    """Which lines end as clean ones do; their slots; the length of what follows the name."""
    season = window.now // _SEASON
    # Where less than 15 bytes stand before the line feed it is read itself, and is no digit.
    words = _gather(buffer, np.maximum(ends - 15, 0), 16)
    first, second = words[:, 0], words[:, 1]  # ?? 1 178 3700000LF, or  1.0 178 3700000LF
    clean = (first >> _U(16)) == int.from_bytes(b" 1 %03d" % season, "little")
    tails: NDArray[np.int64] | int = _TAIL
    if not clean.all():
        decimal = first == int.from_bytes(b" 1.0 %03d" % season, "little")
        clean |= decimal
        tails = np.where(decimal, _TAIL + 2, _TAIL)
    slots, numeric = _seven_digits(second)
    clean &= numeric
    slots += season * _SEASON
    return clean, slots, tails


def _seven_digits(words: Words) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The number that the first seven bytes of each word spell, and whether they are digits."""
    if (words == words[-1:]).all():  # one second's datapoints: the usual block
        text = words[-1:].tobytes()[:7]
        number = int(text) if text.isdigit() else 0
        return np.full(len(words), number, np.int64), np.full(len(words), text.isdigit())
    # Eight digits, the first a zero; then pairs, fours and all, side by side in the word.
    digits = (words << _U(8)) ^ _U(0x3030_3030_3030_3000)
    above = ((digits & _U(0x7F7F_7F7F_7F7F_7F7F)) + _U(0x7676_7676_7676_7676)) | digits
    numeric = (above & _U(0x8080_8080_8080_8080)) == 0
    digits = (digits * _U(10) + (digits >> _U(8))) & _U(0x00FF_00FF_00FF_00FF)
    digits = (digits * _U(100) + (digits >> _U(16))) & _U(0x0000_FFFF_0000_FFFF)
    digits = (digits * _U(10000) + (digits >> _U(32))) & _U(0xFFFF_FFFF)
    return digits.view(np.int64), numeric


def _begin_with(buffer: bytearray, starts: NDArray[np.int64], prefix: bytes) -> NDArray[np.bool_]:
    """Which lines begin with `prefix`."""
    width = len(prefix) + 7 & ~7
    mask = np.frombuffer((b"\xff" * len(prefix)).ljust(width, b"\0"), np.uint64)
    wanted = np.frombuffer(prefix.ljust(width, b"\0"), np.uint64)
    begin = np.ones(len(starts), np.bool_)
    words = _gather(buffer, starts, width)
    for column in range(width // 8):
        begin &= (words[:, column] & mask[column]) == wanted[column]
    return begin


def _rows(
    buffer: bytearray, starts: NDArray[np.int64], lengths: NDArray[np.int64], words: int
) -> Words:
    """The names as rows of the table: each name, the space that follows it, zeros."""
    rows = _gather(buffer, starts, 8 * words)
    flat = rows.reshape(-1)
    np.bitwise_and(flat, _masks(words).take(lengths).view(np.uint64), out=flat)
    return rows


def _gather(buffer: bytearray, starts: NDArray[np.int64], width: int) -> Words:
    """`width` bytes (a multiple of 8) from each of `starts`, as rows of words."""
    places = np.ndarray((len(buffer) - width + 1,), f"V{width}", buffer, strides=(1,))
    return places[starts].view(np.uint64).reshape(-1, width // 8)


@lru_cache(maxsize=WIDTH // 8)
def _masks(words: int) -> NDArray[np.void]:
    """For each length of a name: what keeps it and the space behind it, and clears the rest."""
    width = 8 * words
    keep = np.tri(width, width, dtype=np.uint8) * np.uint8(255)
    return keep.view(f"V{width}").reshape(-1)
