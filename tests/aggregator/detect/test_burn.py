"""Burn: what spends a budget too fast is told once, in time, and noise never is."""

from __future__ import annotations

import math
import timeit

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coalmine_aggregator.detect.burn import EVERY_S, PAIRS, BurnWatch
from coalmine_aggregator.detect.slo import WINDOWS_S, Slo
from coalmine_aggregator.model.alerts import AlertClass, Severity
from coalmine_aggregator.model.findings import Finding
from coalmine_aggregator.model.slo_minutes import MINUTE_COLUMNS

START = 1_763_000_040
HOUR = 3_600
DAY = 86_400


class Service:
    """A service whose slots are handed to the watch one by one. `openings` and `closings` are the slots
    at which a finding appeared and went."""

    def __init__(self, budget: float = 0.001, *, was_open: bool = False, at: int = START) -> None:
        self.slo = Slo(budget, 30 * DAY)
        self.watch = BurnWatch("ingest", self.slo, was_open=was_open)
        self.next = at
        self.openings: list[int] = []
        self.closings: list[int] = []
        self.severities: set[Severity] = set()

    def past(self, minutes: int, by_minute: int, bad: int | np.ndarray = 0) -> None:
        """What an earlier run left: whole minutes up to now."""
        rows = np.zeros((minutes, MINUTE_COLUMNS), dtype=np.int64)
        rows[:, 0] = self.next // 60 - minutes + np.arange(minutes)
        rows[:, 1] = rows[:, 3] = by_minute
        rows[:, 2] = rows[:, 4] = bad
        rows[:, 5] = 2**60 - 1
        self.slo.restore(rows)

    def run(self, bad: np.ndarray, judged: int, *, every: int = EVERY_S) -> None:
        """One slot for each of `bad`, a look at every so many."""
        for count in bad.tolist():
            self.slo.add(self.next, judged, count, judged, count)
            if self.next % every == 0:
                self.look()
            self.next += 1

    def look(self) -> None:
        before = self.open
        self.watch.look(self.next)
        if self.open != before:
            (self.openings if self.open else self.closings).append(self.next)
        self.severities |= {finding.severity for finding in self.watch.findings()}

    @property
    def open(self) -> bool:
        return bool(self.watch.findings())

    @property
    def finding(self) -> Finding:
        (finding,) = self.watch.findings()
        return finding


def noise(seed: int, slots: int, judged: int, share: float, rho: float = 0.0) -> np.ndarray:
    """Bad datapoints by slot: binomial, or beta-binomial with correlation rho."""
    rng = np.random.default_rng(seed)
    if not rho:
        return rng.binomial(judged, share, slots)
    mass = 1 / rho - 1
    return rng.binomial(judged, rng.beta(share * mass, (1 - share) * mass, slots))


def test_total_loss_of_three_nines_pages_after_52_s() -> None:
    """FACTS, and up to 10 s more until the next look."""
    service = Service()
    service.past(2 * 60, 600)
    begins = service.next
    service.run(np.full(80, 10), 10)
    assert 52 - 1 <= service.openings[0] + 1 - begins <= 52 + EVERY_S
    finding = service.finding
    assert (finding.alert_class, finding.severity) == (AlertClass.BURN, Severity.PAGE)
    assert (finding.handle, finding.scope, finding.service) == ("burn", (), "ingest")
    assert finding.since == begins
    assert finding.window_s == HOUR


def test_a_loss_of_two_percent_pages_after_43_minutes() -> None:
    service = Service()
    service.past(2 * 60, 6_000)
    begins = service.next
    service.run(np.full(50 * 60, 2), 100)
    assert (service.openings[0] - begins) / 60 == pytest.approx(43.2, abs=1.0)
    assert service.severities == {Severity.PAGE}


@pytest.mark.parametrize(
    ("speed", "hours", "severity", "window"),
    [
        (17.0, 1.0, Severity.PAGE, "1h"),
        (7.0, 5.5, Severity.PAGE, "6h"),
        (3.5, 22.0, Severity.TICKET, "1d"),
        (1.6, 50.0, Severity.TICKET, "3d"),
    ],
)
def test_each_speed_has_its_windows(
    speed: float, hours: float, severity: Severity, window: str
) -> None:
    """A steady loss opens the pair of its speed once the long window is filled enough, and no other
    before it."""
    service = Service(0.01)
    service.past(4 * 1_440, 6_000)
    pair = next(pair for pair in PAIRS if pair.long == window)
    needed_s = pair.speed / speed * WINDOWS_S[window]
    bad = noise(1, int(hours * HOUR), 100, speed * 0.01)
    service.run(bad, 100, every=20)
    first = service.openings[0] - START
    assert first == pytest.approx(needed_s, rel=0.08)
    assert service.finding.window_s == WINDOWS_S[window]
    assert service.finding.severity is severity


@pytest.mark.parametrize("judged", [1, 10, 300])
@pytest.mark.parametrize("rho", [0.0, 0.02])
def test_the_first_hours_of_a_service_say_nothing(judged: int, rho: float) -> None:
    """Noise at the very budget, from the first slot on, with bursts of 30 % in it."""
    for seed in range(2):
        service = Service(0.001)
        bad = noise(seed, 2 * HOUR, judged, 0.001, rho)
        bad[[3, 1_800, 5_400]] = math.ceil(judged * 0.3)
        service.run(bad, judged)
        assert service.openings == []


@given(
    st.integers(1, 20),
    st.lists(st.integers(1, 600), min_size=1, max_size=8),
    st.sampled_from([0.0001, 0.001, 0.01]),
)
@settings(deadline=None, max_examples=60)
def test_a_few_lost_datapoints_after_a_start_never_page(
    judged: int, gaps: list[int], budget: float
) -> None:
    """Invariant: unless the loss is what 14.4 times the budget of a whole hour allows, or 6 times that
    of six hours, there is no page, however little is known yet. Each part ends with a datapoint lost.
    """
    service = Service(budget)
    for gap in gaps:
        bad = np.zeros(gap, dtype=np.int64)
        bad[-1] = 1
        service.run(bad, judged)
    allowed = budget * judged * HOUR
    most = min(14.4 * allowed, 6 * 6 * allowed) * (1 - 60 / HOUR)
    if len(gaps) < most:
        assert Severity.PAGE not in service.severities


def test_after_a_gap_little_is_known_again() -> None:
    """Down for five hours, then ten slots of which one loses a tenth: not a page, and not a speed."""
    service = Service()
    service.past(6 * 60, 600)
    service.next += 5 * HOUR
    service.run(np.array([0, 0, 0, 1, 0, 0, 0, 0, 0, 0] * 3), 10)
    assert service.openings == []


def test_noise_around_the_budget_is_no_ticket() -> None:
    """A day after three that were just above the budget, at exactly the budget: half of the time both
    windows are above it, and yet nothing opens, since they are not significantly so."""
    above = 0
    for seed in range(3):
        service = Service(0.001)
        past = np.full(3 * 1_440, 6)
        past[-100:] += 3
        service.past(3 * 1_440, 6_000, past)
        for hour in range(24):
            service.run(noise(100 * seed + hour, HOUR, 100, 0.001, 0.01), 100, every=60)
            long = service.slo.sums(service.next - 1, 3 * DAY).speed(0.001)
            short = service.slo.sums(service.next - 1, 6 * HOUR).speed(0.001)
            above += min(long or 0.0, short or 0.0) >= 1.0
        assert service.openings == []
    assert 15 < above < 3 * 24 - 15


def test_noise_that_drifts_around_the_budget_is_no_ticket() -> None:
    """Hours at 0.5 and at 1.55 times the budget in turn: 1.025 on average, by 22 binomial standard
    deviations, and none of the noise as it is."""
    service = Service(0.001)
    hours = np.where(np.arange(4 * 24) % 2, 0.5, 1.55)
    rng = np.random.default_rng(8)
    past = rng.binomial(60_000, np.repeat(hours[: 3 * 24], 60) * 0.001)
    service.past(3 * 1_440, 60_000, past)
    opened = service.slo.sums(service.next - 1, 3 * DAY)
    assert (opened.speed(0.001) or 0.0) > 1.02
    for hour in range(12):
        service.run(rng.binomial(1_000, hours[hour] * 0.001, HOUR), 1_000, every=60)
    assert service.openings == []


def test_noise_clearly_above_the_budget_is_one_ticket() -> None:
    """Twelve hours at 1.1 times the budget, at which a six hours' mean scatters by 2 %: it stays."""
    service = Service(0.001)
    rng = np.random.default_rng(4)
    service.past(3 * 1_440, 6_000, rng.binomial(6_000, 0.0011, 3 * 1_440))
    service.run(noise(5, 12 * HOUR, 100, 0.0011), 100, every=60)
    assert len(service.openings) == 1
    assert service.closings == []
    assert service.severities == {Severity.TICKET}
    assert service.finding.window_s == 3 * DAY


def test_it_closes_once_the_short_window_is_clear() -> None:
    """Two minutes of total loss, then health: five minutes later the window is clear, and a fifth of it
    on the page closes, for good."""
    service = Service()
    service.past(2 * 60, 6_000)
    service.run(np.full(120, 100), 100)
    assert service.open
    ends = service.next
    service.run(np.zeros(2 * HOUR, dtype=np.int64), 100)
    assert len(service.openings) == 1
    (closed,) = service.closings
    assert 240 <= closed - ends <= 300 + 60 + 2 * EVERY_S


def test_a_loss_that_comes_and_goes_is_one_page() -> None:
    """A fifth lost every other minute: 100 times the budget on average, and no flapping."""
    service = Service()
    service.past(7 * 60, 6_000)
    bad = np.where(np.arange(HOUR) // 60 % 2, 0, 20)
    service.run(bad, 100)
    assert len(service.openings) == 1
    assert service.closings == []


def test_a_speed_that_scatters_around_its_threshold_holds_on() -> None:
    """16 times too fast for an hour, then five minutes each at 13 and at 16.5 times."""
    service = Service()
    service.run(np.full(70 * 60, 16), 1_000)
    assert len(service.openings) == 1
    for turn in range(6):
        service.run(np.full(300, 16 if turn % 2 else 13), 1_000)
        assert service.finding.window_s == HOUR
        assert service.finding.severity is Severity.PAGE
    assert (len(service.openings), service.closings) == (1, [])


def test_a_short_pause_does_not_close() -> None:
    """A pause of 110 s brings the short window below 0.8 of 14.4, for 20 to 50 s until a burst."""
    service = Service()
    service.run(np.full(62 * 60, 16), 1_000)
    service.run(np.zeros(110, dtype=np.int64), 1_000)
    assert (service.slo.sums(service.next - 1, 300).speed(0.001) or 0.0) < 0.8 * 14.4
    assert service.finding.window_s == HOUR
    service.run(np.full(10, 200), 1_000)
    service.run(np.full(50, 16), 1_000)
    assert (service.slo.sums(service.next - 1, 300).speed(0.001) or 0.0) > 14.4
    assert service.finding.window_s == HOUR
    assert (len(service.openings), service.closings) == (1, [])


def test_blindness_ends_nothing_before_the_long_window_is_blind_too() -> None:
    service = Service()
    service.run(np.full(30 * 60, 50), 1_000)
    assert service.open
    service.run(np.zeros(30 * 60, dtype=np.int64), 0)
    assert service.slo.sums(service.next - 1, 300).judged == 0
    assert service.finding.window_s == HOUR
    service.run(np.zeros(60 * 60, dtype=np.int64), 0)
    assert not service.open


def test_the_worst_speed_is_told_and_the_others_are_shown() -> None:
    service = Service()
    service.past(4 * 1_440, 6_000)
    service.run(np.full(2 * HOUR, 10), 100)
    finding = service.finding
    assert finding.window_s == HOUR
    assert "100.0x its rate over 1h and 100.0x over 5m" in finding.note
    by_name = {each.name: each for each in finding.explanation.statistics}
    assert list(by_name) == [pair.name for pair in PAIRS]
    hour = by_name["burn 1h and 5m"]
    assert hour.value == pytest.approx(100.0)
    assert (hour.threshold, hour.bad * 10) == (14.4, hour.judged)
    day = by_name["burn 1d and 2h"]
    assert day.value == pytest.approx(0.1 * 2 * HOUR / (DAY * 0.001), rel=0.01)
    facts = dict(finding.explanation.facts)
    # 4 days of 100 a slot allow 0.1 % of it; 2 hours, to the last look, lost 10 % of theirs.
    seconds = 2 * HOUR - EVERY_S + 1
    left = 1 - seconds * 10 / (0.001 * (4 * DAY + seconds) * 100)
    assert facts["budget left"] == f"{left:.2%}"
    assert facts["budget ends"] == "the budget of 30 d is used up"
    assert finding.explanation.last_slot - finding.explanation.first_slot in range(3_540, 3_600)


def test_the_note_says_when_the_budget_ends() -> None:
    """Of 30 days' budget, 10 % is spent; at 20 times too fast the rest lasts 27 days / 20."""
    service = Service(0.01)
    bad = np.zeros(30 * 1_440, dtype=np.int64)
    bad[-30 * 1_440 // 2 :: 10] = 2 * 6_000 * 0.01
    service.past(30 * 1_440, 6_000, bad)
    service.run(np.full(HOUR, 20), 100)
    left = service.slo.view().left
    assert 0.8 < left < 0.9
    hours = left * 30 * 24 / 20
    days = int(hours // 24)
    assert f"ends in {days} d {int(hours % 24)} h" in service.finding.note


def test_what_loss_alerts_tell_does_not_burn() -> None:
    service = Service()
    service.past(2 * 60, 6_000)
    for _ in range(1_200):
        service.slo.add(service.next, 100, 50, 50, 0)
        service.look()
        service.next += 1
    assert service.openings == []
    assert service.slo.view().left < -5


def test_a_single_datapoint_of_a_small_service_is_not_significant() -> None:
    """Five nines of one series: an hour allows 0.036; one is 28 times too many, and chance."""
    service = Service(0.00001)
    service.past(30 * 1_440, 60)
    service.run(np.array([0] * 100 + [1] + [0] * 100), 1)
    assert (service.slo.sums(service.next - 1, HOUR).speed(0.00001) or 0.0) > 14.4
    assert service.openings == []
    service.run(np.array([1] * 8), 1)
    service.run(np.zeros(10, dtype=np.int64), 1)
    assert service.severities == {Severity.PAGE}


def test_a_service_whose_budget_is_nothing_has_no_burn() -> None:
    service = Service(0.0)
    service.run(np.full(600, 10), 10)
    assert service.openings == []


def test_a_restart_takes_an_open_alert_over() -> None:
    """The short window is at 0.9 of the speed: too little to open, enough to stay open."""
    for was_open in (True, False):
        service = Service(was_open=was_open)
        service.past(60, 6_000, round(6_000 * 0.001 * 14.4 * 0.9))
        service.run(np.full(11, 0), 100)
        assert service.open == was_open


def test_a_restart_without_cause_does_not_reopen() -> None:
    service = Service(was_open=True)
    service.past(7 * 60, 6_000)
    service.run(np.full(20, 0), 100)
    assert not service.open


walks: st.SearchStrategy[list[tuple[int, int, int]]] = st.lists(
    st.tuples(
        st.one_of(st.integers(-700, 700), st.sampled_from([-90_000, 40_000, 400_000, 10**7])),
        st.integers(0, 1_000),
        st.integers(0, 1_000),
    ),
    max_size=40,
)


@given(walks, st.sampled_from([0.0, 1e-9, 0.001, 0.5]))
@settings(deadline=None, max_examples=100)
def test_whatever_time_does_nothing_raises_and_nothing_is_nan(
    walk: list[tuple[int, int, int]], budget: float
) -> None:
    service = Service(budget)
    for step, judged, bad in walk:
        service.next = max(0, service.next + step)
        service.slo.add(service.next, judged, min(bad, judged), judged, min(bad, judged))
        service.look()
        for finding in service.watch.findings():
            for each in finding.explanation.statistics:
                assert math.isfinite(each.value)
            assert "nan" not in finding.note
            assert "inf" not in finding.note


def test_a_look_costs_little() -> None:
    """A fleet of many services looks every 10 slots: well below a millisecond each."""
    service = Service()
    service.past(30 * 1_440, 6_000, 6)

    def look() -> None:
        service.next += EVERY_S
        service.watch.look(service.next)

    # The best of some: the machine may be busy with other things.
    assert min(timeit.repeat(look, number=20, repeat=10)) / 20 < 0.002
