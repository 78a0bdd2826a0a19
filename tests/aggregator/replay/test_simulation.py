"""Whole replays through the real engine: the fates of every effect, and what must always hold."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coalmine_aggregator.replay.reading import Loaded
from coalmine_aggregator.replay.traffic import Traffic
from tests.aggregator.replay.stories import SERIES, fates, run, story

ALL = 40 * SERIES


def test_nothing_happens() -> None:
    lines, outcome = run(story())
    assert outcome.alerts == []
    assert outcome.balanced
    (summary,) = lines
    wall_s = summary.pop("wall_seconds")
    assert wall_s > 0
    assert summary == {
        "event": "summary",
        "name": "story",
        "slots": 40,
        "datapoints": ALL,
        "fates": {
            "delivered": ALL,
            "failed": 0,
            "abandoned": 0,
            "lost": 0,
            "late": 0,
            "not_attempted": 0,
            "unknown": 0,
        },
        "balanced": True,
        "pages": 0,
    }


UDP = "where: {protocol: udp}"
HOST = "where: {host: eu-1-1}"

EFFECTS = [
    (f"effect: lost, {UDP}", {"lost": 60}),
    (f"effect: failed, step: resolve, {UDP}", {"failed": 60}),
    (f"effect: abandoned, step: send, {UDP}", {"abandoned": 60}),
    (f"effect: abandoned, step: response, {UDP}", {"abandoned": 60}),
    (f"effect: late, delay: 4, {UDP}", {"late": 60}),
    (f"effect: late, delay: 1, {UDP}", {}),
    (f"effect: duplicated, {UDP}", {}),
    (f"effect: agent_silent, {HOST}", {"unknown": 30}),
    (f"effect: agent_impaired, {HOST}", {"unknown": 30}),
    (f"effect: reports_lost, {HOST}", {}),
    (f"effect: clock_skew, seconds: 0.3, {HOST}", {}),
    ("effect: lost, hosts: 2", {"lost": 60}),
]


@pytest.mark.parametrize(("effect", "bad"), EFFECTS)
def test_fates_of_an_effect(effect: str, bad: dict[str, int]) -> None:
    """Ten slots: 6 series by UDP, 3 of a host."""
    found = fates(story(f"  - {{from: 20, to: 30, {effect}}}"))
    assert found == {"delivered": ALL - sum(bad.values()), **bad}


def test_what_waits_for_the_end_of_a_fault_is_late_where_that_is_three_seconds_off() -> None:
    found = fates(story("  - {from: 20, to: 30, effect: late, delay: replay}"))
    assert found == {"delivered": ALL - 8 * SERIES, "late": 8 * SERIES}, "28 and 29 come in time"


def test_what_comes_after_the_drain_is_lost() -> None:
    found = fates(story("  - {from: 20, to: 21, effect: late, delay: 100}"))
    assert found == {"delivered": ALL - SERIES, "lost": SERIES}


def test_reports_that_come_late_leave_nothing_unknown_also_beside_a_loss() -> None:
    found = fates(
        story(
            f"""
  - {{from: 10, to: 30, effect: reports_lost}}
  - {{from: 20, to: 25, effect: lost, {UDP}}}"""
        )
    )
    assert found == {"delivered": ALL - 30, "lost": 30}


def test_a_clock_that_is_off_makes_unknown_and_nothing_else() -> None:
    for seconds in (3, -2, 0.8):
        found = fates(
            story(f"  - {{from: 20, to: 30, effect: clock_skew, seconds: {seconds}, {HOST}}}")
        )
        assert set(found) <= {"delivered", "unknown", "not_attempted"}, seconds
        assert 30 <= ALL - found["delivered"] <= 60, seconds


def test_an_aggregator_that_is_down_knows_nothing_of_that_time_and_all_of_the_rest() -> None:
    found = fates(story("  - {from: 15, to: 25, effect: aggregator_down}"))
    assert set(found) == {"delivered", "unknown"}
    assert 10 * SERIES <= found["unknown"] <= 16 * SERIES


def test_an_aggregator_that_is_down_from_the_first_slot_on() -> None:
    found = fates(story("  - {from: 0, to: 3, effect: aggregator_down}"))
    assert set(found) == {"delivered", "unknown"}
    assert 3 * SERIES <= found["unknown"] <= 6 * SERIES


def test_the_aggregator_may_be_down_twice_and_in_the_middle_of_a_second() -> None:
    found = fates(
        story(
            """
  - {from: 10.5, to: 14.3, effect: aggregator_down}
  - {from: 14, to: 18, effect: aggregator_down}
  - {from: 30, to: 31, effect: aggregator_down}"""
        )
    )
    assert set(found) == {"delivered", "unknown"}


def test_a_fault_that_outlasts_the_scenario() -> None:
    found = fates(story(f"  - {{from: 30, to: 900, effect: failed, {UDP}}}"))
    assert found == {"delivered": ALL - 60, "failed": 60}


def told(loaded: Loaded) -> list[dict[str, Any]]:
    lines, _ = run(loaded)
    return [{key: value for key, value in line.items() if key != "wall_seconds"} for line in lines]


OUTAGE = """
  - {from: 20, to: 40, where: {protocol: udp}, effect: failed, fraction: 0.9}
  - {from: 25, to: 50, where: {zone: us-1}, effect: lost, fraction: 0.5}"""


# Invariant: the whole run is a function of the file and its seed.
def test_the_same_file_and_seed_give_the_same_lines() -> None:
    def one(seed: int) -> list[dict[str, Any]]:
        return told(story(OUTAGE, seconds=70, seed=seed, more="noise: {loss: 0.01}"))

    first = one(4)
    assert first == one(4)
    assert first != one(5)
    assert len(first) > 1


# Invariant: handing the receipts of calm seconds out together changes nothing that is said.
def test_calm_seconds_are_no_shortcut(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = story(
        f"{OUTAGE}\n  - {{from: 50, to: 55, effect: aggregator_down}}",
        seconds=90,
        more="noise: {loss: 0.02}",
    )
    quick = told(loaded)
    monkeypatch.setattr(Traffic, "_told_bad", lambda self, slot: True)
    assert told(loaded) == quick


def test_an_alert_is_told_line_by_line() -> None:
    lines, outcome = run(story(f"  - {{from: 20, to: 30, effect: lost, {UDP}}}", seconds=70))
    opened, closed, summary = (line for line in lines if line["event"] != "changed")
    assert list(opened) == [
        "event",
        "at",
        "id",
        "class",
        "service",
        "scope",
        "equivalents",
        "severity",
        "expected",
        "delivered",
        "fates",
        "cause",
        "summary",
    ]
    assert (opened["event"], opened["class"], opened["service"]) == ("opened", "loss", "ingest")
    assert opened["scope"] == {"protocol": "udp"}
    assert opened["severity"] == "page"
    assert 23 <= opened["at"] <= 27
    assert opened["fates"]["lost"] == opened["expected"] - opened["delivered"] > 0
    assert (closed["event"], closed["id"]) == ("closed", opened["id"])
    assert closed["at"] > 30
    assert summary["pages"] == 1
    (course,) = outcome.alerts
    assert (course.opened_at, course.closed_at) == pytest.approx((opened["at"], closed["at"]), abs=1e-3)
    assert json.loads(json.dumps(lines)) == lines


def test_an_alert_that_is_open_when_the_aggregator_is_killed_goes_on() -> None:
    lines, outcome = run(
        story(
            f"""
  - {{from: 20, to: 60, effect: failed, {UDP}}}
  - {{from: 30, to: 36, effect: aggregator_down}}""",
            seconds=90,
        )
    )
    assert outcome.balanced
    assert [line["event"] for line in lines if line["event"] in ("opened", "closed")] == [
        "opened",
        "closed",
    ]
    (course,) = outcome.alerts
    assert course.closed_at is not None
    assert course.closed_at > 60


@st.composite
def faults(draw: st.DrawFn) -> str:
    items = []
    for _ in range(draw(st.integers(0, 5))):
        begin = draw(st.integers(0, 24))
        end = begin + draw(st.integers(1, 12))
        effect = draw(
            st.sampled_from(
                [
                    "lost",
                    "failed, step: tls",
                    "abandoned, step: connect",
                    "abandoned, step: response",
                    "late, delay: 2.9",
                    "late, delay: 4",
                    "late, delay: replay",
                    "duplicated",
                    "agent_silent, keepalive: 5",
                    "agent_impaired",
                    "reports_lost",
                    "clock_skew, seconds: 2.3",
                    "clock_skew, seconds: -0.7",
                    "clock_skew, seconds: 40",
                    "aggregator_down",
                ]
            )
        )
        item = f"from: {begin}, to: {end}, effect: {effect}"
        if effect != "aggregator_down":
            item += draw(
                st.sampled_from(["", ", where: {zone: us-1}", ", where: {protocol: [tcp, udp]}"])
            )
            item += draw(st.sampled_from(["", ", fraction: 0.3", ", hosts: 1"]))
        items.append(f"  - {{{item}}}")
    return "\n".join(items)


# Invariant: whatever overlaps, every datapoint has one fate, and the sums are those of the schedule.
@settings(max_examples=40, deadline=None)
@given(faults(), st.sampled_from(["0.05", "0.45", "1.3"]))
def test_whatever_happens_adds_up(items: str, latency: str) -> None:
    loaded = story(
        items, seconds=26, more=f"latency: {latency}\nnoise: {{loss: 0.05, dispersion: 0.1}}"
    )
    _, outcome = run(loaded)
    assert outcome.balanced
    assert sum(outcome.fates.values()) == 26 * SERIES
