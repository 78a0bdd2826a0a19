"""Damage: what overlapping faults do to each datapoint."""

from __future__ import annotations

import numpy as np
import pytest

from coalmine_aggregator.replay.damage import ANSWERED, SENT, Block, Damage
from tests.aggregator.replay.stories import SERIES, story

FAILED_CONNECT, ABANDONED_CONNECT, FAILED_TLS = 2, 3, 4


def block(faults: str, seconds: int = 40) -> Block:
    loaded = story(faults, seconds=seconds)
    return Damage(loaded.scenario, loaded.fleet).block(0)


def test_a_fault_hits_its_slots_and_its_series_alone() -> None:
    made = block("  - {from: 3, to: 5, where: {protocol: udp}, effect: lost}")
    assert made.lost is not None
    assert made.lost.sum(axis=1).tolist() == [0, 0, 0, 6, 6] + [0] * (len(made.plain) - 5)
    assert np.flatnonzero(~made.plain).tolist() == [3, 4]
    assert made.lost[3].tolist() == [False, True, False] * 6


def test_fractional_times_hit_the_slots_that_begin_within() -> None:
    made = block("  - {from: 2.2, to: 4.2, effect: lost}")
    assert np.flatnonzero(~made.plain).tolist() == [3, 4]


def test_the_earliest_step_counts_and_at_once_before_the_deadline() -> None:
    made = block(
        """
  - {from: 1, to: 9, effect: abandoned, step: response}
  - {from: 2, to: 9, effect: failed, step: tls}
  - {from: 3, to: 9, effect: abandoned, step: connect}
  - {from: 4, to: 9, effect: failed, step: connect}"""
    )
    assert made.ends is not None
    assert made.ends[:6, 0].tolist() == [
        SENT,
        ANSWERED,
        FAILED_TLS,
        ABANDONED_CONNECT,
        FAILED_CONNECT,
        FAILED_CONNECT,
    ]


def test_the_longest_delay_counts() -> None:
    made = block(
        """
  - {from: 1, to: 9, effect: late, delay: 4}
  - {from: 2, to: 9, where: {protocol: udp}, effect: late, delay: 7}
  - {from: 3, to: 9, effect: late, delay: replay}"""
    )
    assert made.late_s is not None
    assert made.not_before is not None
    assert made.late_s[:4, 1].tolist() == [0, 4, 7, 7]
    assert made.not_before[2:4, 0].tolist() == [0, 9]


def test_hosts_are_drawn_and_hit_whole() -> None:
    made = block("  - {from: 1, to: 9, where: {location: external}, effect: lost, hosts: 2}")
    assert made.lost is not None
    by_agent = made.lost[1].reshape(6, 3)
    assert sorted(by_agent[:4].sum(axis=1).tolist()) == [0, 0, 3, 3]
    assert not by_agent[4:].any()
    assert (made.lost[1:9] == made.lost[1]).all(), "the same hosts all the time"


def test_a_fraction_is_drawn_for_each_datapoint() -> None:
    made = block("  - {from: 0, to: 250, effect: failed, fraction: 0.3}", seconds=250)
    assert made.ends is not None
    share = (made.ends != SENT).mean()
    assert share == pytest.approx(0.3 * 250 / len(made.plain), abs=0.03)


# Invariant: a fault draws the same whatever other faults and whatever noise there are.
def test_faults_do_not_change_each_other() -> None:
    alone = block("  - {from: 2, to: 30, effect: lost, fraction: 0.4}")
    beside = block(
        """
  - {from: 2, to: 30, effect: lost, fraction: 0.4}
  - {from: 5, to: 20, where: {zone: us-1}, effect: failed, fraction: 0.5}
  - {from: 5, to: 20, effect: agent_silent, fraction: 0.5}"""
    )
    assert alone.lost is not None
    assert beside.lost is not None
    assert np.array_equal(alone.lost, beside.lost)


def test_a_share_of_the_agents_stays_the_same_share_for_all_of_a_silence() -> None:
    made = block("  - {from: 0, to: 30, effect: agent_silent, fraction: 0.5}")
    assert made.silent is not None
    assert made.silent.shape[1] == 6
    assert (made.silent[:30] == made.silent[0]).all()
    assert 0 < made.silent[0].sum() < 6


def test_blocks_follow_each_other_without_a_seam() -> None:
    loaded = story("  - {from: 0, to: 600, effect: lost, fraction: 0.4}", seconds=600)
    whole, parts = Damage(loaded.scenario, loaded.fleet), Damage(loaded.scenario, loaded.fleet)
    whole._size, parts._size = 600, 7
    every = whole.block(0).lost
    assert every is not None
    first = 0
    while first + 7 <= 600:
        part = parts.block(first)
        assert part.lost is not None
        assert np.array_equal(part.lost, every[first : first + 7])
        first += 7
    assert every.shape[1] == SERIES
