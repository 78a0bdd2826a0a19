"""Which steps are due."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.paging.escalation import Call, Due, Policy, Step, due
from coalmine_aggregator.paging.target import Target

SMS, VOICE = (Target("sms", "anna"),), (Target("voice", "anna"),)
POLICY = Policy((Step(600, SMS), Step(900, VOICE, 300, 12)))


def test_steps_are_due_at_their_delay_and_repeat_until_they_were_told_so_often() -> None:
    done: dict[int, int] = {}
    told, t = [], 0.0
    while t < math.inf:
        calls, t_next = due(POLICY, 0.0, None, t, done)
        for place, repeat in calls:
            done[place] = repeat
            told.append((t, place, repeat))
        t = t_next
    assert told == [(600, 0, 0)] + [(900 + 300 * n, 1, n) for n in range(12)]


def test_nothing_is_due_from_the_moment_it_is_stopped() -> None:
    assert due(POLICY, 0, 600, 600, {}) == Due((), math.inf)
    assert due(POLICY, 0, 601, 600, {}).calls == (Call(0, 0),)


def test_of_missed_repeats_only_the_newest_is_due_and_of_missed_steps_every_one() -> None:
    assert due(POLICY, 0, None, 1_900, {}) == Due((Call(0, 0), Call(1, 3)), 2_100)
    assert due(POLICY, 0, None, 1e9, {0: 0}) == Due((Call(1, 11),), math.inf)


def test_a_step_without_delay_is_due_at_once() -> None:
    assert due(Policy((Step(0, SMS),)), 5, None, 5, {}) == Due((Call(0, 0),), math.inf)


@pytest.mark.parametrize(
    ("steps", "error"),
    [
        ((), "has 0 steps"),
        ((Step(1, SMS),) * 21, "has 21 steps"),
        ((Step(600, SMS), Step(300, VOICE)), "[1].after: must be 600 to 604800 s"),
        ((Step(-1, SMS),), "[0].after: "),
        ((Step(math.nan, SMS),), "[0].after: "),
        ((Step(604_801, SMS),), "[0].after: "),
        ((Step(1, ()),), "[0].to: is empty"),
        ((Step(1, SMS, 60, 101),), "[0].times: must be 1 to 100"),
        ((Step(1, SMS, 60, 0),), "[0].times: "),
        ((Step(1, SMS, None, 2),), "[0].every: is needed"),
        ((Step(1, SMS, 60),), "[0].times: is 1, so that every says nothing"),
        ((Step(1, SMS, 29.9, 2),), "[0].every: must be 30 to"),
    ],
)
def test_what_cannot_be_is_told_with_its_place(steps: tuple[Step, ...], error: str) -> None:
    with pytest.raises(ValueError) as caught:
        Policy(steps).check()
    assert str(caught.value).startswith(error)


_steps = st.builds(
    Step,
    st.floats(0, 2_000),
    st.just(SMS),
    st.floats(30, 1_000),
    st.integers(1, 10),
)


@given(
    st.lists(_steps, min_size=1, max_size=4).map(
        lambda steps: Policy(tuple(sorted(steps, key=lambda step: step.after_s)))
    ),
    st.lists(st.floats(0.1, 3_000), max_size=40),
)
def test_each_repeat_of_each_step_is_due_once_not_before_its_time(
    policy: Policy, waits: list[float]
) -> None:
    """However seldom one asks: no call twice, none before its time, none late of which nothing newer
    was due at the same time, and nothing between now and what is told as the next time."""
    done: dict[int, int] = {}
    now = 1_000.0
    for wait in waits:
        before, now = now, now + wait
        calls, next_at = due(policy, 1_000.0, None, now, done)
        assert next_at > before
        for place, repeat in calls:
            step = policy.steps[place]
            assert repeat > done.get(place, -1)
            assert 1_000.0 + step.after_s + repeat * (step.every_s or 0) <= now + 1e-2
            done[place] = repeat
        if now < next_at < math.inf:
            assert due(policy, 1_000.0, None, (now + next_at) / 2, done).calls == ()
            assert due(policy, 1_000.0, None, next_at, done).calls
        if next_at == math.inf:
            assert all(done[place] == step.times - 1 for place, step in enumerate(policy.steps))
