"""What a start of the aggregator takes over from its store. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.model.alerts import Alert
from coalmine_aggregator.model.slot_counts import SlotCounts
from coalmine_wire.reports import Birth, State

MOST_CLOSED = 256
"""Closed loss alerts whose counts are still corrected, the newest."""

_NONE: Final[Mapping[str, Any]] = MappingProxyType({})


class Restored(NamedTuple):
    """The past, as far as a start needs it. The defaults are those of an empty store.

    `births` in the order in which they were heard: the last one of every agent, and each one heard
    in the last 24 h, since spooled reports may still refer to it. `states` likewise, the last one
    of each boot. `last_slot` is the newest slot whose counts were kept: what lies between it and
    the first slot of this run is a gap of the aggregator. `open_alerts` keep number and ordinal;
    `closed_alerts` are the loss alerts, in order of their end, that closed in the last 24 h, the newest
    `MOST_CLOSED`, since late reports still correct them. `next_number` is the first number never used.
    `exceptions` are the ledger's own blobs by slot,
    ascending, of what may still be revised. `recent` are the counts of the last minutes' slots,
    ascending, up to `last_slot`: they refill the alert machine's windows and the live page.
    `slo` are the minutes of each service's objective as int64[n, MINUTE_COLUMNS], see
    `model.slo_minutes`. `learned` is what detectors learned and losses have cost, JSON by name.
    """

    births: tuple[Birth, ...] = ()
    states: tuple[State, ...] = ()
    last_slot: int | None = None
    open_alerts: tuple[Alert, ...] = ()
    closed_alerts: tuple[Alert, ...] = ()
    next_number: int = 1
    exceptions: tuple[tuple[int, bytes], ...] = ()
    recent: tuple[SlotCounts, ...] = ()
    slo: Mapping[str, NDArray[np.int64]] = _NONE
    learned: Mapping[str, str] = _NONE
