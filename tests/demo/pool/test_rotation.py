"""Who gets new work, by the words of agent-checks."""

from __future__ import annotations

import pytest

from coalmine_aggregator.demo.pool.rotation import Rotation
from coalmine_wire.agent_check import word_for
from coalmine_wire.withdrawals import Phase


def test_all_are_in_until_a_check_says_otherwise() -> None:
    rotation = Rotation(("a", "b"))
    assert (rotation.serving, rotation.out) == (("a", "b"), ())
    assert not rotation.hear("a", word_for(None))


@pytest.mark.parametrize("phase", Phase)
def test_out_in_each_phase_until_it_is_said_to_be_in(phase: Phase) -> None:
    rotation = Rotation(("a", "b"))
    assert rotation.hear("b", f"{word_for(phase)}\n")
    assert not rotation.hear("b", f"{word_for(phase)}\n")
    assert (rotation.serving, rotation.out) == (("a",), ("b",))
    assert rotation.hear("b", f"{word_for(None)}\n")
    assert rotation.serving == ("a", "b")


def test_nobody_serves_where_all_are_out() -> None:
    rotation = Rotation(("a",))
    rotation.hear("a", word_for(Phase.DOWN))
    assert rotation.serving == ()
