"""Traffic: when datapoints and reports arrive, and what reports say."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from coalmine_aggregator.replay.damage import Damage
from coalmine_aggregator.replay.reading import Loaded
from coalmine_aggregator.replay.timing import EPOCH, TICKS
from coalmine_aggregator.replay.traffic import Told, Traffic
from coalmine_wire.reports import Step, Verdict
from tests.aggregator.replay.stories import SERIES, story

Receipt = tuple[int, int, int]
"""Second or fifth of a second, series, slot."""


def watch(loaded: Loaded) -> tuple[list[Receipt], list[tuple[int, Told]]]:
    """Everything that arrives until 10 s after the end, by fifths."""
    traffic = Traffic(Damage(loaded.scenario, loaded.fleet), loaded.fleet, loaded.scenario.latency)
    receipts: list[Receipt] = []
    reports: list[tuple[int, Told]] = []
    traffic.plan(0)
    for tick in range((loaded.scenario.slots + 10) * TICKS):
        if tick % TICKS == 0:
            traffic.plan(tick // TICKS + 1)
        for at, series, slots in traffic.receipts(tick):
            # In calm seconds what comes is handed out at the end of its second.
            assert tick // TICKS <= at + 1e-6 < (tick + 1) / TICKS + 1e-6
            receipts += [
                (tick, int(one), int(slot) - EPOCH) for one, slot in zip(series, slots, strict=True)
            ]
        for told in traffic.reports(tick):
            assert tick / TICKS <= told.at + 1e-6 < (tick + 1) / TICKS + 1e-6
            reports.append((tick, told))
    return receipts, reports


def by_second(receipts: list[Receipt]) -> set[Receipt]:
    """The same by the second in which they arrive, each of them once."""
    assert len(receipts) == len(set(receipts))
    return {(tick // TICKS, series, slot) for tick, series, slot in receipts}


def usual(loaded: Loaded, delay_s: float = 0.0) -> set[Receipt]:
    """What arrives where all is well, by the second, worked out one by one."""
    end = loaded.scenario.slots + 10
    found = set()
    for slot in range(end):
        for series in range(SERIES):
            at = slot + loaded.fleet.phase_s[series] + loaded.scenario.latency + delay_s
            found.add((int(np.floor(at + 1e-6)), series, slot))
    return {receipt for receipt in found if receipt[0] < end}


@pytest.mark.parametrize("latency", ["0", "50ms", "0.2", "0.9", "2.5"])
def test_all_is_well(latency: str) -> None:
    loaded = story(seconds=8, more=f"latency: {latency}")
    receipts, reports = watch(loaded)
    assert by_second(receipts) == usual(loaded)
    for _, told in reports:
        (slot,) = told.report.slots
        birth = loaded.fleet.births[told.agent]
        last_s = max(endpoint.phase_ms for endpoint in birth.endpoints) / 1000
        assert told.report.sent_at == pytest.approx(slot.slot + last_s)
        assert told.at == pytest.approx(slot.slot - EPOCH + last_s + loaded.scenario.latency)
        assert [outcome.verdict for outcome in slot.outcomes] == [Verdict.SENT] * 3
    slots = Counter(told.report.slots[0].slot - EPOCH for _, told in reports)
    assert all(slots[slot] == 6 for slot in range(8))


def of_slot(receipts: list[Receipt], slot: int) -> dict[int, list[int]]:
    """The fifths in which each series of a slot arrived."""
    found: dict[int, list[int]] = {}
    for tick, series, about in receipts:
        if about == slot:
            found.setdefault(series, []).append(tick)
    return found


def report_of(reports: list[tuple[int, Told]], slot: int, agent: int) -> list[Told]:
    return [
        told
        for _, told in reports
        if told.agent == agent and told.report.slots[-1].slot == EPOCH + slot
    ]


def test_lost_is_reported_as_sent_and_does_not_arrive() -> None:
    loaded = story("  - {from: 3, to: 5, where: {protocol: udp}, effect: lost}", seconds=8)
    receipts, reports = watch(loaded)
    expected = {each for each in usual(loaded) if each[2] not in (3, 4) or each[1] % 3 != 1}
    assert by_second(receipts) == expected
    (told,) = report_of(reports, 3, 0)
    assert [outcome.verdict for outcome in told.report.slots[0].outcomes] == [Verdict.SENT] * 3


def test_failed_is_told_at_once_and_does_not_arrive() -> None:
    loaded = story("  - {from: 3, to: 5, where: {zone: us-1}, effect: failed, step: tls}", seconds=8)
    receipts, reports = watch(loaded)
    assert set(of_slot(receipts, 3)) == set(range(6, SERIES))
    (told,) = report_of(reports, 3, 1)
    outcomes = told.report.slots[0].outcomes
    assert [(each.verdict, each.step) for each in outcomes] == [(Verdict.FAILED, Step.TLS)] * 3
    assert told.at == pytest.approx(3 + loaded.fleet.last_phase_s[1] + 0.05)


@pytest.mark.parametrize(("step", "arrives"), [("connect", False), ("send", False), ("response", True)])
def test_abandoned_ends_a_second_after_its_start(step: str, arrives: bool) -> None:
    loaded = story(
        "  - {from: 3, to: 4, where: {host: us-1-1, protocol: https}, "
        f"effect: abandoned, step: {step}}}",
        seconds=8,
    )
    receipts, reports = watch(loaded)
    assert (2 in of_slot(receipts, 3)) is arrives
    (told,) = report_of(reports, 3, 0)
    assert [each.verdict for each in told.report.slots[0].outcomes] == [
        Verdict.SENT,
        Verdict.SENT,
        Verdict.ABANDONED,
    ]
    assert told.at == pytest.approx(3 + loaded.fleet.phase_s[2] + 1 + 0.05)
    assert told.report.sent_at == pytest.approx(EPOCH + told.at - 0.05, abs=1e-5)


def test_what_fails_is_told_before_what_hangs() -> None:
    loaded = story(
        """
  - {from: 3, to: 4, where: {host: us-1-1, protocol: https}, effect: abandoned}
  - {from: 3, to: 4, where: {host: us-1-1, protocol: udp}, effect: failed}""",
        seconds=8,
    )
    _, reports = watch(loaded)
    early, rest = report_of(reports, 3, 0)
    assert [(each.endpoint, each.verdict) for each in early.report.slots[0].outcomes] == [
        (1, Verdict.FAILED)
    ]
    assert [each.endpoint for each in rest.report.slots[0].outcomes] == [0, 2]
    assert early.at == pytest.approx(3 + loaded.fleet.phase_s[1] + 0.1 + 0.05)


def test_late_by_seconds() -> None:
    loaded = story("  - {from: 3, to: 5, effect: late, delay: 4}", seconds=8)
    receipts, reports = watch(loaded)
    delayed = {each for each in usual(loaded, 4.0) if each[2] in (3, 4)}
    assert {each for each in by_second(receipts) if each[2] in (3, 4)} == delayed
    assert len(reports) == len(watch(story(seconds=8))[1]), "reports are not late"


def test_late_until_the_end_of_the_fault_all_at_once() -> None:
    loaded = story("  - {from: 3, to: 7, effect: late, delay: replay}", seconds=12)
    receipts, _ = watch(loaded)
    assert len(receipts) == len(set(receipts))
    for slot in (3, 4, 5):
        assert of_slot(receipts, slot) == {series: [7 * TICKS] for series in range(SERIES)}
    for series, (tick,) in of_slot(receipts, 6).items():
        at = max(7.0, 6 + loaded.fleet.phase_s[series] + 0.05)
        assert tick == int(np.floor(at * TICKS + 1e-6))


def test_duplicated_arrives_twice() -> None:
    loaded = story("  - {from: 3, to: 4, where: {protocol: tcp}, effect: duplicated}", seconds=8)
    receipts, _ = watch(loaded)
    assert {len(ticks) for series, ticks in of_slot(receipts, 3).items() if series % 3 == 0} == {2}
    assert {len(ticks) for series, ticks in of_slot(receipts, 3).items() if series % 3} == {1}
    assert by_second(list(set(receipts))) == usual(loaded)


def test_a_silent_agent_neither_sends_nor_reports() -> None:
    loaded = story("  - {from: 3, to: 5, where: {host: eu-1-2}, effect: agent_silent}", seconds=8)
    receipts, reports = watch(loaded)
    gone = set(loaded.fleet.births[3].endpoints and range(9, 12))
    assert set(of_slot(receipts, 3)) == set(of_slot(receipts, 4)) == set(range(SERIES)) - gone
    assert by_second(receipts) == {
        each for each in usual(loaded) if each[2] not in (3, 4) or each[1] not in gone
    }
    assert not report_of(reports, 3, 3)
    assert report_of(reports, 2, 3)
    assert report_of(reports, 5, 3)


def test_an_impaired_agent_fails_and_says_so() -> None:
    loaded = story("  - {from: 3, to: 4, where: {host: eu-1-2}, effect: agent_impaired}", seconds=8)
    receipts, reports = watch(loaded)
    assert not set(of_slot(receipts, 3)) & {9, 10, 11}
    (told,) = report_of(reports, 3, 3)
    (slot,) = told.report.slots
    assert slot.impaired == ["null_sink"]
    assert {outcome.verdict for outcome in slot.outcomes} == {Verdict.FAILED}


@pytest.mark.parametrize("skew_s", [3.0, 0.2, -1.2, -2.0])
def test_a_skewed_clock_shows_in_timestamps_and_reports(skew_s: float) -> None:
    loaded = story(
        f"  - {{from: 20, to: 30, where: {{host: us-1-2}}, effect: clock_skew, seconds: {skew_s}}}"
    )
    receipts, reports = watch(loaded)
    mine = [each for each in receipts if each[1] in (3, 4, 5)]
    assert by_second([each for each in receipts if each not in mine]) == {
        each for each in usual(loaded) if each[1] not in (3, 4, 5)
    }
    for tick, series, slot in mine:
        if 21 * TICKS <= tick < 29 * TICKS:
            at = slot + loaded.fleet.phase_s[series] + 0.05 - skew_s
            assert tick == int(np.floor(at * TICKS + 1e-6))
    assert len({(series, slot) for _, series, slot in mine}) == len(mine), "no slot is sent twice"
    for _, told in reports:
        if told.agent == 1 and 21 < told.at < 29:
            assert told.report.sent_at - EPOCH - (told.at - 0.05) == pytest.approx(skew_s, abs=1e-5)
