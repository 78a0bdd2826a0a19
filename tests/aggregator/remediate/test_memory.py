"""What is remembered, written and read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from coalmine_aggregator.remediate.memory import Check, Memory, Out, Past, Run, adopt, decode, encode
from tests.aggregator.remediate.pool_story import pool

OUT = Out(since=1.0, hold_until=2.0, known_at=3.0, failed_at=4.0, region="r", zone="z", why="so")


def test_what_was_written_is_read() -> None:
    memory = Memory(
        at=5.5,
        out={"a": OUT},
        past={"b": Past(1.0, 2, 3.0)},
        recent=[1.0, 2.5],
        frozen_since=4.0,
        checks={"a": Check(1.0, 0.25)},
        run=Run(at=9.0, slots=4),
    )
    assert decode(encode(memory)) == replace(memory, run=Run())


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "null", "1", '{"out":[]}', '{"v":2}', '{"at":"x"}', '{"recent":[1e999]}', "[" * 10_000],
)
def test_bad_text_is_an_empty_memory_and_told(text: str) -> None:
    memory = decode(text)
    assert memory.run.trouble
    assert replace(memory, run=Run()) == Memory()


def test_no_text_is_an_empty_memory() -> None:
    assert decode("") == Memory()


@given(st.text())
def test_any_text_gives_a_memory(text: str) -> None:
    assert isinstance(decode(text), Memory)


def test_it_is_written_seldom_while_nothing_happens() -> None:
    story = pool(12)
    texts = set()
    for _ in range(60):
        story.run()
        texts.add(encode(story.memory))
    assert len(texts) <= 3
    story.fail("n03")
    texts.clear()
    for _ in range(10):
        story.run()
        texts.add(encode(story.memory))
    assert len(texts) == 10


def test_who_stands_by_adopts_and_who_acts_does_not() -> None:
    theirs = Memory(at=5.0, out={"a": OUT}, run=Run(slots=99))
    mine = Memory(at=4.0, run=Run(slots=3, stood_by=True))
    assert adopt(mine, theirs) == replace(theirs, run=mine.run)
    acting = replace(mine, run=Run(slots=3))
    assert adopt(acting, theirs) == acting


def test_what_the_other_one_says_by_a_clock_that_is_ahead_is_not_of_the_future() -> None:
    theirs = Memory(at=65.0, out={"a": replace(OUT, since=61.0)}, recent=[61.0])
    mine = Memory(at=4.0, run=Run(at=5.0, stood_by=True))
    adopted = adopt(mine, theirs)
    assert (adopted.at, adopted.out["a"].since, adopted.recent) == (5.0, 1.0, [1.0])


def test_what_is_remembered_of_nodes_that_were_out_is_bounded() -> None:
    story = pool(12)
    past = {f"n{each:05}": Past(story.now - each) for each in range(5_000)}
    story.memory = replace(story.memory, past=past)
    story.known = False
    story.run()
    assert set(story.memory.past) <= set(past)
    assert len(story.memory.past) <= 2_000
