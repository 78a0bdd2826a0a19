"""What a start of the aggregator takes over from its store. Pure."""

from __future__ import annotations

from typing import NamedTuple

from coalmine_aggregator.model.alerts import Alert
from coalmine_aggregator.model.slot_counts import SlotCounts
from coalmine_wire.reports import Birth, State


class Restored(NamedTuple):
    """The past, as far as a start needs it. The defaults are those of an empty store.

    `births` in the order in which they were heard: the last one of every agent, and each one heard
    in the last 24 h, since spooled reports may still refer to it. `states` likewise, the last one
    of each boot. `last_slot` is the newest slot whose counts were kept: what lies between it and
    the first slot of this run is a gap of the aggregator. `open_alerts` keep number and ordinal;
    `next_number` is the first number never used. `exceptions` are the ledger's own blobs by slot,
    ascending, of what may still be revised. `recent` are the counts of the last minutes' slots,
    ascending, up to `last_slot`: they refill the alert machine's windows and the live page.
    """

    births: tuple[Birth, ...] = ()
    states: tuple[State, ...] = ()
    last_slot: int | None = None
    open_alerts: tuple[Alert, ...] = ()
    next_number: int = 1
    exceptions: tuple[tuple[int, bytes], ...] = ()
    recent: tuple[SlotCounts, ...] = ()
