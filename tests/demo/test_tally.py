"""Sums over a run: what counts, what is replaced, what the last line says.

Invariant: whatever the order in which a run's slots are read and read again, the summary equals the
sum over the newest version of each slot.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from coalmine_aggregator.demo.fleet import SIZE, agents_in
from coalmine_aggregator.demo.tally import CELLS, RECENT_S, Cell, Tally
from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.web.answers import RateGroup, SlotFates

START = 1_800_000_000


def groups(slots: list[int], lost: dict[int, int] | None = None) -> list[RateGroup]:
    """Rates by cell, whole fleet; `lost` of each slot are missing from udp in dc1, up to 4."""
    found = []
    for cell in CELLS:
        size = agents_in(cell.region)
        hit = cell == Cell("udp", "dc1")
        missing = [(lost or {}).get(slot, 0) if hit else 0 for slot in slots]
        none = [0] * len(slots)
        found.append(
            RateGroup(
                labels=cell._asdict(),
                slots=slots,
                expected=[size] * len(slots),
                received=[size - m for m in missing],
                fates=SlotFates(
                    delivered=[size - m for m in missing],
                    failed=none,
                    abandoned=none,
                    lost=missing,
                    late=none,
                    not_attempted=none,
                    unknown=none,
                ),
            )
        )
    return found


def test_a_run_without_loss_has_sum_rates_of_exactly_the_number_of_agents() -> None:
    tally = Tally()
    for now in range(START, START + 600):
        tally.add(groups(list(range(max(START, now - RECENT_S), now + 1))))
    summary = tally.summary([])
    assert summary["slots"] == 600
    assert summary["expected"] == 600 * SIZE == sum(summary["fates"].values())
    assert summary["balanced"]
    for protocol, region in CELLS:
        assert summary["sum_rates"][protocol][region] == agents_in(region)


def test_nothing_counts_before_the_whole_fleet_is_there() -> None:
    tally = Tally()
    few = [group for group in groups([START, START + 1]) if group.labels["region"] != "dc1"]
    tally.add(few)
    assert tally.slots == 0
    assert tally.newest == {}
    tally.add(groups([START + 2]))
    assert tally.first == START + 2
    assert tally.summary([])["slots"] == 1


def test_a_revision_replaces_what_was_read_before() -> None:
    tally = Tally()
    tally.add(groups([START, START + 1], {START + 1: 4}))
    assert tally.total().fates[Fate.LOST] == 4
    tally.add(groups([START, START + 1], {START + 1: 1}))
    assert tally.total().fates[Fate.LOST] == 1
    assert tally.newest[Cell("udp", "dc1")].received == 3


def test_fates_that_do_not_add_up_are_told() -> None:
    tally = Tally()
    broken = groups([START])
    broken[0] = RateGroup(
        broken[0].labels, [START], [broken[0].expected[0] + 1], broken[0].received, broken[0].fates
    )
    tally.add(broken)
    assert not tally.summary([])["balanced"]


def test_a_missing_slot_is_not_balanced() -> None:
    tally = Tally()
    tally.add(groups([START, START + 2]))
    assert not tally.summary([])["balanced"]


@given(
    losses=st.lists(st.integers(0, 4), min_size=1, max_size=3 * RECENT_S),
    first_look=st.lists(st.integers(0, 4), min_size=3 * RECENT_S, max_size=3 * RECENT_S),
    step=st.integers(1, RECENT_S),
)
@settings(max_examples=60, deadline=None)
def test_reading_again_never_changes_the_sums(
    losses: list[int], first_look: list[int], step: int
) -> None:
    slots = range(START, START + len(losses))
    early = dict(zip(slots, first_look, strict=False))
    final = dict(zip(slots, losses, strict=True))
    tally = Tally()
    for end in range(START + step, START + len(losses) + step, step):
        read = [slot for slot in slots if end - RECENT_S <= slot < end]
        # A slot has its final counts when it is read for the last time.
        lost = {slot: (final if slot < end - RECENT_S + step else early)[slot] for slot in read}
        tally.add(groups(read, lost))
    tally.add(groups(list(slots)[-RECENT_S:], final))
    summary = tally.summary([])
    assert summary["slots"] == len(losses)
    assert summary["fates"]["lost"] == sum(losses)
    assert summary["balanced"]
