"""What stands under a key, as others read it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.actuate.etcd.record import MAX_BYTES, decode, encode, record_of
from coalmine_aggregator.model.withdrawal import Phase
from tests.aggregator.actuate.words import withdrawal


def test_the_fields_that_others_rely_on() -> None:
    assert json.loads(encode(record_of(withdrawal(by="anna"), "agg-a", 20.0))) == {
        "since": 1_763_000_000.0,
        "phase": "down",
        "why": "lost by two vantages",
        "until": 1_763_000_060.0,
        "lease_s": 20.0,
        "aggregator": "agg-a",
        "by": "anna",
    }


@given(st.text(max_size=3000), st.text(max_size=3000), st.sampled_from(Phase))
def test_whatever_is_said_is_bounded_and_read_back(why: str, by: str, phase: Phase) -> None:
    record = record_of(withdrawal(phase=phase, why=why, by=by), "agg-a", 1e9)
    assert len(encode(record)) <= MAX_BYTES
    assert decode(encode(record)) == record


def test_fields_that_came_later_are_passed_over() -> None:
    value = json.loads(encode(record_of(withdrawal(), "agg-a", 20.0))) | {"more": [1]}
    assert decode(json.dumps(value).encode()) is not None


@pytest.mark.parametrize(
    "wrong",
    [{"lease_s": 0}, {"lease_s": 1e9}, {"phase": "up"}, {"since": "x"}, {"why": "x" * 2000}],
)
def test_what_is_not_understood_is_no_record(wrong: dict[str, object]) -> None:
    value = json.loads(encode(record_of(withdrawal(), "agg-a", 20.0))) | wrong
    assert decode(json.dumps(value).encode()) is None
    del value["lease_s"]
    assert decode(json.dumps(value).encode()) is None


@given(st.binary(max_size=300))
def test_junk_is_no_record(junk: bytes) -> None:
    assert decode(junk) is None
    assert decode(b" " * MAX_BYTES + b"{}") is None


def test_what_is_passed_over_may_not_be_nested_without_end() -> None:
    assert decode(b'{"x":' + b"[" * (MAX_BYTES - 10)) is None


def test_a_text_that_is_no_utf8_is_no_record() -> None:
    assert decode(b'{"why":"\xff"}') is None
