"""The fate table: evidence in, fate out. Pure.

The first rule that matches wins. (That the datapoint was expected at all, rule 1, is not evidence
about it: the roster decides, see `windows`.)

    2  a gap of the aggregator                       unknown (aggregator), final
    3  agent impaired, or its clock off              unknown, even if received
    4  the report says failed or abandoned           that
    5  a receipt in time                             delivered
    6  the report says skipped                       not_attempted
    7  the report says sent: a late receipt or none  late or lost
    8  no report                                     unknown (silent)

Besides the fate, people want to know why something is unknown and whether a receipt came; the ending
of a datapoint is all three, see `model/endings`.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from coalmine_aggregator.ledger.evidence import (
    ABANDONED,
    CLOCK,
    FAILED,
    GAP,
    IMPAIRED,
    LATE,
    NOTHING,
    ON_TIME,
    SAID,
    SENT,
    SKIPPED,
    Bytes,
)
from coalmine_aggregator.model.endings import IN_TIME, ending_of
from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.model.slot_cells import ABSENT
from coalmine_aggregator.model.unknown import UnknownReason


def outcome_of(evidence: int) -> int:
    """A fate's value if it is below `Fate.UNKNOWN`, else `Fate.UNKNOWN` plus the reason's value."""
    spoken = evidence & SAID
    if spoken == GAP:
        return Fate.UNKNOWN + UnknownReason.AGGREGATOR
    if evidence & IMPAIRED:
        return Fate.UNKNOWN + UnknownReason.IMPAIRED
    if evidence & CLOCK:
        return Fate.UNKNOWN + UnknownReason.CLOCK
    if spoken >= ABANDONED:
        return Fate.ABANDONED
    if spoken >= FAILED:
        return Fate.FAILED
    if evidence & ON_TIME:
        return Fate.DELIVERED
    if spoken == SKIPPED:
        return Fate.NOT_ATTEMPTED
    if spoken == SENT:
        return Fate.LATE if evidence & LATE else Fate.LOST
    assert spoken == NOTHING
    return Fate.UNKNOWN + UnknownReason.SILENT


def fate_of(evidence: int) -> Fate:
    """The fate of an expected datapoint of which this is known."""
    return Fate(min(outcome_of(evidence), Fate.UNKNOWN))


def arrival_of(evidence: int) -> int:
    """0 for no receipt, 1 for a late one only, 2 for one in time."""
    return IN_TIME if evidence & ON_TIME else 1 if evidence & LATE else 0


ENDING_OF: Final[Bytes] = np.array(
    [ending_of(outcome_of(byte), arrival_of(byte)) for byte in range(256)], dtype=np.uint8
)
"""uint8[256]: the ending of every evidence byte."""

FATE_OF: Final[Bytes] = np.array([fate_of(byte) for byte in range(256)], dtype=np.uint8)
"""uint8[256]: the fate of every evidence byte."""


def _certain(byte: int) -> int:
    """The fate, if it is one that an open slot may be judged by; else `ABSENT`."""
    fate = fate_of(byte)
    silent = outcome_of(byte) == Fate.UNKNOWN + UnknownReason.SILENT
    return ABSENT if silent or fate in (Fate.LOST, Fate.LATE, Fate.NOT_ATTEMPTED) else fate


CERTAIN_OF: Final[Bytes] = np.array([_certain(byte) for byte in range(256)], dtype=np.uint8)
"""uint8[256]: for every evidence byte of an open slot, its fate or `ABSENT`; see `OpenSlot`."""
