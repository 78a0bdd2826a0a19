"""Endings: how a datapoint ended, with why it is unknown and whether it arrived, in one byte. Pure.

An ending is `outcome * ARRIVALS + arrival`. An outcome is a fate before `Fate.UNKNOWN`, or
`Fate.UNKNOWN` plus the reason; an arrival is 0 for no receipt, 1 for a late one only, 2 for one in
time.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.model.unknown import REASONS

OUTCOMES: Final = int(Fate.UNKNOWN) + REASONS
"""The fates before unknown, then the reasons for unknown."""

ARRIVALS: Final = 3
IN_TIME: Final = 2
"""The arrival of what was received in time."""

ENDINGS: Final = OUTCOMES * ARRIVALS

PLAIN_ENDING: Final = int(Fate.DELIVERED) * ARRIVALS + IN_TIME
"""What nearly every datapoint ends with."""

RECEIVED: Final = OUTCOMES
COLUMNS: Final = OUTCOMES + 1
"""Columns of sums: the outcomes, then what was received in time."""


def ending_of(outcome: int, arrival: int) -> int:
    """The ending of an outcome and an arrival."""
    return outcome * ARRIVALS + arrival


def fate_of_ending(ending: int) -> Fate:
    """The fate of an ending below `ENDINGS`."""
    return Fate(min(ending // ARRIVALS, Fate.UNKNOWN))


def is_received(ending: int) -> bool:
    """Whether a datapoint of this ending was received in time."""
    return ending % ARRIVALS == IN_TIME


def sums_of(table: NDArray[Any]) -> NDArray[Any]:
    """[..., COLUMNS] of counts by ending, [..., ENDINGS]; of the same type."""
    by_outcome = table.reshape(*table.shape[:-1], OUTCOMES, ARRIVALS)
    sums = np.empty((*table.shape[:-1], COLUMNS), dtype=table.dtype)
    sums[..., :OUTCOMES] = by_outcome.sum(axis=-1)
    sums[..., RECEIVED] = by_outcome[..., IN_TIME].sum(axis=-1)
    return sums
