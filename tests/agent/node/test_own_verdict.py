"""What an agent finds of its own node. Invariant: what the null sink did not clear, and what leads to
other nodes, says nothing."""

from __future__ import annotations

import pytest

from coalmine_agent.node.own_verdict import BAD_SLOTS, GOOD_SLOTS, STALE_S, OwnVerdict
from coalmine_agent.plan import EndpointPlan
from coalmine_wire.protocols import Protocol
from coalmine_wire.reports import Outcome, SlotReport, Verdict


def plan(service: str = "s", variant: str = "") -> EndpointPlan:
    return EndpointPlan(
        service=service,
        protocol=Protocol.TCP,
        variant=variant,
        host="127.0.0.1",
        port=1,
        series_name="x",
        phase_ms=0,
    )


PLANS = [plan(), plan(), plan("other"), plan(variant="node_b")]
GOOD, BAD, SKIPPED = Verdict.SENT, Verdict.FAILED, Verdict.SKIPPED


class Walk:
    """Slots, a second apart."""

    def __init__(self) -> None:
        self.own = OwnVerdict("s")
        self.now = 0.0

    def slots(self, count: int, *verdicts: Verdict, impaired: tuple[str, ...] = ()) -> bool:
        for _ in range(count):
            self.now += 1
            outcomes = [Outcome(index, verdict) for index, verdict in enumerate(verdicts)]
            self.own.slot(PLANS, SlotReport(int(self.now), outcomes, list(impaired)), self.now)
        return self.own.bad(self.now)


@pytest.fixture
def walk() -> Walk:
    return Walk()


def test_it_takes_some_slots_either_way(walk: Walk) -> None:
    assert not walk.slots(BAD_SLOTS - 1, BAD, BAD)
    assert walk.slots(1, BAD, GOOD)
    assert walk.slots(GOOD_SLOTS - 1, GOOD, GOOD)
    assert not walk.slots(1, GOOD, GOOD)


def test_a_relapse_begins_the_recovery_anew(walk: Walk) -> None:
    walk.slots(BAD_SLOTS, BAD, BAD)
    walk.slots(GOOD_SLOTS - 1, GOOD, GOOD)
    walk.slots(1, Verdict.ABANDONED, GOOD)
    assert walk.slots(GOOD_SLOTS - 1, GOOD, GOOD)


def test_other_services_and_other_nodes_are_theirs(walk: Walk) -> None:
    assert not walk.slots(60, GOOD, GOOD, BAD, BAD)


def test_an_agent_that_is_not_fit_has_no_opinion(walk: Walk) -> None:
    assert not walk.slots(60, BAD, BAD, impaired=("null_sink",))


def test_what_was_skipped_is_not_judged(walk: Walk) -> None:
    assert not walk.slots(60, SKIPPED, SKIPPED, BAD)


def test_stale_evidence_is_no_opinion(walk: Walk) -> None:
    walk.slots(BAD_SLOTS, BAD, BAD)
    assert walk.own.bad(walk.now + STALE_S)
    assert not walk.own.bad(walk.now + STALE_S + 1)
    walk.now += STALE_S + 1
    assert not walk.slots(1, BAD, BAD)
