"""The aggregator's check of its own counting, by datapoints that were lost on purpose.

Invariants: what is counted right never turns `wrong`, whatever the service and the control agent go
through; what is counted wrong is `wrong` at once (withheld and yet arrived) or within a minute and a
half (arrived and yet lost); no text or number is ever missing.
"""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coalmine_aggregator.detect.self_check import LAG_S, SILENT_S, Proof, SelfCheck, Witness
from coalmine_aggregator.model.fates import Fate

SLOT = 1_763_608_320
NAMES = [f"canary.ingest.internal.dc1.dc1-a.control.p{i}" for i in range(6)]
SHARE = 1 / 50


class Fleet:
    """A control agent of six series and an aggregator that counts it right, unless told otherwise."""

    def __init__(self, seed: int = 0, share: float = SHARE, acceptable_loss: float = 0.001) -> None:
        self.random = random.Random(seed)
        self.share = share
        self.check = SelfCheck(acceptable_loss)
        self.slot = SLOT

    def run(
        self,
        slots: int,
        *,
        sent: Fate = Fate.DELIVERED,
        withheld: Fate = Fate.LOST,
        loss: float = 0.0,
        agreed: bool = True,
        series: int = 6,
        loss_open: bool = False,
    ) -> list[Proof]:
        """Slots in which what was sent has the fate `sent`, or by `loss` is lost."""
        states = []
        for _ in range(slots):
            witnesses = []
            for name in NAMES[:series]:
                chosen = self.random.random() < self.share
                fate = withheld if chosen else sent
                if not chosen and self.random.random() < loss:
                    fate = Fate.LOST
                witnesses.append(Witness(name, fate, chosen if agreed else None, self.share))
            states.append(self.check.step(self.slot, witnesses, loss_open=loss_open).state)
            self.slot += 1
        return states


def test_what_is_counted_right_becomes_proven_and_stays_so() -> None:
    fleet = Fleet()
    states = fleet.run(5_000)
    first = states.index(Proof.OK)
    assert first < 100
    assert set(states[:first]) == {Proof.UNPROVEN}
    assert set(states[first:]) == {Proof.OK}
    view = fleet.check.view
    assert view.since == SLOT + first
    assert 500 < view.right < 700  # 5,000 slots of six series, one in 50
    assert view.last_proof_slot is not None


@pytest.mark.parametrize("fate", [Fate.DELIVERED, Fate.LATE])
def test_a_withheld_datapoint_that_arrived_is_wrong_at_once(fate: Fate) -> None:
    fleet = Fleet()
    fleet.run(500)
    witness = Witness(NAMES[2], fate, True, SHARE)
    view = fleet.check.step(fleet.slot, [witness], loss_open=True)
    assert view.state is Proof.WRONG
    assert view.since == fleet.slot
    assert NAMES[2] in view.text
    assert fate.label in view.text
    fleet.slot += 1
    # Right again: it ends with the third one in a row that is counted lost.
    right = view.right
    states = fleet.run(2_000)
    ends = states.index(Proof.OK)
    assert set(states[:ends]) == {Proof.WRONG}
    assert set(states[ends:]) == {Proof.OK}
    assert fleet.check.view.right > right + 3


def test_one_series_that_is_always_miscounted_is_found() -> None:
    fleet = Fleet()
    fleet.run(500)
    states = []
    for _ in range(200):
        rows = [Witness(name, Fate.DELIVERED, False, SHARE) for name in NAMES[1:]]
        rows.append(Witness(NAMES[0], Fate.LOST, False, SHARE))
        states.append(fleet.check.step(fleet.slot, rows, loss_open=False).state)
        fleet.slot += 1
    found = states.index(Proof.WRONG)
    assert LAG_S < found <= LAG_S + 30
    assert "counted lost or late" in fleet.check.view.text
    # Once all is right again it ends, within minutes.
    states = fleet.run(300)
    assert states[-1] is Proof.OK
    assert Proof.UNPROVEN not in states


def test_an_outage_that_the_service_shows_is_no_miscount() -> None:
    fleet = Fleet()
    fleet.run(500)
    states = fleet.run(8, loss=1.0)  # what the service's own detectors take to open their alert
    states += fleet.run(600, loss=1.0, loss_open=True)
    states += fleet.run(20, loss=0.5, loss_open=True)
    states += fleet.run(600)
    assert set(states) == {Proof.OK}


def test_a_mishap_of_the_control_agent_alone_is_no_miscount() -> None:
    fleet = Fleet()
    fleet.run(500)
    assert set(fleet.run(10, loss=1.0) + fleet.run(200)) == {Proof.OK}
    assert Proof.WRONG not in fleet.run(300, sent=Fate.FAILED) + fleet.run(300, sent=Fate.ABANDONED)


@pytest.mark.parametrize("acceptable_loss", [0.0, 0.001, 0.05, 0.5, 0.99])
def test_acceptable_loss_is_accepted(acceptable_loss: float) -> None:
    fleet = Fleet(acceptable_loss=acceptable_loss)
    fleet.run(500)
    assert set(fleet.run(20_000, loss=acceptable_loss)) == {Proof.OK}


@pytest.mark.parametrize("fate", [Fate.UNKNOWN, Fate.NOT_ATTEMPTED])
def test_silence_is_unproven_after_a_minute(fate: Fate) -> None:
    fleet = Fleet()
    fleet.run(500)
    states = fleet.run(200, sent=fate, withheld=fate)
    assert states.index(Proof.UNPROVEN) == SILENT_S
    assert set(states[SILENT_S:]) == {Proof.UNPROVEN}
    assert fleet.check.view.right > 0  # it was proven before: that is what makes it a ticket
    assert Proof.OK in fleet.run(300)


def test_a_key_of_its_own_is_unproven_and_says_so() -> None:
    fleet = Fleet()
    fleet.run(200, agreed=False)
    view = fleet.check.view
    assert view.state is Proof.UNPROVEN
    assert "key" in view.text
    assert view.right == 0


def test_without_control_agents_nothing_is_proven_and_nothing_is_wrong() -> None:
    fleet = Fleet()
    assert set(fleet.run(100, series=0)) == {Proof.UNPROVEN}
    assert "no control agent" in fleet.check.view.text
    # One that counted wrong and is gone is not held against anybody for ever.
    fleet.run(300, withheld=Fate.DELIVERED)
    assert fleet.check.view.state is Proof.WRONG
    assert fleet.run(SILENT_S + 2, series=0)[-1] is Proof.UNPROVEN


def test_withheld_ones_that_are_never_judged_are_unproven_after_ten_gaps() -> None:
    """The others go on being delivered; 10 gaps of 1 / (6 x 1/50) slots are 83 s."""
    fleet = Fleet()
    fleet.run(500)
    start = fleet.slot - 1 - (fleet.check.view.last_proof_slot or 0)
    states = fleet.run(300, withheld=Fate.UNKNOWN)
    assert states.index(Proof.UNPROVEN) == pytest.approx(10 / (6 * SHARE) - start, abs=1)
    assert "since slot" in fleet.check.view.text


def test_a_long_row_without_a_choice_is_chance() -> None:
    """Gaps of 15 times the mean happen once in a few years of a small share; of 20 times never."""
    fleet = Fleet()
    fleet.run(500)
    gap = 1 / (6 * SHARE)
    rows = [Witness(name, Fate.DELIVERED, False, SHARE) for name in NAMES]
    start = fleet.check.view.last_proof_slot or 0
    states = [
        fleet.check.step(slot, rows, loss_open=False).state for slot in range(fleet.slot, start + 300)
    ]
    assert states.index(Proof.UNPROVEN) == pytest.approx(start + 20 * gap - fleet.slot, abs=1)


def test_slots_that_were_seen_change_nothing() -> None:
    fleet = Fleet()
    fleet.run(500)
    view = fleet.check.view
    wrong = [Witness(NAMES[0], Fate.DELIVERED, True, SHARE)]
    assert fleet.check.step(fleet.slot - 1, wrong, loss_open=False) == view
    assert fleet.check.step(SLOT - 1000, wrong, loss_open=False) == view


# Whatever a control agent and its service go through, in stretches of slots of any kind, with any gaps
# between them: while withheld datapoints never count as arrived and sent ones only as lost while an
# alert is open, nothing is wrong.
@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(1, 60),
            st.sampled_from([*Fate]),
            st.sampled_from([Fate.LOST, Fate.UNKNOWN, Fate.FAILED, Fate.NOT_ATTEMPTED]),
            st.booleans(),
            st.integers(0, 6),
            st.integers(0, 10_000),
        ),
        max_size=12,
    ),
    st.integers(0, 1000),
    st.sampled_from([1 / 500, SHARE, 0.5]),
)
def test_what_is_right_is_never_wrong(
    stretches: list[tuple[int, Fate, Fate, bool, int, int]], seed: int, share: float
) -> None:
    fleet = Fleet(seed, share)
    for slots, sent, withheld, agreed, series, gap in stretches:
        bad = sent in (Fate.LOST, Fate.LATE)
        fleet.run(slots, sent=sent, withheld=withheld, agreed=agreed, series=series, loss_open=bad)
        fleet.slot += gap
        view = fleet.check.view
        assert view.state is not Proof.WRONG
        assert view.text
        assert math.isfinite(view.since)
