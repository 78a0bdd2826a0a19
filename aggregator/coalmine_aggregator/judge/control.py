"""The aggregator's check of itself: what control agents withheld must have been counted lost. Pure."""

from __future__ import annotations

from coalmine_aggregator.detect.self_check import Proof, SelfCheck, SelfCheckView, Witness
from coalmine_aggregator.ledger.series import AllSeries, full_name
from coalmine_aggregator.model.alerts import AlertClass, Cause, Severity
from coalmine_aggregator.model.explanation import Explanation
from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.model.findings import Finding
from coalmine_aggregator.model.slot_cells import ABSENT, SlotCells
from coalmine_wire.control import Choice, agreed
from coalmine_wire.reports import Birth

MOST = 1_000
"""Control series that are checked, of the first agents; each costs a few microseconds a slot."""


FIRST_PROOF_S = 3_600
"""Slots after which it is told that no proof came at all, where there is a key: it may be another one
than the agents'."""


class ControlCheck:
    """All control agents. `key` is the aggregator's own copy; without one nothing can be proven."""

    def __init__(self, key: bytes | None, acceptable_loss: float) -> None:
        self._key = key
        self._check = SelfCheck(acceptable_loss)
        self._series: dict[int, tuple[str, Choice | None, float]] = {}
        self._slot = 0

    @property
    def view(self) -> SelfCheckView | None:
        """How it stands; None while no control agent is known."""
        return self._check.view if self._series else None

    def birth(self, birth: Birth, series: AllSeries) -> None:
        """A control agent was born, after the ledger has taken in its series."""
        choice = None
        if self._key is not None:
            choice = agreed(self._key, birth.control_share, birth.control_key)
        for each in birth.series():
            number = series.id_of(full_name(each, control=True))
            if number is not None and (number in self._series or len(self._series) < MOST):
                self._series[number] = (each.name(), choice, birth.control_share)

    def settle(self, cells: SlotCells, *, loss_open: bool) -> None:
        """One settled slot."""
        if not self._series:
            return
        witnesses = [
            Witness(
                name,
                Fate(cells.fates[number]),
                None if choice is None else choice.withholds(name, cells.slot),
                share,
            )
            for number, (name, choice, share) in self._series.items()
            if number < len(cells.fates) and cells.fates[number] != ABSENT
        ]
        self._slot = cells.slot
        self._check.step(cells.slot, witnesses, loss_open=loss_open)

    def findings(self) -> list[Finding]:
        """A page while it counts wrong; a ticket once proofs that there were do not come any more."""
        view = self.view
        if view is None or view.state is Proof.OK:
            return []
        waited_s = self._slot - view.since
        if (
            view.state is Proof.UNPROVEN
            and not view.right
            and (self._key is None or waited_s < FIRST_PROOF_S)
        ):
            return []
        return [
            Finding(
                AlertClass.SELF_CHECK,
                "_control",
                "self_check",
                Severity.PAGE if view.state is Proof.WRONG else Severity.TICKET,
                (),
                view.since,
                cause=Cause.RECEIPT_PATH if view.state is Proof.WRONG else Cause.AGENT,
                note=view.text,
                explanation=Explanation(
                    view.last_proof_slot or 0,
                    0,
                    facts=(
                        ("state", str(view.state)),
                        ("withheld and counted lost since the start", str(view.right)),
                    ),
                ),
            )
        ]
