"""The fate table against DESIGN's rules, written out in plain Python, and rule by rule."""

from __future__ import annotations

import itertools

import pytest

from coalmine_aggregator.ledger.evidence import (
    CLOCK,
    GAP,
    IMPAIRED,
    LATE,
    NOTHING,
    ON_TIME,
    PLAIN,
    SAID_BY,
    SENT,
    SKIPPED,
    merge,
)
from coalmine_aggregator.ledger.fate_table import ENDING_OF, arrival_of, fate_of, outcome_of
from coalmine_aggregator.model.endings import ARRIVALS
from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.model.unknown import UnknownReason
from coalmine_wire.reports import Step, Verdict

FAILED = SAID_BY[Verdict.FAILED, Step.CONNECT]
ABANDONED = SAID_BY[Verdict.ABANDONED, Step.RESPONSE]


def by_the_rules(
    *, gap: bool, impaired: bool, clock_off: bool, verdict: Verdict | None, on_time: bool, late: bool
) -> tuple[Fate, UnknownReason | None]:
    """The rules of the ledger as they are told to people."""
    if gap:
        return Fate.UNKNOWN, UnknownReason.AGGREGATOR
    if impaired:
        return Fate.UNKNOWN, UnknownReason.IMPAIRED
    if clock_off:
        return Fate.UNKNOWN, UnknownReason.CLOCK
    if verdict is Verdict.FAILED:
        return Fate.FAILED, None
    if verdict is Verdict.ABANDONED:
        return Fate.ABANDONED, None
    if on_time:
        return Fate.DELIVERED, None
    if verdict is Verdict.SKIPPED:
        return Fate.NOT_ATTEMPTED, None
    if verdict is Verdict.SENT:
        return (Fate.LATE if late else Fate.LOST), None
    return Fate.UNKNOWN, UnknownReason.SILENT


def test_every_combination_of_evidence_follows_the_rules() -> None:
    seen = set()
    flags = (False, True)
    verdicts = [(None, None), *((v, s) for v in Verdict for s in (None, *Step))]
    for gap, impaired, clock_off, (verdict, step), on_time, late in itertools.product(
        flags, flags, flags, verdicts, flags, flags
    ):
        byte = NOTHING if verdict is None else SAID_BY[verdict, step]
        for there, bit in ((impaired, IMPAIRED), (clock_off, CLOCK), (on_time, ON_TIME), (late, LATE)):
            byte |= bit if there else 0
        byte = merge(byte, GAP) if gap else byte
        fate, reason = by_the_rules(
            gap=gap, impaired=impaired, clock_off=clock_off, verdict=verdict, on_time=on_time, late=late
        )
        assert fate_of(byte) == fate
        assert outcome_of(byte) == (fate if reason is None else Fate.UNKNOWN + reason)
        assert divmod(int(ENDING_OF[byte]), ARRIVALS) == (outcome_of(byte), arrival_of(byte))
        assert arrival_of(byte) == (2 if on_time else 1 if late else 0)
        seen.add(byte)
    assert seen == set(range(256))


@pytest.mark.parametrize(
    ("evidence", "fate"),
    [
        pytest.param(PLAIN | GAP, Fate.UNKNOWN, id="2: a gap of ours, though all went well"),
        pytest.param(FAILED | GAP, Fate.UNKNOWN, id="2: a gap of ours, though it failed"),
        pytest.param(PLAIN | IMPAIRED, Fate.UNKNOWN, id="3: impaired, even if received"),
        pytest.param(PLAIN | CLOCK, Fate.UNKNOWN, id="3: clock off, even if received"),
        pytest.param(ABANDONED | CLOCK, Fate.UNKNOWN, id="3: clock off, even if abandoned"),
        pytest.param(FAILED | ON_TIME, Fate.FAILED, id="4: failed, though it arrived"),
        pytest.param(ABANDONED | LATE, Fate.ABANDONED, id="4: abandoned, though it arrived late"),
        pytest.param(ON_TIME, Fate.DELIVERED, id="5: received, whatever liveness says"),
        pytest.param(SKIPPED | ON_TIME, Fate.DELIVERED, id="5: received, though said to be skipped"),
        pytest.param(PLAIN | LATE, Fate.DELIVERED, id="5: received, and once more late"),
        pytest.param(SKIPPED, Fate.NOT_ATTEMPTED, id="6: skipped"),
        pytest.param(SKIPPED | LATE, Fate.NOT_ATTEMPTED, id="6: skipped, with a late receipt"),
        pytest.param(SENT | LATE, Fate.LATE, id="7: sent and late"),
        pytest.param(SENT, Fate.LOST, id="7: sent and lost"),
        pytest.param(NOTHING, Fate.UNKNOWN, id="8: silent"),
        pytest.param(LATE, Fate.UNKNOWN, id="8: silent with a late receipt"),
    ],
)
def test_rules_by_example(evidence: int, fate: Fate) -> None:
    assert fate_of(evidence) == fate


def test_only_a_report_that_says_sent_makes_a_loss() -> None:
    for byte in range(256):
        if fate_of(byte) in (Fate.LOST, Fate.LATE):
            assert byte & 0x0F == SENT


def test_when_reports_disagree_what_was_tried_beats_skipped() -> None:
    skipped = SAID_BY[Verdict.SKIPPED, None]
    for verdict in (Verdict.SENT, Verdict.FAILED, Verdict.ABANDONED):
        assert merge(skipped, SAID_BY[verdict, None]) == SAID_BY[verdict, None]
