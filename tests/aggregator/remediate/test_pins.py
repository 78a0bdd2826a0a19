"""Pins: the newest word stands, on both aggregators alike, whatever way it came."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.model.pin import PinChange, PinState
from coalmine_aggregator.remediate import pins
from coalmine_aggregator.remediate.pins import MAX_AHEAD_S, REMEMBER_S, Pins

NOW = 1_000_000.0

CHANGES = st.builds(
    PinChange,
    st.just("ingest"),
    st.sampled_from(["web-1", "web-2"]),
    st.sampled_from([None, *PinState]),
    st.sampled_from(["ada", "bob"]),
    st.sampled_from(["", "why"]),
    st.sampled_from([NOW - 3, NOW - 2, NOW - 1]),
)


def change(node: str, state: PinState | None, at: float = NOW, by: str = "ada") -> PinChange:
    return PinChange("ingest", node, state, by, "why", at)


@given(st.lists(CHANGES, max_size=4))
def test_words_in_any_order_come_to_the_same(words: list[PinChange]) -> None:
    ends = set()
    for order in itertools.permutations(words):
        here = Pins()
        for word in order:
            here.merge([word], NOW)
        ends.add(here.changes)
    assert len(ends) == 1


def test_a_release_reaches_the_other_and_is_forgotten_later() -> None:
    here, there = Pins(), Pins()
    here.say(change("web-1", PinState.OUT))
    assert there.merge(here.changes, NOW) == [change("web-1", PinState.OUT)]
    released = there.say(change("web-1", None, NOW + 5, "bob"))
    assert there.standing == ()
    assert here.merge(there.changes, NOW + 6) == [released]
    assert here.standing == ()
    assert there.merge(here.changes, NOW + 7) == []
    here.forget(NOW + REMEMBER_S)
    assert here.changes == (released,)
    here.forget(NOW + 5 + REMEMBER_S)
    assert not list(here.changes)
    assert here.merge(there.changes, NOW + 6 + REMEMBER_S) == []


def test_what_people_say_now_stands_even_where_a_clock_was_ahead() -> None:
    here = Pins([change("web-1", PinState.OUT, NOW + 30)])
    kept = here.say(change("web-1", None, NOW))
    assert kept.at > NOW + 30
    assert here.standing == ()


def test_what_is_far_ahead_is_not_taken_over() -> None:
    here = Pins()
    assert here.merge([change("web-1", PinState.OUT, NOW + MAX_AHEAD_S + 1)], NOW) == []
    assert here.find("ingest", "web-1") is None


def test_there_are_so_many_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pins, "MAX_PINS", 2)
    here = Pins([change("web-1", PinState.IN), change("web-2", PinState.IN)])
    with pytest.raises(ValueError, match="node: 2 nodes are pinned"):
        here.say(change("web-3", PinState.IN))
    assert here.merge([change("web-3", PinState.IN)], NOW) == []
    here.say(change("web-2", PinState.OUT, NOW + 1))
    assert [(pin.node, pin.state) for pin in here.standing] == [
        ("web-1", PinState.IN),
        ("web-2", PinState.OUT),
    ]
