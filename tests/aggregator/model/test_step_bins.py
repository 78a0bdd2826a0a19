import numpy as np
import pytest

from coalmine_aggregator.model.step_bins import BINS, EDGES_US, bins_of, quantile_us


def test_every_time_lies_between_the_edges_of_its_bin() -> None:
    times = np.exp(np.linspace(np.log(16.5), np.log(1e6), 500))
    bins = bins_of(times)
    assert (EDGES_US[bins] <= times * 1.000001).all()
    assert (times <= EDGES_US[bins + 1] * 1.000001).all()


def test_what_is_out_of_range_lies_in_the_bins_at_the_ends() -> None:
    assert bins_of(np.array([0, 1, 15, 1_200_000, 2**31 - 1])).tolist() == [0, 0, 0, 65, 65]
    assert BINS == 66


@pytest.mark.parametrize("share", [0.01, 0.5, 0.9, 0.99])
def test_quantiles_are_good_to_a_tenth(share: float) -> None:
    times = np.random.default_rng(1).lognormal(np.log(700), 0.5, 20_000)
    counts = np.bincount(bins_of(times), minlength=BINS)[np.newaxis]
    assert quantile_us(counts, share)[0] == pytest.approx(np.quantile(times, share), rel=0.1)
