"""Words of the agent-check. Invariant: whatever its share, a node in service is not told to be out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_wire.agent_check import UP, asked_name, is_down, word_for
from coalmine_wire.withdrawals import Phase


def test_the_words() -> None:
    assert word_for(None) == UP == "up 100%"
    assert word_for(Phase.DRAIN) == "up 0%"
    assert word_for(Phase.DOWN) == "down #coalmine"
    assert word_for(None, 0.5) == "up 50%"


@given(st.floats(0, 1, exclude_min=True))
def test_a_share_never_takes_a_node_out(share: float) -> None:
    assert not is_down(word_for(None, share))


def test_those_that_are_out_are_known() -> None:
    assert all(is_down(word_for(phase)) for phase in Phase)


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (b"ingest/web-3\n", "ingest/web-3"),
        (b"ingest\r\n", "ingest"),
        (b"ingest", "ingest"),
        (b"", ""),
        (b"\n", ""),
        (b"\xff\xfe\n", ""),
        (b"a\x00b\n", ""),
        (b"x" * 600 + b"\n", ""),
        (b"ingest\nquery\n", "ingest"),
    ],
)
def test_what_was_asked_for(line: bytes, name: str) -> None:
    assert asked_name(line) == name
