"""Cursors: good for their own query alone."""

from __future__ import annotations

import base64
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.reading.alerts import AlertPlace
from coalmine_aggregator.reading.series import SeriesPlace
from coalmine_aggregator.web.cursors import MAX_NUMBER, next_cursor, parse_cursor
from coalmine_aggregator.web.problems import ProblemError

QUERY = {"service": "ingest", "from": "1790000000"}


@given(st.floats(0, 1e12), st.integers(0, 2**53))
def test_a_cursor_names_its_place(closed_at: float, number: int) -> None:
    place = AlertPlace(closed_at, number)
    cursor = next_cursor({**QUERY, "limit": "3", "after": "before"}, place)
    assert parse_cursor({**QUERY, "after": cursor, "limit": "7"}, AlertPlace) == place


def test_no_cursor_is_the_beginning() -> None:
    assert parse_cursor(QUERY, AlertPlace) is None


@pytest.mark.parametrize("query", [{}, {**QUERY, "class": "loss"}, {**QUERY, "service": "other"}])
def test_a_cursor_of_another_query_is_refused(query: dict[str, str]) -> None:
    cursor = next_cursor(query, AlertPlace(1.0, 2))
    with pytest.raises(ProblemError) as caught:
        parse_cursor({**QUERY, "after": cursor}, AlertPlace)
    assert (caught.value.name, caught.value.parameter) == ("bad-cursor", "after")


def test_a_cursor_of_another_kind_of_place_is_refused() -> None:
    cursor = next_cursor(QUERY, "ingest01")
    with pytest.raises(ProblemError):
        parse_cursor({**QUERY, "after": cursor}, AlertPlace)


@pytest.mark.parametrize(
    "place",
    [
        2**63,
        -1,
        10**30,
        AlertPlace(1.0, 2**64),
        AlertPlace(1e300, 1),
        AlertPlace(-1.0, 1),
        SeriesPlace("ingest", 2**63),
        SeriesPlace("in\0gest", 1),
    ],
)
def test_a_made_up_place_that_no_store_can_look_for_is_refused(
    place: int | AlertPlace | SeriesPlace,
) -> None:
    digest, _ = msgspec.json.decode(decoded(next_cursor(QUERY, 1)))
    # msgspec writes no number of more than 64 bits.
    forged = base64.urlsafe_b64encode(json.dumps([digest, place]).encode()).rstrip(b"=").decode()
    with pytest.raises(ProblemError) as caught:
        parse_cursor({**QUERY, "after": forged}, type(place))
    assert (caught.value.name, caught.value.detail) == ("bad-cursor", "after is no cursor of ours.")


def test_the_largest_place_is_one() -> None:
    cursor = next_cursor(QUERY, MAX_NUMBER)
    assert parse_cursor({**QUERY, "after": cursor}, int) == MAX_NUMBER


def decoded(cursor: str) -> bytes:
    return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))


@given(st.text(max_size=60))
def test_what_is_no_cursor_is_refused(text: str) -> None:
    if text:
        with pytest.raises(ProblemError) as caught:
            parse_cursor({"after": text}, int)
        assert caught.value.name == "bad-cursor"
