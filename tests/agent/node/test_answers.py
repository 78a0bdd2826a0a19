"""What a node answers. Invariant: it is out only under a withdrawal that holds; alone, and for whatever
is not known, it is in service."""

from __future__ import annotations

import pytest

from coalmine_agent.node.answers import Answers
from coalmine_agent.node.own_verdict import BAD_SLOTS
from coalmine_wire.agent_check import UP
from coalmine_wire.reports import Outcome, SlotReport, Verdict
from coalmine_wire.withdrawals import Phase
from tests.agent.node.test_own_verdict import PLANS
from tests.agent.node.test_withdrawal_lease import LEASE_S, said


def test_alone_it_is_up() -> None:
    answers = Answers("n", ["s", "t"])
    assert answers.word("s", 0) == UP
    assert answers.status("s", 0).status == "up"
    assert not answers.status("s", 0).heard


def test_out_by_service() -> None:
    answers = Answers("n", ["s", "t"])
    assert answers.hear(said(1, "n", phase=Phase.DRAIN), 0)
    assert answers.word("s", 1) == "up 0%"
    assert answers.status("s", 1).status == "drain"
    assert answers.word("t", 1) == UP
    assert answers.word("s", LEASE_S) == UP


@pytest.mark.parametrize("name", ["", "u", "s/n", "S"])
def test_what_is_not_known_is_up(name: str) -> None:
    answers = Answers("n", ["s", "t"])
    answers.hear(said(1, "n"), 0)
    assert answers.word(name, 1) == UP


def test_the_only_service_needs_no_name() -> None:
    answers = Answers("n", ["s"])
    answers.hear(said(1, "n"), 0)
    assert answers.word("", 1) == answers.word("s", 1) == "down #coalmine"


def test_a_service_that_is_not_watched_here_is_not_heard() -> None:
    assert not Answers("n", ["s"]).hear(said(1, "n", service="t"), 0)


def test_what_holds_outlives_a_reload() -> None:
    answers = Answers("n", ["s"])
    answers.hear(said(1, "n"), 0)
    answers.update("n", ["t", "s"])
    assert answers.word("s", 1) == "down #coalmine"
    assert answers.services == ["t", "s"]
    answers.update("m", ["t", "s"])
    assert answers.word("s", 1) == UP


def test_forgotten_it_is_up() -> None:
    answers = Answers("n", ["s"])
    answers.hear(said(1, "n"), 0)
    answers.forget()
    assert answers.word("s", 1) == UP


@pytest.mark.parametrize(("lowered", "word"), [(0.5, "up 50%"), (1.0, UP)])
def test_its_own_verdict_lowers_the_weight_where_that_is_wanted(lowered: float, word: str) -> None:
    answers = Answers("n", ["s"], lowered)
    bad = [Outcome(0, Verdict.FAILED)]
    for slot in range(BAD_SLOTS):
        answers.slot(PLANS, SlotReport(slot, bad), slot)
    assert answers.word("s", BAD_SLOTS) == word
    assert answers.status("s", BAD_SLOTS).status == "up"
    answers.hear(said(1, "n"), BAD_SLOTS)
    assert answers.word("s", BAD_SLOTS) == "down #coalmine"
