"""Fates: how a scheduled datapoint ended; exactly one each. Pure."""

from __future__ import annotations

from enum import IntEnum


class Fate(IntEnum):
    """The value is the column in every array of counts by fate."""

    DELIVERED = 0
    FAILED = 1
    ABANDONED = 2
    LOST = 3
    LATE = 4
    NOT_ATTEMPTED = 5
    UNKNOWN = 6

    @property
    def label(self) -> str:
        """The name used in JSON, metrics and on pages."""
        return self.name.lower()


FATES = len(Fate)
"""The number of columns."""

BAD = (Fate.FAILED, Fate.ABANDONED, Fate.LOST, Fate.LATE)
"""Datapoints that the service did not take in time."""

NEITHER = (Fate.NOT_ATTEMPTED, Fate.UNKNOWN)
"""Datapoints that say nothing of the service; they leave the denominator."""
