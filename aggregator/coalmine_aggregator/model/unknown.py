"""Why a datapoint's fate is unknown; kept apart in every view. Pure."""

from __future__ import annotations

from enum import IntEnum


class UnknownReason(IntEnum):
    """The value is the column in every array of unknown counts by reason."""

    AGGREGATOR = 0
    """The aggregator could not have seen a receipt: it was down, stalled, or its clock stepped."""
    IMPAIRED = 1
    """The agent said that it was not itself in that slot."""
    CLOCK = 2
    """The agent's clock was off."""
    SILENT = 3
    """No report has come."""

    @property
    def label(self) -> str:
        """The name used in JSON, metrics and on pages."""
        return self.name.lower()


REASONS = len(UnknownReason)
"""The number of columns."""
