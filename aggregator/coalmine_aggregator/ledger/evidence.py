"""What is known of one datapoint, as one byte. Pure.

    bits 0-3  what the agent said, merged by maximum: the order is precedence
              0 nothing, 1 skipped, 2 sent, 3 failed, 4-8 failed in a step, 9 abandoned,
              10-14 abandoned in a step, 15 not the agent but us: a gap, which ends the matter
    bit 4     a receipt came in time
    bit 5     a receipt came late
    bit 6     the agent was impaired in that slot
    bit 7     the agent's clock was off in that slot

`merge` is commutative, associative and idempotent, so what becomes of a datapoint does not depend on
the order in which evidence comes, nor on how often it is repeated.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from coalmine_wire.reports import Step, Verdict

Bytes = NDArray[np.uint8]

SAID = 0x0F
"""The bits of what the agent said."""

NOTHING, SKIPPED, SENT, FAILED, ABANDONED, GAP = 0, 1, 2, 3, 9, 15

ON_TIME, LATE, IMPAIRED, CLOCK = 0x10, 0x20, 0x40, 0x80

PLAIN = SENT | ON_TIME
"""What nearly every datapoint ends with; all else is an exception."""

_BASE = {
    Verdict.SKIPPED: SKIPPED,
    Verdict.SENT: SENT,
    Verdict.FAILED: FAILED,
    Verdict.ABANDONED: ABANDONED,
}


def said(verdict: Verdict, step: Step | None) -> int:
    """The code of a verdict, with the step in which a failed or abandoned attempt ended."""
    base = _BASE[verdict]
    return base if step is None or verdict < Verdict.FAILED else base + 1 + step


SAID_BY: dict[tuple[Verdict, Step | None], int] = {
    (verdict, step): said(verdict, step) for verdict in Verdict for step in (None, *Step)
}
"""`said` as a table, for the path that every report walks."""


def merge(one: int, other: int) -> int:
    """What both together say."""
    return max(one & SAID, other & SAID) | ((one | other) & ~SAID)


def merge_into(row: Bytes, ids: NDArray[np.int32], evidence: Bytes | int) -> bool:
    """Merges `evidence` into `row[ids]`, repeated ids allowed; whether anything changed."""
    codes = np.broadcast_to(np.asarray(evidence, dtype=np.uint8), ids.shape)
    where, group = np.unique(ids, return_inverse=True)
    spoken = np.zeros(len(where), dtype=np.uint8)
    np.maximum.at(spoken, group, codes & np.uint8(SAID))
    bits = np.zeros(len(where), dtype=np.uint8)
    np.bitwise_or.at(bits, group, codes & np.uint8(0xFF ^ SAID))
    before = row[where]
    after = np.maximum(before & np.uint8(SAID), spoken) | (before & np.uint8(0xFF ^ SAID)) | bits
    row[where] = after
    return bool((after != before).any())
