"""Columns of text for a terminal. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from coalmine_runtime.printable import printable


def columns(rows: Sequence[Sequence[str]], right: Iterable[int]) -> list[str]:
    """The rows with their columns below each other; those of `right` aligned there."""
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    on_the_right = frozenset(right)
    return [
        "  ".join(
            cell.rjust(width) if index in on_the_right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def percent(share: float) -> str:
    """Two significant digits or more; some is never shown as none, nor as all."""
    value = share * 100
    if value <= 0 or value >= 100:
        return "0%" if value <= 0 else "100%"
    if value >= 99:
        return f"{math.floor(value * 100) / 100:g}%" if value < 99.99 else ">99.99%"
    digits = max(1, 1 - math.floor(math.log10(value)))
    return f"{value:.{digits}f}".rstrip("0").rstrip(".") + "%"
