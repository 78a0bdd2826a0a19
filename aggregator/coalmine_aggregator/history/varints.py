"""Numbers of few bytes: seven bits in each, lowest first, the highest bit where more follow. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

MAX_BYTES: Final = 7
LIMIT: Final = 1 << 7 * MAX_BYTES
"""Numbers lie below it."""


class Varints(NamedTuple):
    """Numbers of many rows: `values` int64[n], of row r those from `bounds[r]` to `bounds[r + 1]`."""

    values: NDArray[np.int64]
    bounds: NDArray[np.int64]
    sound: NDArray[np.bool_]
    """bool[rows]: False for rows that are cut off or hold a number that is too large."""


def encode(values: NDArray[Any]) -> bytes:
    """The bytes of integers from 0 on. Raises ValueError."""
    rest = values.astype(np.int64)
    if len(rest) and not (rest.min() >= 0 and rest.max() < LIMIT):
        raise ValueError(f"numbers from {rest.min()} to {rest.max()}, expected 0 to {LIMIT - 1}")
    parts = np.zeros((len(rest), MAX_BYTES), dtype=np.uint8)
    present = np.zeros((len(rest), MAX_BYTES), dtype=np.bool_)
    present[:, 0] = True
    for place in range(MAX_BYTES):
        parts[:, place] = rest & 0x7F
        rest >>= 7
        more = rest > 0
        parts[more, place] |= 0x80
        if place + 1 < MAX_BYTES:
            present[:, place + 1] = more
    return parts[present].tobytes()


def decode(rows: Sequence[bytes]) -> Varints:
    """The numbers of each row."""
    sizes = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
    data = np.frombuffer(b"".join(rows), dtype=np.uint8)
    row_ends = np.cumsum(sizes)
    last = data < 0x80
    ends = np.flatnonzero(last)
    before = np.concatenate(([0], np.cumsum(last)))
    bounds = before[np.concatenate(([0], row_ends))]
    begins = np.concatenate(([0], ends[:-1] + 1))[: len(ends)]
    extra = ends - begins
    sound = np.ones(len(rows), dtype=np.bool_)
    filled = sizes > 0
    sound[filled] = last[row_ends[filled] - 1]
    too_long = ends[extra >= MAX_BYTES]
    sound[np.searchsorted(row_ends, too_long, side="right")] = False
    values = (data[begins] & 0x7F).astype(np.int64)
    place, longer = 1, np.flatnonzero(extra > 0)
    while len(longer) and place < MAX_BYTES:
        values[longer] |= (data[begins[longer] + place] & 0x7F).astype(np.int64) << 7 * place
        place += 1
        longer = longer[extra[longer] >= place]
    return Varints(values, bounds, sound)
