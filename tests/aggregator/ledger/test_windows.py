"""Windows: what is expected when."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.ledger.windows import Windows, expected_of

STEPS = st.lists(
    st.tuples(st.booleans(), st.sets(st.integers(0, 3)), st.integers(0, 4)), min_size=1, max_size=15
)


# Invariant: a series is expected in a slot exactly if the last change at or before that slot opened it,
# changes being taken at ever later slots, as a roster takes them.
@given(STEPS)
def test_expected_follows_the_changes(steps: list[tuple[bool, set[int], int]]) -> None:
    windows = Windows()
    windows.grow(4)
    now, changes = 100, []
    for opens, series, later in steps:
        now += later
        (windows.open if opens else windows.close)(series, now)
        changes.append((now, opens, series))
    for slot in (*range(99, now + 3), 101):  # also going back
        mask, packed = windows.at(slot)
        for each in range(4):
            last = [opens for at, opens, series in changes if at <= slot and each in series]
            assert mask[each] == bool(last and last[-1]), (slot, each)
        assert packed.mask().tolist() == mask.tolist()


def test_nothing_is_made_anew_while_nothing_changes() -> None:
    windows = Windows()
    windows.grow(2)
    windows.open([0, 1], 10)
    assert windows.at(11)[1] is windows.at(500)[1]
    windows.close([1], 600)
    assert windows.at(599)[1].mask().tolist() == [True, True]
    assert windows.at(600)[1].mask().tolist() == [True, False]
    assert windows.ended(601).tolist() == [1]


def test_earlier_windows_are_forgotten_once_settled() -> None:
    windows = Windows()
    windows.grow(1)
    windows.open([0], 10)
    windows.close([0], 12)
    windows.open([0], 14)
    assert [bool(windows.at(slot)[0][0]) for slot in range(9, 16)] == [0, 1, 1, 0, 0, 1, 1]
    windows.forget(12)
    assert windows.at(14)[0][0]


@given(st.lists(st.booleans(), max_size=50))
def test_masks_survive_packing(bits: list[bool]) -> None:
    import numpy as np

    assert expected_of(np.array(bits, dtype=np.bool_)).mask().tolist() == bits
