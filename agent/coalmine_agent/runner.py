"""The send engine: starts every attempt on its slot and phase, ends it at its deadline, tells the outcomes.

`on_slot(revision, report)` is called once for every (revision, slot), from the loop's thread, when the last
attempt of the slot ended; it must not block. Slots come in their order but for attempts that started late.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coalmine_agent.plan import EndpointPlan
    from coalmine_agent.resolver import Resolver
    from coalmine_wire.reports import SlotReport

OnSlot = Callable[[int, "SlotReport"], None]


class Runner:
    """Sends one datapoint a slot to each endpoint. Made and used on one running loop."""

    def __init__(self, plans: Sequence[EndpointPlan], *, on_slot: OnSlot, resolver: Resolver) -> None:
        """`plans` is what the first revision, 1, sends; outcomes number its endpoints from 0."""
        raise NotImplementedError

    revision: int
    """That of the plans last given: 1 at first, one more with each `replace`."""

    def start(self) -> int:
        """Begins with the next slot, and returns it."""
        raise NotImplementedError

    def replace(self, plans: Sequence[EndpointPlan]) -> int:
        """Sends to `plans` from the returned slot on, as the next revision; no slot is missed."""
        raise NotImplementedError

    async def finish(self) -> int:
        """Lets the current slot end and returns it, the last one; takes at most 1.5 s."""
        raise NotImplementedError
