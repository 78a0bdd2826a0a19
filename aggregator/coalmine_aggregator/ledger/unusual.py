"""From evidence to who ended otherwise than most: what history keeps of a slot. Pure."""

from __future__ import annotations

import numpy as np

from coalmine_aggregator.ledger.evidence import Bytes
from coalmine_aggregator.ledger.fate_table import ENDING_OF
from coalmine_aggregator.ledger.windows import Expected, Mask
from coalmine_aggregator.model.endings import PLAIN_ENDING
from coalmine_aggregator.model.settled_slot import SettledSlot

NO_IDS = np.zeros(0, dtype=np.int32)
_NO_ENDINGS = np.zeros(0, dtype=np.uint8)


def settled_slot(
    slot: int, known: Bytes, expected: Expected, mask: Mask, exceptions: Mask, usual: int
) -> SettledSlot:
    """A slot of which `known` is all evidence, `exceptions` what is not plain in it (see `exceptional`)
    and `usual` the commonest ending."""
    if usual == PLAIN_ENDING:  # plain evidence is a plain ending: only the others need a look
        ids = np.flatnonzero(exceptions)
        endings = ENDING_OF[known[ids]]
        unusual = endings != PLAIN_ENDING
        return SettledSlot(slot, expected, usual, ids[unusual].astype(np.int32), endings[unusual])
    every = ENDING_OF[known]
    ids = np.flatnonzero((every != usual) & mask)
    return SettledSlot(slot, expected, usual, ids.astype(np.int32), every[ids])


def all_alike(slot: int, expected: Expected, usual: int) -> SettledSlot:
    """A slot in which all ended the same way."""
    return SettledSlot(slot, expected, usual, NO_IDS, _NO_ENDINGS)


def same_endings(one: Bytes, other: Bytes, mask: Mask) -> bool:
    """Whether two states of evidence are the same ending of every expected series."""
    moved = np.flatnonzero((one != other) & mask)
    return bool((ENDING_OF[one[moved]] == ENDING_OF[other[moved]]).all())
