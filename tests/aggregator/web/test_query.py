"""Questions: what is understood, what is refused, and with which words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.reading.question import TOTAL_STEP_S, Question
from coalmine_aggregator.web.problems import ProblemError
from coalmine_aggregator.web.query import parse_question

SETTLED = 1_790_003_596


def ask(**parameters: str) -> Question:
    return parse_question(parameters.items(), settled=SETTLED)


def seconds(question: Question) -> int:
    return question.last - question.first + 1


def refusal(pairs: list[tuple[str, str]]) -> ProblemError:
    with pytest.raises(ProblemError) as caught:
        parse_question(pairs, settled=SETTLED)
    return caught.value


def test_nothing_said_is_one_sum_over_the_last_minute() -> None:
    assert ask() == Question((), {}, SETTLED - 59, SETTLED, 1)


@pytest.mark.parametrize(("last", "length"), [("1", 1), ("60s", 60), ("5m", 300), ("1200", 1200)])
def test_last_ends_with_the_newest_settled_slot(last: str, length: int) -> None:
    question = ask(last=last)
    assert (seconds(question), question.last, question.step_s) == (length, SETTLED, 1)


@pytest.mark.parametrize(
    ("last", "step_s"),
    [("1h", 10), ("6h", 60), ("24h", 300), ("7d", 900), ("30d", 3600), ("52w", 86_400)],
)
def test_a_step_that_makes_a_good_graph_and_whole_steps(last: str, step_s: int) -> None:
    question = ask(last=last)
    assert question.step_s == step_s
    assert question.buckets <= 1_200
    assert question.first % step_s == 0
    assert question.last == SETTLED


def test_whole_steps_in_the_past() -> None:
    question = ask(**{"from": "1789999990", "to": "1790000021", "step": "10s"})
    assert (question.first, question.last) == (1_789_999_990, 1_790_000_029)


def test_one_sum_of_all_is_not_widened() -> None:
    question = parse_question([("last", "8d")], settled=SETTLED, total_step_s=TOTAL_STEP_S)
    assert (seconds(question), question.buckets) == (8 * 86_400, 1)


@pytest.mark.parametrize(
    "end", [str(SETTLED - 40), "2026-09-21T16:12:36+01:00", "2026-09-21T15:12:36Z"]
)
def test_from_and_to_are_slots_with_the_end_left_out(end: str) -> None:
    question = ask(**{"from": str(SETTLED - 100), "to": end})
    assert question.first == SETTLED - 100
    assert question.last == SETTLED - 41


def test_nothing_after_the_newest_settled_slot_is_asked_for() -> None:
    assert seconds(ask(**{"from": str(SETTLED - 9), "to": str(SETTLED + 500)})) == 10


def test_labels_are_filters() -> None:
    question = ask(by="protocol,region", protocol="udp", node="")
    assert question.by == ("protocol", "region")
    assert question.where == {"protocol": "udp", "node": ""}


@pytest.mark.parametrize(
    ("pairs", "name", "parameter", "hint"),
    [
        ([("protcol", "udp")], "bad-parameter", "protcol", "did you mean protocol?"),
        ([("last", "4000d")], "range-too-long", "last", "ask for a shorter range"),
        ([("last", "365d"), ("step", "1")], "range-too-long", "step", "step=3600 fits"),
        ([("last", "7h"), ("step", "1s")], "range-too-long", "step", "step=10 fits"),
        ([("last", "1h"), ("step", "7")], "bad-parameter", "step", "steps are 1, 10,"),
        ([("last", "1h"), ("step", "x")], "bad-parameter", "step", "as in 60s"),
        ([("zone", "*a" * 9)], "bad-parameter", "zone", ""),
        ([("from", "0")], "range-too-long", "from", "ask for a shorter range"),
        ([("last", "0s")], "bad-parameter", "last", "as in 60s"),
        ([("last", "-5s")], "bad-parameter", "last", "as in 60s"),
        ([("last", "٣s")], "bad-parameter", "last", "as in 60s"),
        ([("last", "5s"), ("last", "6s")], "bad-parameter", "last", ""),
        ([("last", "5s"), ("from", "5")], "bad-parameter", "last", ""),
        ([("to", "5")], "bad-parameter", "to", "or use last=60s"),
        ([("from", "9"), ("to", "5")], "bad-parameter", "to", ""),
        ([("from", "2026-01-01T00:00:00")], "bad-parameter", "from", "as in 1760000000"),
        ([("by", "protocol,protocol")], "bad-parameter", "by", ""),
        ([("by", "colour")], "bad-parameter", "by", "labels are service"),
        ([("region", "r" * 256)], "bad-parameter", "region", ""),
        ([("service", "in\0gest")], "bad-parameter", "service", ""),
    ],
)
def test_what_is_refused(pairs: list[tuple[str, str]], name: str, parameter: str, hint: str) -> None:
    problem = refusal(pairs)
    assert (problem.name, problem.parameter) == (name, parameter)
    assert hint in problem.hint


@given(
    st.lists(st.tuples(st.sampled_from(["by", "last", "from", "to", "step", "region", "x"]), st.text()))
)
def test_any_question_is_answered_or_refused_and_bounded(pairs: list[tuple[str, str]]) -> None:
    """Invariant: a question that is understood never covers more than the bound."""
    try:
        question = parse_question(pairs, settled=SETTLED)
    except ProblemError:
        return
    assert question.buckets <= 21_600
    assert seconds(question) <= 3_661 * 86_400
    assert question.last <= SETTLED
