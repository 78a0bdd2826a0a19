"""Scopes within scopes, by their cells. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


def within(narrow: Mask, wide: Mask) -> bool:
    """Whether all of `narrow` lies in `wide`, and is not nothing."""
    if len(narrow) > len(wide) or not narrow.any():
        return False
    return not bool((narrow & ~wide[: len(narrow)]).any())


def are_nested(one: Mask, other: Mask) -> bool:
    """Whether either lies in the other."""
    return within(one, other) or within(other, one)
