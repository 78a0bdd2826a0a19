"""Reports cut to size and joined: nothing is lost on the way."""

from __future__ import annotations

import msgspec

from coalmine_agent.report_parts import MAX_BYTES, join, split
from coalmine_wire.reports import MAX_SLOTS, Outcome, Report, SlotReport, Step, Verdict, encode


def report(slots: list[SlotReport]) -> Report:
    return Report("a", "b", 1, 0.0, slots, expiries=[(0, 7)])


def failed(endpoint: int) -> Outcome:
    return Outcome(endpoint, Verdict.FAILED, Step.CONNECT, (1, 2), "x" * 150)


def test_a_short_report_is_its_only_part() -> None:
    whole = report([SlotReport(1, [failed(0)])])
    assert list(split(whole)) == [(whole, encode(whole))]


def test_a_slot_too_long_for_a_message_is_told_in_parts() -> None:
    whole = report([SlotReport(1, [failed(i) for i in range(10_000)], ["loop_lag"])])
    parts = list(split(whole))
    assert all(part.payload == encode(part.report) for part in parts)
    assert all(len(part.payload) <= MAX_BYTES for part in parts)
    assert all(slot.impaired == ["loop_lag"] for part in parts for slot in part.report.slots)
    told = [outcome for part in parts for slot in part.report.slots for outcome in slot.outcomes]
    assert told == whole.slots[0].outcomes
    assert [part.report.expiries for part in parts if part.report.expiries] == [[(0, 7)]]


def test_many_slots_are_cut_between_slots_first() -> None:
    whole = report([SlotReport(slot, [failed(i) for i in range(100)]) for slot in range(60)])
    parts = list(split(whole))
    assert len(parts) > 1
    assert [slot for part in parts for slot in part.report.slots] == whole.slots


def test_joined_reports_keep_to_the_slots_of_a_message() -> None:
    """Agents that report once a minute leave sixty slots in each report of their spool."""
    kept = [report([SlotReport(60 * i + j, []) for j in range(60)]) for i in range(25)]
    joined = join([encode(one) for one in kept])
    assert all(len(one.slots) <= MAX_SLOTS for one in joined)
    assert [slot.slot for one in joined for slot in one.slots] == list(range(1500))


def test_other_births_and_what_cannot_be_read_stay_apart() -> None:
    one = report([SlotReport(1, [])])
    other = msgspec.structs.replace(one, revision=2)
    assert [r.revision for r in join([encode(one), b"no report", encode(one), encode(other)])] == [1, 2]
