import numpy as np
import pytest

from coalmine_aggregator.model.endings import (
    ARRIVALS,
    COLUMNS,
    ENDINGS,
    OUTCOMES,
    PLAIN_ENDING,
    RECEIVED,
    ending_of,
    fate_of_ending,
    is_received,
    sums_of,
)
from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.model.unknown import UnknownReason


@pytest.mark.parametrize(
    ("outcome", "arrival", "fate", "received"),
    [
        (Fate.DELIVERED, 2, Fate.DELIVERED, True),
        (Fate.LATE, 1, Fate.LATE, False),
        (Fate.LOST, 0, Fate.LOST, False),
        (Fate.FAILED, 2, Fate.FAILED, True),
        (Fate.UNKNOWN + UnknownReason.AGGREGATOR, 0, Fate.UNKNOWN, False),
        (Fate.UNKNOWN + UnknownReason.SILENT, 2, Fate.UNKNOWN, True),
    ],
)
def test_an_ending_tells_the_fate_and_the_arrival(
    outcome: int, arrival: int, fate: Fate, received: bool
) -> None:
    ending = ending_of(outcome, arrival)
    assert fate_of_ending(ending) is fate
    assert is_received(ending) is received


def test_delivered_in_time_is_plain() -> None:
    assert fate_of_ending(PLAIN_ENDING) is Fate.DELIVERED
    assert is_received(PLAIN_ENDING)


def test_sums_have_every_ending_in_its_outcome_and_what_came_in_time_last() -> None:
    table = np.arange(2 * ENDINGS, dtype=np.int32).reshape(2, ENDINGS)
    sums = sums_of(table)
    assert sums.dtype == np.int32
    assert sums.shape == (2, COLUMNS)
    for row in range(2):
        for outcome in range(OUTCOMES):
            endings = [ending_of(outcome, arrival) for arrival in range(ARRIVALS)]
            assert sums[row, outcome] == table[row, endings].sum()
        received = [ending for ending in range(ENDINGS) if is_received(ending)]
        assert sums[row, RECEIVED] == table[row, received].sum()
