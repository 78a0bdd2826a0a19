"""Rows that cannot be read: which, and why. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_Columns = TypeVar("_Columns")


class TooMuchError(ValueError):
    """More than is read at once: fewer rows have to be asked for."""


class DamageError(Exception):
    """Some rows cannot be read: which, as indices ascending, and why."""

    def __init__(self, rows: NDArray[np.intp], why: str) -> None:
        super().__init__(why)
        self.rows = rows
        self.why = why


def refuse(wrong: NDArray[np.bool_], why: str, row: NDArray[np.int64] | None = None) -> None:
    """Raises `DamageError` if something is wrong: with these rows, or with parts of these rows."""
    if wrong.any():
        raise DamageError(np.flatnonzero(wrong) if row is None else np.unique(row[wrong]), why)


def sound(
    keys: Sequence[int],
    bodies: Sequence[bytes],
    parse: Callable[[Sequence[int], Sequence[bytes], dict[int, str]], _Columns],
) -> _Columns:
    """What `parse` makes of the rows that it can read, and of what is wrong with the others, by key."""
    faults: dict[int, str] = {}
    while True:
        try:
            return parse(keys, bodies, faults)
        except DamageError as damage:
            bad = set(damage.rows.tolist())
            faults.update((keys[row], damage.why) for row in sorted(bad))
            keys = [key for row, key in enumerate(keys) if row not in bad]
            bodies = [body for row, body in enumerate(bodies) if row not in bad]
