"""Slots and phases. Invariant: a start lies in its slot, on the grid, and depends on the host alone."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from coalmine_wire.slots import GRID_MS, phases_ms, slot_of


@given(st.text(max_size=40), st.integers(0, 3000))
def test_phases_are_ascending_on_the_grid_and_within_the_second(host: str, endpoints: int) -> None:
    phases = phases_ms(host, endpoints)
    assert len(phases) == endpoints
    assert phases == sorted(phases)
    assert all(0 <= phase < 1000 and phase % GRID_MS == 0 for phase in phases)
    assert phases == phases_ms(host, endpoints)


@given(st.text(max_size=40), st.integers(1, 3000))
def test_no_cell_of_the_grid_holds_much_more_than_its_share(host: str, endpoints: int) -> None:
    fullest = max(Counter(phases_ms(host, endpoints)).values())
    assert fullest <= -(-endpoints // (1000 // GRID_MS))


def test_hosts_are_spread_over_the_second() -> None:
    firsts = [phases_ms(f"host{number}", 6)[0] for number in range(2000)]
    halves = Counter(first // 500 for first in firsts)
    assert min(halves.values()) > 800


@given(st.integers(0, 2**33), st.floats(0, 0.999))
def test_a_slot_is_the_second_that_has_begun(second: int, fraction: float) -> None:
    assert slot_of(second + fraction) == second


def test_times_before_the_epoch_round_down_too() -> None:
    assert slot_of(-0.5) == -1
