"""Bad outcomes that are told ahead of their slot's end, a few messages for however many. Pure.

A slot ends with its last attempt, up to a second after a refusal that was clear at once: an attempt by
UDP waits for an ICMP error until its deadline. What went badly is therefore told as soon as the null
sink has cleared the agent itself, gathered for a moment, and the slot's own report tells the rest.
"""

from __future__ import annotations

from coalmine_agent.tally import Tally
from coalmine_wire.reports import SlotReport

FIRST_S = 0.1
"""How long bad outcomes of a slot are gathered."""

LATER_S = 0.3
"""The same for a slot of which some were told: an outage of endpoints all over the second is opened by
the first message, and the aggregator has little use for ten."""


class Early:
    """The slots under way in which something went badly."""

    def __init__(self) -> None:
        self._worried: dict[tuple[int, int], Tally] = {}
        self._coming = False

    def add(self, tally: Tally) -> float | None:
        """Takes a slot with worries. In how many seconds to `take`, if that is not coming already."""
        self._worried[tally.revision, tally.slot] = tally
        if self._coming:
            return None
        self._coming = True
        return LATER_S if tally.told else FIRST_S

    def ended(self, tally: Tally) -> None:
        """The slot's own report tells it all."""
        self._worried.pop((tally.revision, tally.slot), None)

    def take(self) -> list[tuple[int, SlotReport]]:
        """What is to be told now: revision and slot, with the bad outcomes alone."""
        worried, self._worried, self._coming = self._worried, {}, False
        told = [(tally.revision, tally.tell_worries()) for tally in worried.values()]
        return [(revision, report) for revision, report in told if report is not None]
