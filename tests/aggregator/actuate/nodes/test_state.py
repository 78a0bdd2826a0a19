"""What nodes are told. Invariant: exactly those who are to be out in force are named."""

from __future__ import annotations

import pytest

from coalmine_aggregator.actuate.nodes.state import cleared, state_of
from coalmine_aggregator.model.withdrawal import Mode, Phase
from coalmine_wire import withdrawals
from coalmine_wire.withdrawals import MAX_LEASE_S, MAX_NODES, Word, decode, encode
from tests.aggregator.actuate.words import withdrawal, word


def test_who_is_out_is_named_with_how() -> None:
    told = state_of(word(withdrawal("web-1", Phase.DRAIN), withdrawal("web-2"), at=5.0), "a", 3)
    assert [(each.node, each.phase) for each in told.nodes] == [
        ("web-1", withdrawals.Phase.DRAIN),
        ("web-2", withdrawals.Phase.DOWN),
    ]
    assert (told.sender, told.serial, told.at, told.lease_s) == ("a", 3, 5.0, 20.0)
    assert told.mode is Word.ACTING
    assert decode(encode(told)) == told


@pytest.mark.parametrize(("mode", "said"), [(Mode.DRY_RUN, Word.ACTING), (Mode.STOPPED, Word.CLEARED)])
def test_where_nobody_acts_nobody_is_named(mode: Mode, said: Word) -> None:
    told = state_of(word("web-1", mode=mode), "a", 1)
    assert told.nodes == ()
    assert told.mode is said


def test_it_stays_within_what_can_be_said() -> None:
    many = [withdrawal(f"n{number}")._replace(since=-number) for number in range(MAX_NODES + 5)]
    told = state_of(word(*many, lease_s=MAX_LEASE_S * 2), "a", 1)
    assert len(told.nodes) == MAX_NODES
    assert told.nodes[0].node == f"n{MAX_NODES + 4}"  # those that have been out for longest
    assert decode(encode(told)) == told


def test_cleared() -> None:
    told = cleared("ingest", "a", 1, 5.0)
    assert decode(encode(told)) == told
    assert (told.mode, told.nodes) == (Word.CLEARED, ())
