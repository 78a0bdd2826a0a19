"""Budget: steady noise above what is acceptable is one ticket, noise within it is none."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coalmine_aggregator.detect.budget import EVERY_S, LASTS_S, OPEN_Z, BudgetWatch
from coalmine_aggregator.detect.slo import Slo
from coalmine_aggregator.model.alerts import AlertClass, Severity
from coalmine_aggregator.model.findings import Finding

START = 1_763_000_040
HOUR = 3_600
DAY = 86_400


class Service:
    """A service that may lose `p0`. `openings` and `closings` are the slots at which a finding appeared
    and went."""

    def __init__(self, p0: float = 0.001, *, was_open: bool = False) -> None:
        self.slo = Slo(p0, 30 * DAY)
        self.watch = BudgetWatch("ingest", p0, self.slo, was_open=was_open)
        self.next = START
        self.openings: list[int] = []
        self.closings: list[int] = []

    def run(self, bad: np.ndarray, judged: int, *, outside: bool = True, every: int = EVERY_S) -> None:
        """One slot for each of `bad`, a look at every so many."""
        for count in bad.tolist():
            rest = (judged, count) if outside else (0, 0)
            self.slo.add(self.next, judged, count, *rest)
            if self.next % every == 0:
                self.look()
            self.next += 1

    def look(self) -> None:
        before = self.open
        self.watch.look(self.next)
        if self.open != before:
            (self.openings if self.open else self.closings).append(self.next)

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


@pytest.mark.parametrize(("judged", "within_s"), [(300, 2_400), (10, 7_200)])
def test_noise_of_twice_what_is_acceptable_is_one_ticket(judged: int, within_s: int) -> None:
    """After half an hour and what it takes to be sure of it; it stays open for hours on end."""
    service = Service()
    service.run(noise(1, 6 * HOUR, judged, 0.002), judged)
    assert len(service.openings) == 1
    assert LASTS_S <= service.openings[0] - START <= within_s
    assert service.closings == []
    finding = service.finding
    assert (finding.alert_class, finding.severity) == (AlertClass.BUDGET, Severity.TICKET)
    assert (finding.handle, finding.scope) == ("budget", ())
    assert START - 60 <= finding.since <= START + HOUR
    assert "0.100% is acceptable" in finding.note
    for each in finding.explanation.statistics:
        assert each.threshold == OPEN_Z
        assert each.value > 1
        assert each.bad / each.judged == pytest.approx(0.002, rel=0.3)


@pytest.mark.parametrize("judged", [1, 10, 300])
@pytest.mark.parametrize("rho", [0.0, 0.05])
def test_noise_at_what_is_acceptable_is_none(judged: int, rho: float) -> None:
    """Half a day at exactly p0, from the first slot on."""
    service = Service()
    service.run(noise(judged, DAY // 2, judged, 0.001, rho), judged)
    assert service.openings == []


def test_hourly_bursts_are_none() -> None:
    """Two seconds of 30 % each hour are 0.017 %, on top of noise at 0.8 of p0: 0.97 of it."""
    service = Service()
    bad = noise(3, 12 * HOUR, 100, 0.0008)
    for second in (600, 601):
        bad[second::HOUR] = 30
    service.run(bad, 100)
    assert service.openings == []


def test_an_hour_of_noise_in_a_quiet_day_is_none() -> None:
    """Three times p0 for an hour is half of it over six."""
    service = Service()
    service.run(np.zeros(6 * HOUR, dtype=np.int64), 100)
    service.run(noise(2, HOUR, 100, 0.003), 100)
    service.run(np.zeros(HOUR, dtype=np.int64), 100)
    assert service.openings == []


def test_it_closes_when_the_noise_is_gone_and_not_before() -> None:
    service = Service()
    service.run(noise(7, 3 * HOUR, 100, 0.002), 100)
    assert service.open
    ends = service.next
    service.run(noise(8, 4 * HOUR, 100, 0.0004), 100)
    assert len(service.openings) == 1
    (closed,) = service.closings
    # The hour is at p0 when 5/8 of it are of the quiet kind; ten minutes more make it sure.
    assert closed - ends == pytest.approx(5 / 8 * HOUR + 600, abs=480)


def test_noise_just_above_does_not_flap() -> None:
    """1.1 times p0 of 100 a slot: 2 to 5 standard deviations of an hour; at most one ticket a day."""
    service = Service()
    service.run(noise(0, DAY, 100, 0.0011), 100)
    assert len(service.openings) <= 1


def test_what_loss_alerts_tell_is_no_noise() -> None:
    service = Service()
    service.run(noise(1, 2 * HOUR, 100, 0.05), 100, outside=False)
    assert service.openings == []


def test_a_few_lost_datapoints_are_no_noise_even_where_none_is_acceptable() -> None:
    service = Service(0.0)
    bad = np.zeros(2 * HOUR, dtype=np.int64)
    bad[[10, 700, 1_400, 2_100]] = 1
    service.run(bad, 1)
    assert service.openings == []
    bad[::300] = 1
    service.run(bad, 1)
    assert len(service.openings) == 1
    assert math.isfinite(service.finding.explanation.statistics[0].value)


def test_blindness_ends_nothing() -> None:
    """Two hours without a judged datapoint, and slots that say nothing: the ticket stays; a day of it
    ends it, since six hours know nothing of noise any more."""
    service = Service()
    service.run(noise(1, 2 * HOUR, 100, 0.003), 100)
    assert service.open
    service.run(np.zeros(2 * HOUR, dtype=np.int64), 0)
    assert service.open
    service.run(np.zeros(5 * HOUR, dtype=np.int64), 0)
    assert not service.open


def test_a_restart_takes_an_open_ticket_over() -> None:
    for was_open in (True, False):
        service = Service(was_open=was_open)
        service.run(noise(1, LASTS_S // 2, 300, 0.002), 300)
        assert service.open == was_open
    service = Service(was_open=True)
    service.run(np.zeros(LASTS_S, dtype=np.int64), 300)
    assert not service.open


def test_half_an_hour_is_of_looks_not_of_gaps() -> None:
    """Noise for ten minutes, nothing for forty, then noise for twenty-five: nobody looked meanwhile."""
    service = Service()
    service.run(noise(1, 600, 300, 0.004), 300)
    service.next += 2_400
    service.run(noise(2, LASTS_S - 300, 300, 0.004), 300)
    assert service.openings == []
    service.run(noise(3, 600, 300, 0.004), 300)
    assert len(service.openings) == 1


walks: st.SearchStrategy[list[tuple[int, int, int]]] = st.lists(
    st.tuples(
        st.one_of(st.integers(-700, 700), st.sampled_from([-90_000, 40_000, 400_000, 10**7])),
        st.integers(0, 1_000),
        st.integers(0, 1_000),
    ),
    max_size=40,
)


@given(walks, st.sampled_from([0.0, 1e-9, 0.001, 0.5]), st.booleans())
@settings(deadline=None, max_examples=100)
def test_whatever_time_does_nothing_raises_and_nothing_is_nan(
    walk: list[tuple[int, int, int]], p0: float, was_open: bool
) -> None:
    service = Service(p0, was_open=was_open)
    for step, judged, bad in walk:
        service.next = max(0, service.next + step)
        service.slo.add(service.next, judged, min(bad, judged), judged, min(bad, judged))
        service.look()
        for finding in service.watch.findings():
            for each in finding.explanation.statistics:
                assert math.isfinite(each.value)
            assert "nan" not in finding.note


def test_it_looks_every_ten_slots() -> None:
    service = Service(was_open=True)
    service.run(np.ones(1, dtype=np.int64), 1, every=1)
    before = service.finding
    service.run(np.ones(EVERY_S - 1, dtype=np.int64), 1, every=1)
    assert service.finding is before
    service.run(np.ones(1, dtype=np.int64), 1, every=1)
    assert service.finding is not before
