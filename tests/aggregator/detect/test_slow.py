"""Slowness against a baseline. Invariants: a healthy fleet opens nothing; what is slow is named by the
group that it is, with the step; it is never learned, until a day has passed."""

from __future__ import annotations

import itertools
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from coalmine_aggregator.detect.slow import ACCEPT_S, SAMPLE, STEP_NAMES, Slow, Slowness
from coalmine_aggregator.detect.thresholds import threshold
from coalmine_aggregator.model.scopes import Leaf

SLOT = 1_763_608_320
PROTOCOLS = ("tcp", "udp", "tls", "https")
PLACES = (("external", "eu"), ("external", "us"), ("internal", "dc1"))
LEAVES = [
    Leaf("ingest", protocol, "", location, region, f"{region}-a")
    for protocol, (location, region) in itertools.product(PROTOCOLS, PLACES)
]
USUAL_US = {"tcp": 3_000, "udp": 60, "tls": 12_000, "https": 15_000}
STEPS_OF = {"tcp": (1, 3), "udp": (3,), "tls": (1, 2, 3), "https": (1, 2, 3, 4)}
H = threshold(20, 1.0, bank=2)
BASELINE_S = 700


class Fleet:
    """`each` attempts a slot of every leaf, with lognormal times, times what `slower` makes of them."""

    def __init__(self, each: int = 5, seed: int = 0, leaves: list[Leaf] | None = None) -> None:
        self.leaves = LEAVES if leaves is None else leaves
        self.each = each
        self.random = np.random.default_rng(seed)
        self.slot = SLOT
        self.slow = Slow()
        self.slow.add(self.leaves)
        self.leaf: NDArray[np.int32] = np.repeat(np.arange(len(self.leaves), dtype=np.int32), each)
        usual = np.full((len(self.leaves), 5), -1.0)
        for number, leaf in enumerate(self.leaves):
            steps = STEPS_OF[leaf.protocol]
            usual[number, list(steps)] = USUAL_US[leaf.protocol] / len(steps)
        self.usual = usual[self.leaf]

    def run(
        self,
        slots: int,
        *,
        factor: float = 1.0,
        share: float = 1.0,
        step: str = "connect",
        unhealthy: tuple[str, ...] = (),
        stride: int = 1,
        **where: Any,
    ) -> list[Slowness]:
        """Slots in which `share` of what matches `where` takes `factor` times as long in `step`."""
        told: list[Slowness] = []
        for _ in range(slots):
            told += self.slow.step(
                self.slot,
                self.leaf,
                self.times(factor, share, step, where),
                threshold=H,
                unhealthy=unhealthy,
            )
            self.slot += stride
        return told

    def times(self, factor: float, share: float, step: str, where: dict[str, str]) -> NDArray[np.int32]:
        noise = self.random.lognormal(0, 0.4, self.usual.shape)
        steps = np.where(self.usual > 0, self.usual * noise, -1)
        hit = self.random.random(len(self.leaf)) < share
        for label, value in where.items():
            matches = np.array([getattr(leaf, label) == value for leaf in self.leaves])
            hit &= matches[self.leaf]
        column = STEP_NAMES.index(step)
        hit &= steps[:, column] >= 0
        steps[hit, column] *= factor
        return np.minimum(steps, 1_000_000).astype(np.int32)


@pytest.fixture(scope="module")
def learned() -> dict[str, Any]:
    """What a fleet has learned after ten minutes."""
    fleet = Fleet()
    assert fleet.run(BASELINE_S) == []
    assert fleet.slow.times.ready.all()
    return json.loads(json.dumps(fleet.slow.to_dict()))  # type: ignore[no-any-return]


def knowing(learned: dict[str, Any], seed: int = 1, each: int = 5) -> Fleet:
    """A fleet that took up what was learned, and has run for a minute since."""
    fleet = Fleet(each, seed)
    fleet.slow.restore(learned)
    assert fleet.run(60) == []
    return fleet


@pytest.mark.parametrize(
    ("where", "step", "scope"),
    [
        ({}, "connect", None),  # all but udp, which has no such step
        ({"protocol": "tls"}, "tls", (("protocol", "tls"),)),
        ({"protocol": "udp"}, "send", (("protocol", "udp"),)),
        ({"location": "external"}, "send", (("location", "external"),)),
        ({"location": "internal"}, "send", (("location", "internal"),)),
        (
            {"protocol": "https", "region": "us"},
            "response",
            (
                ("protocol", "https"),
                ("location", "external"),
                ("region", "us"),
                ("zone", "us-a"),
            ),
        ),
    ],
)
def test_what_is_slow_is_named(
    learned: dict[str, Any], where: dict[str, Any], step: str, scope: tuple[tuple[str, str], ...] | None
) -> None:
    fleet = knowing(learned)
    began = fleet.slot
    factor = 1_000 if step == "send" else 30  # of udp, 60 us: to 60 ms
    (opened,) = fleet.run(30, factor=factor, step=step, **where)
    assert opened.open
    assert opened.service == "ingest"
    assert opened.scope == (scope or ())
    assert began <= opened.since <= began + 1
    assert opened.step == step
    assert opened.p50_ms > 2 * opened.baseline_p50_ms > 0
    assert opened.p95_ms > 2 * opened.baseline_p95_ms
    assert opened.statistic >= opened.threshold == H
    assert fleet.slow.open[0]._replace(
        judged=0, slow=0, p50_ms=0, p95_ms=0, baseline_p50_ms=0, baseline_p95_ms=0
    ) == opened._replace(judged=0, slow=0, p50_ms=0, p95_ms=0, baseline_p50_ms=0, baseline_p95_ms=0)
    (closed,) = fleet.run(60)
    assert not closed.open
    assert (closed.service, closed.scope) == (opened.service, opened.scope)
    assert fleet.slow.open == []
    assert fleet.run(300) == []


def test_it_takes_ten_seconds_and_not_much_more(learned: dict[str, Any]) -> None:
    fleet = knowing(learned)
    assert fleet.run(9, factor=30, protocol="tls") == []
    assert len(fleet.run(3, factor=30, protocol="tls")) == 1
    # Nor does the end: ten healthy seconds, if the service stays so.
    assert fleet.run(9) == []
    assert len(fleet.run(6)) == 1


def test_a_hiccup_is_none(learned: dict[str, Any]) -> None:
    fleet = knowing(learned)
    for _ in range(20):
        assert fleet.run(5, factor=100) == []
        assert fleet.run(120) == []


def test_a_third_that_is_slow_is_found(learned: dict[str, Any]) -> None:
    fleet = knowing(learned)
    told = fleet.run(120, factor=30, share=1 / 3, protocol="tls")
    assert [(each.open, each.scope) for each in told] == [(True, (("protocol", "tls"),))]
    assert 0.25 <= told[0].slow / told[0].judged <= 0.5


def test_two_causes_are_two_findings(learned: dict[str, Any]) -> None:
    fleet = knowing(learned)
    fleet.run(30, factor=30, step="tls", protocol="tls")
    fleet.run(30, factor=30, step="tls", protocol="tls")  # goes on, and then another
    told = fleet.run(0)
    for _ in range(30):
        steps = np.maximum(
            fleet.times(30, 1.0, "tls", {"protocol": "tls"}),
            fleet.times(3_000, 1.0, "send", {"protocol": "udp"}),
        )
        told += fleet.slow.step(fleet.slot, fleet.leaf, steps, threshold=H)
        fleet.slot += 1
    assert [each.scope for each in fleet.slow.open] == [
        (("protocol", "tls"),),
        (("protocol", "udp"),),
    ]
    assert [each.scope for each in told] == [(("protocol", "udp"),)]


def test_a_wider_one_takes_over(learned: dict[str, Any]) -> None:
    fleet = knowing(learned)
    (narrow,) = fleet.run(30, factor=3_000, step="send", protocol="tcp", region="us")
    assert dict(narrow.scope)["region"] == "us"
    told = fleet.run(40, factor=3_000, step="send")
    assert [(each.open, each.scope) for each in told] == [(False, narrow.scope), (True, ())]
    assert [each.scope for each in fleet.slow.open] == [()]


def test_a_healthy_fleet_opens_nothing() -> None:
    """An hour and a half, from the first slot on; and with a few attempts alone."""
    for each in (1, 8):
        assert Fleet(each=each, seed=each).run(5_000) == []


def test_without_a_baseline_nothing_is_said() -> None:
    fleet = Fleet()
    assert fleet.run(250) == []
    assert not fleet.slow.times.ready.any()
    assert fleet.run(60, factor=50) == []


def test_milliseconds_beside_microseconds_are_not_slow(learned: dict[str, Any]) -> None:
    """60 us to 4 ms is seventy times as long, and nobody would notice."""
    fleet = knowing(learned)
    assert fleet.run(120, factor=40, step="send", protocol="udp") == []


def test_slowness_teaches_nothing_until_a_day_has_passed(learned: dict[str, Any]) -> None:
    fleet = knowing(learned, each=2)
    before = fleet.slow.times.slow_from_us.copy()
    (opened,) = fleet.run(200, factor=20, step="connect", protocol="tcp")
    fleet.run(400, factor=20, step="connect", protocol="tcp", stride=60)
    assert fleet.slow.times.slow_from_us == pytest.approx(before, rel=0.1)
    assert fleet.slow.open
    # After a day it is what the service is like; some more hours and it is learned.
    told = fleet.run(2 * ACCEPT_S // 60, factor=20, step="connect", protocol="tcp", stride=60)
    assert [each.open for each in told] == [False]
    assert told[0].scope == opened.scope
    assert not fleet.slow.open


def test_an_unhealthy_service_teaches_nothing(learned: dict[str, Any]) -> None:
    fleet = knowing(learned)
    kept = fleet.slow.times.quantiles_us(np.arange(len(LEAVES)), 0.5, 0.95)
    # Slow by a little, so that nothing opens; what the last minute before it learned is taken back.
    assert fleet.run(60, factor=1.3) == []
    assert fleet.run(600, factor=1.3, unhealthy=("ingest", "another")) == []
    assert fleet.slow.times.quantiles_us(np.arange(len(LEAVES)), 0.5, 0.95) == pytest.approx(
        kept, rel=0.02
    )


def test_services_are_apart(learned: dict[str, Any]) -> None:
    leaves = LEAVES + [leaf._replace(service="query") for leaf in LEAVES]
    fleet = Fleet(leaves=leaves)
    fleet.slow.restore(learned)
    fleet.run(BASELINE_S)
    (opened,) = fleet.run(30, factor=3_000, step="send", service="query")
    assert (opened.service, opened.scope) == ("query", ())


def test_leaves_may_come_later(learned: dict[str, Any]) -> None:
    fleet = knowing(learned)
    groups = fleet.slow.groups
    assert groups == 1 + len(PROTOCOLS) + 2 + len(LEAVES)
    fleet.slow.add([])
    fleet.slow.add([Leaf("ingest", "pickle", "", "external", "eu", "eu-a")])
    assert fleet.slow.groups == groups + 2
    assert fleet.run(30) == []
    (opened,) = fleet.run(30, factor=30, protocol="tls")
    assert opened.scope == (("protocol", "tls"),)


def test_many_attempts_are_looked_at_in_turn(learned: dict[str, Any]) -> None:
    each = 2 * SAMPLE // len(LEAVES) + 1  # 40,000 a slot
    fleet = Fleet(each=each)
    fleet.slow.restore(learned)
    fleet.run(2)
    (opened,) = fleet.run(12, factor=30, protocol="tls")
    assert opened.scope == (("protocol", "tls"),)


def test_a_finding_without_any_datapoint_ends(learned: dict[str, Any]) -> None:
    fleet = knowing(learned)
    fleet.run(30, factor=30, protocol="tls")
    (finding,) = fleet.slow.open
    nothing = np.zeros(0, dtype=np.int32)
    told = []
    for _ in range(700):
        empty = np.zeros((0, 5), dtype=np.int32)
        told += fleet.slow.step(fleet.slot, nothing, empty, threshold=H)
        fleet.slot += 1
    assert [(each.open, each.scope) for each in told] == [(False, finding.scope)]


def test_bad_arguments_are_refused(learned: dict[str, Any]) -> None:
    slow = knowing(learned).slow
    steps = np.full((1, 5), 100, dtype=np.int32)
    for leaf in (-1, len(LEAVES)):
        with pytest.raises(ValueError, match="leaf"):
            slow.step(SLOT + 10_000, np.array([leaf], dtype=np.int32), steps, threshold=H)
    with pytest.raises(ValueError, match="shape"):
        slow.step(SLOT + 10_000, np.zeros(2, dtype=np.int32), steps, threshold=H)
    with pytest.raises(ValueError, match="shape"):
        slow.step(SLOT + 10_000, np.zeros(1, dtype=np.int32), steps[:, :4], threshold=H)


# Slots in any order with any gaps, times of any kind, leaves that come and go: no exception, and no
# finding with a number that is none.
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_comes_is_counted_or_left_out(data: st.DataObject) -> None:
    slow = Slow()
    known: list[Leaf] = []
    for _ in range(data.draw(st.integers(1, 12))):
        if not known or data.draw(st.booleans()):
            more = [leaf for leaf in LEAVES if leaf not in known][: data.draw(st.integers(0, 3))]
            slow.add(more)
            known += more
        slot = SLOT + data.draw(st.integers(-50, 100_000))
        count = data.draw(st.integers(0, 400)) if known else 0
        random = np.random.default_rng(data.draw(st.integers(0, 2**32)))
        leaf = random.integers(0, max(len(known), 1), count).astype(np.int32)
        top = data.draw(st.sampled_from([1, 1_000, 2_000_000, 2**31 - 1]))
        steps = random.integers(-2, top, (count, 5)).astype(np.int32)
        for shift in range(data.draw(st.integers(1, 40))):
            for told in slow.step(slot + shift, leaf, steps, threshold=5.0):
                numbers = [value for value in told if isinstance(value, float | int)]
                assert np.isfinite(numbers).all()
    json.dumps(slow.to_dict(), allow_nan=False)
