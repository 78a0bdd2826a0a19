"""What a killed aggregator leaves: all but the last half second."""

from __future__ import annotations

from coalmine_aggregator.engine import Engine, Tick
from coalmine_aggregator.model.slot_counts import SlotCounts
from coalmine_aggregator.replay.memory import Memory
from tests.aggregator.fleet import Canary, T
from tests.aggregator.store.samples import leaves, second


def tick(slot: int, *revised: SlotCounts) -> Tick:
    return Tick([second(slot, leaves())], list(revised), [], [(slot, b"x%d" % slot)], [])


def engine() -> Engine:
    return Engine(fleet="test", policies={}, sources=("tcp",), now=float(T))


def test_what_was_handed_out_half_a_second_ago_is_kept() -> None:
    memory = Memory(needed=True, last_slot=T - 1)
    memory.birth(Canary().birth())
    for slot in range(5):
        memory.tick(tick(T + slot), T + slot + 3.0)
    restored = memory.restored(T + 7.4, engine(), 7)
    assert restored.last_slot == T + 3
    assert [slot for slot, _ in restored.exceptions] == [T, T + 1, T + 2, T + 3]
    assert [counts.slot for counts in restored.recent] == [T, T + 1, T + 2, T + 3]
    assert restored.next_number == 7
    assert [birth.agent for birth in restored.births] == ["a1"]


def test_revisions_replace_what_was_kept() -> None:
    memory = Memory(needed=True, last_slot=T - 1)
    memory.tick(tick(T), T + 3.0)
    better = second(T, leaves(), 9)
    memory.tick(tick(T + 1, better), T + 4.0)
    restored = memory.restored(T + 5.0, engine(), 1)
    assert restored.recent[0] is better


def test_it_is_bounded() -> None:
    memory = Memory(needed=True, last_slot=T - 1)
    for slot in range(2_000):
        memory.tick(tick(T + slot), T + slot + 3.0)
    restored = memory.restored(T + 2_010.0, engine(), 1)
    assert len(restored.recent) == 600
    assert restored.last_slot == T + 1_999
    nothing = Memory(needed=False, last_slot=T - 1)
    nothing.tick(tick(T), T + 3.0)
    assert nothing.restored(T + 9.0, engine(), 1).last_slot == T - 1
