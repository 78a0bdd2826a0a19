"""Does this aggregator count right? Control agents lose datapoints, and it knows which. Pure.

Two things can be wrong. A withheld datapoint cannot have arrived: one that is counted delivered or late
is proof enough. One that was not withheld may be lost like any other, so it takes many, while the
service itself shows no loss: a CUSUM of the lost and late among them, for five times what is accepted
against twice that. Its steps are capped, so that no short mishap on the control agent's own way looks
like a miscount, and slots enter it late, since an outage that the service's own detectors are about to
find must not be seen here first. Failed and abandoned ones are the agent's own word and prove nothing.

Without either, what counts is that withheld datapoints were counted lost lately: the proof. Where it
does not come any more, everything may still be right, and nobody knows.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple

from coalmine_aggregator.model.fates import Fate

SILENT_S: Final = 60
"""Without a verdict on any control series for so long, nothing is proven."""

GAPS: Final = 10
"""Nor without a proof for so many times the mean gap between withheld datapoints."""

CHANCE_GAPS: Final = 20
"""The same while none was withheld: chance alone makes ten gaps a dozen times a year, twenty never."""

LAG_S: Final = 30
"""A slot enters the CUSUM if no alert about loss was open from 30 s before it to 30 s after it."""

RIGHT_AGAIN: Final = 3
"""So many withheld datapoints in a row, counted lost, end what one that counted delivered began."""

THRESHOLD: Final = 20.0
"""Of the CUSUM, in nats: by chance once in e^20 slots, which is 15 years."""

STEP: Final = 1.0
"""What one slot adds at most: so it takes 20 slots."""

_JUDGED = (Fate.DELIVERED, Fate.LOST, Fate.LATE)
_WITHHELD_WRONG = (Fate.DELIVERED, Fate.LATE)


class Proof(StrEnum):
    """What is known of the counting."""

    OK = "ok"
    WRONG = "wrong"
    UNPROVEN = "unproven"


class Witness(NamedTuple):
    """One datapoint of a control series that was expected in the slot.

    `withheld` is what the key says (`coalmine_wire.control`), with the aggregator's own copy of it;
    None where that copy cannot tell (see `control.agreed`). `share` is the share of its agent.
    """

    series: str
    fate: Fate
    withheld: bool | None
    share: float


class SelfCheckView(NamedTuple):
    """How it stands. `right` counts withheld datapoints that were counted lost, since the start.

    `since` is the slot in which `state` began; 0 before the first. `last_proof_slot` is None before
    the first proof.
    """

    state: Proof
    since: int
    text: str
    right: int
    last_proof_slot: int | None


class SelfCheck:
    """Fed with every settled slot, oldest first."""

    def __init__(self, acceptable_loss: float, threshold: float = THRESHOLD) -> None:
        """`acceptable_loss` is the largest of the services that control agents send to, in [0, 1)."""
        accepted = min(max(2 * acceptable_loss, 0.01), 0.99)
        wrong = min(5 * accepted, (1 + accepted) / 2)
        self._bad_step = math.log(wrong / accepted)
        self._good_step = math.log((1 - wrong) / (1 - accepted))
        self._threshold = threshold
        self._statistic = 0.0
        self._judged = self._bad = 0  # since the statistic was 0
        self._over = False
        self._waiting: deque[tuple[int, int, int]] = deque()  # slot, judged, bad
        self._loss_seen = -LAG_S - 1
        self._slot = -1
        self._first = 0
        self._last_verdict = 0
        self._last_row = 0
        self._last_agreed = 0
        self._rate = 0.0  # withheld datapoints to be expected in a slot
        self._passed_over = False  # one was withheld since the last proof, and not counted
        self._wrong: Witness | None = None
        self._wrong_slot = 0
        self._wrong_count = 0
        self._right_since = 0
        self._view = SelfCheckView(Proof.UNPROVEN, 0, "nothing was withheld yet", 0, None)

    @property
    def view(self) -> SelfCheckView:
        """How it stands after the newest slot."""
        return self._view

    def step(self, slot: int, witnesses: Iterable[Witness], *, loss_open: bool) -> SelfCheckView:
        """Takes a settled slot. `loss_open`: an alert about loss of a watched service is open.

        A slot that is not newer than the newest one changes nothing.
        """
        if slot <= self._slot:
            return self._view
        if self._slot < 0:
            self._first = self._last_verdict = self._last_agreed = slot
        self._slot = slot
        judged, bad = self._hear(slot, witnesses)
        if loss_open:
            self._loss_seen = slot
            self._waiting.clear()
        elif judged and slot - self._loss_seen > LAG_S:
            self._waiting.append((slot, judged, bad))
        while self._waiting and slot - self._waiting[0][0] >= LAG_S:
            self._weigh(*self._waiting.popleft()[1:])
        state, text = self._conclude(slot)
        before = self._view
        since = before.since if before.since and before.state is state else slot
        self._view = before._replace(state=state, since=since, text=text)
        return self._view

    def _hear(self, slot: int, witnesses: Iterable[Witness]) -> tuple[int, int]:
        """Takes the slot's datapoints; how many that were sent were judged, and how many were bad."""
        judged = bad = 0
        rate, heard = 0.0, False
        for witness in witnesses:
            heard = True
            if witness.withheld is None:
                continue
            self._last_agreed = slot
            rate += max(witness.share, 0.0)
            if witness.fate in _JUDGED:
                self._last_verdict = slot
            if witness.withheld:
                self._withheld(slot, witness)
            elif witness.fate in _JUDGED:
                judged += 1
                bad += witness.fate is not Fate.DELIVERED
        if heard:
            self._last_row = slot
        if rate:
            self._rate = rate
        return judged, bad

    def _withheld(self, slot: int, witness: Witness) -> None:
        if witness.fate is Fate.LOST:
            self._right_since += 1
            self._passed_over = False
            self._view = self._view._replace(right=self._view.right + 1, last_proof_slot=slot)
        elif witness.fate in _WITHHELD_WRONG:
            self._wrong, self._wrong_slot = witness, slot
            self._wrong_count += 1
            self._right_since = 0
        else:
            self._passed_over = True

    def _weigh(self, judged: int, bad: int) -> None:
        step = bad * self._bad_step + (judged - bad) * self._good_step
        self._statistic += min(step, STEP)
        self._judged += judged
        self._bad += bad
        if self._statistic <= 0:
            self._statistic, self._judged, self._bad, self._over = 0.0, 0, 0, False
        elif self._statistic >= self._threshold:
            # It stays at the threshold, so that it falls as soon as the counting is right again.
            self._statistic, self._over = self._threshold, True

    def _conclude(self, slot: int) -> tuple[Proof, str]:
        if slot - self._last_row > SILENT_S:
            # No control series is expected: nothing can be held against the counting any more.
            self._acquit()
            self._statistic, self._judged, self._bad, self._over = 0.0, 0, 0, False
            return Proof.UNPROVEN, "no control agent is known"
        if self._wrong is not None and self._right_since >= RIGHT_AGAIN:
            self._acquit()
        if self._wrong is not None:
            return Proof.WRONG, (
                f"{_many(self._wrong_count, 'withheld datapoint')} counted as arrived, the newest "
                f"{self._wrong.fate.label}: {self._wrong.series} of slot {self._wrong_slot}"
            )
        if self._over:
            return Proof.WRONG, (
                f"{self._bad} of {_many(self._judged, 'datapoint')} of control agents, all of them "
                "sent, counted lost or late while the service shows no loss"
            )
        if slot - self._last_agreed > SILENT_S:
            return Proof.UNPROVEN, "the key of the control agents is not this aggregator's"
        if slot - self._last_verdict > SILENT_S:
            return (
                Proof.UNPROVEN,
                f"nothing is known of the control agents for {SILENT_S} s",
            )
        proof = self._view.last_proof_slot
        if proof is None:
            return Proof.UNPROVEN, "nothing that was withheld was counted lost yet"
        if slot - proof > self._patience_s():
            return Proof.UNPROVEN, f"nothing that was withheld was counted lost since slot {proof}"
        return Proof.OK, f"{_many(self._view.right, 'withheld datapoint')} counted lost, as they should"

    def _acquit(self) -> None:
        self._wrong, self._wrong_count = None, 0

    def _patience_s(self) -> float:
        """How old the newest proof may be."""
        gaps = GAPS if self._passed_over else CHANCE_GAPS
        return max(SILENT_S, gaps / self._rate) if self._rate else SILENT_S


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"
