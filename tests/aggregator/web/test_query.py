"""Questions: what is understood, what is refused, and with which words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.web.problems import ProblemError
from coalmine_aggregator.web.query import Question, parse_question

SETTLED = 1_790_003_596


def ask(**parameters: str) -> Question:
    return parse_question(parameters.items(), settled=SETTLED, max_range_s=3600)


def refusal(pairs: list[tuple[str, str]]) -> ProblemError:
    with pytest.raises(ProblemError) as caught:
        parse_question(pairs, settled=SETTLED, max_range_s=3600)
    return caught.value


def test_nothing_said_is_one_sum_over_the_last_minute() -> None:
    assert ask() == Question((), {}, (SETTLED - 59, SETTLED))  # type: ignore[arg-type]


@pytest.mark.parametrize(("last", "seconds"), [("1", 1), ("60s", 60), ("5m", 300), ("1h", 3600)])
def test_last_ends_with_the_newest_settled_slot(last: str, seconds: int) -> None:
    span = ask(last=last).span
    assert (span.seconds, span.last) == (seconds, SETTLED)


@pytest.mark.parametrize(
    "end", [str(SETTLED - 40), "2026-09-21T16:12:36+01:00", "2026-09-21T15:12:36Z"]
)
def test_from_and_to_are_slots_with_the_end_left_out(end: str) -> None:
    span = ask(**{"from": str(SETTLED - 100), "to": end}).span
    assert span.first == SETTLED - 100
    assert span.last == SETTLED - 41


def test_nothing_after_the_newest_settled_slot_is_asked_for() -> None:
    assert ask(**{"from": str(SETTLED - 9), "to": str(SETTLED + 500)}).span.seconds == 10


def test_labels_are_filters() -> None:
    question = ask(by="protocol,region", protocol="udp", node="")
    assert question.by == ("protocol", "region")
    assert question.where == {"protocol": "udp", "node": ""}


@pytest.mark.parametrize(
    ("pairs", "name", "parameter", "hint"),
    [
        ([("protcol", "udp")], "bad-parameter", "protcol", "did you mean protocol?"),
        ([("last", "61m")], "range-too-long", "last", "ask for a shorter range"),
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
    ],
)
def test_what_is_refused(pairs: list[tuple[str, str]], name: str, parameter: str, hint: str) -> None:
    problem = refusal(pairs)
    assert (problem.name, problem.parameter) == (name, parameter)
    assert hint in problem.hint


@given(st.lists(st.tuples(st.sampled_from(["by", "last", "from", "to", "region", "x"]), st.text())))
def test_any_question_is_answered_or_refused_and_bounded(pairs: list[tuple[str, str]]) -> None:
    """Invariant: a question that is understood never covers more than the bound."""
    try:
        question = parse_question(pairs, settled=SETTLED, max_range_s=3600)
    except ProblemError:
        return
    assert question.span.seconds <= 3600
    assert question.span.last <= SETTLED
