"""Hosts of silent agents, until what they did not report has settled."""

from __future__ import annotations

from coalmine_aggregator.judge.silence import Silence
from coalmine_aggregator.model.presence import Presence


def fleet(*silent: str) -> list[Presence]:
    return [
        Presence(name, "external", "r", "z", name, ("ingest",), 10.0 if name in silent else None)
        for name in ("a", "b", "c")
    ]


def test_who_is_heard_again_was_silent_in_slots_that_settle_later() -> None:
    silence = Silence()
    silence.look((), 90)
    assert silence.hosts(87) == frozenset()
    silence.look(fleet("a", "b"), 100)
    assert silence.hosts(97) == {"a", "b"}
    silence.look(fleet("b"), 110)
    assert silence.hosts(107) == silence.hosts(110) == {"a", "b"}
    assert silence.hosts(111) == {"b"}
    silence.look((), 120)
    assert silence.hosts(120) == {"b"}
    assert silence.hosts(121) == frozenset()


def test_it_is_the_same_object_while_nobody_comes_or_goes() -> None:
    silence = Silence()
    everybody = fleet("a")
    silence.look(everybody, 100)
    told = silence.hosts(97)
    silence.look(everybody, 101)
    assert silence.hosts(98) is told


def test_time_that_goes_back_keeps_nobody_silent() -> None:
    silence = Silence()
    silence.look(fleet("a"), 10_000)
    silence.look((), 10_010)
    assert silence.hosts(100) == frozenset()
