"""One slot's outcomes, gathered until the last attempt and the null sink's probes ended. Pure."""

from __future__ import annotations

from coalmine_wire.reports import Outcome, SlotReport

NULL_SINK = "null_sink"
OVERRUN = "overrun"


class Tally:
    """Complete once every endpoint has its outcome and every probe of the null sink has ended.

    A failed attempt is thereby reported only beside the null sink's verdict on the agent itself.
    """

    __slots__ = (
        "_impaired",
        "_outcomes",
        "_pending",
        "_probes",
        "revision",
        "slot",
        "told",
        "worries",
    )

    def __init__(self, revision: int, slot: int, *, endpoints: int, probes: int) -> None:
        self.revision = revision
        self.slot = slot
        self._outcomes: list[Outcome | None] = [None] * endpoints
        self._pending = endpoints
        self._probes = probes
        self._impaired: list[str] = []
        self.worries: list[Outcome] = []
        """Bad outcomes that were not told ahead of the slot's end."""
        self.told = False
        """Some were."""

    def add(self, outcome: Outcome) -> bool:
        """Takes an endpoint's outcome; True if the slot is complete by it. A second one is an error."""
        if self._outcomes[outcome.endpoint] is not None:
            raise ValueError(f"endpoint {outcome.endpoint} has its outcome of slot {self.slot} already")
        self._outcomes[outcome.endpoint] = outcome
        self._pending -= 1
        return not self._pending and not self._probes

    def probed(self, *, ok: bool) -> bool:
        """Takes the end of one probe of the null sink; True if the slot is complete by it."""
        if not self._probes:
            raise ValueError(f"no probe of slot {self.slot} is out")
        if not ok:
            self.impair(NULL_SINK)
        self._probes -= 1
        return not self._pending and not self._probes

    def impair(self, reason: str) -> None:
        """Something was wrong with the agent itself in this slot."""
        if reason not in self._impaired:
            self._impaired.append(reason)

    @property
    def complete(self) -> bool:
        """Whether nothing is awaited."""
        return not self._pending and not self._probes

    @property
    def fit(self) -> bool:
        """Whether the null sink has cleared the agent itself: what is bad is not its own doing."""
        return not self._probes and not self._impaired

    def tell_worries(self) -> SlotReport | None:
        """Bad outcomes so far, each told once; None where there are none or the agent is not fit."""
        if not self.worries or not self.fit:
            return None
        worries, self.worries = self.worries, []
        self.told = True
        return SlotReport(self.slot, worries)

    def report(self) -> SlotReport:
        """The outcomes so far, in the endpoints' order."""
        return SlotReport(
            slot=self.slot,
            outcomes=[outcome for outcome in self._outcomes if outcome is not None],
            impaired=self._impaired,
        )
