"""Filters of labels: exact values and globs, held to fnmatch."""

from __future__ import annotations

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.model.label_filter import MAX_GLOB, MAX_STARS, LabelFilter

LETTERS = st.text("ab_-", max_size=12)


@given(st.text("ab_-*?", max_size=12), LETTERS)
def test_a_glob_takes_what_fnmatch_takes(glob: str, value: str) -> None:
    if glob.count("*") > MAX_STARS:
        return
    assert LabelFilter({"zone": glob}).matches("zone", value) == fnmatch.fnmatchcase(value, glob)


@pytest.mark.parametrize(
    ("value", "fits"), [("a.b", True), ("axb", False), ("a.b\n", False), ("", False)]
)
def test_anything_but_a_star_or_a_question_mark_is_literal(value: str, fits: bool) -> None:
    assert LabelFilter({"zone": "a.b"}).matches("zone", value) == fits
    assert LabelFilter({"zone": "a.?"}).matches("zone", value) == fits


def test_all_labels_must_fit_and_others_may_be_anything() -> None:
    wanted = LabelFilter({"protocol": "t*", "region": "eu"})
    assert wanted.takes([("protocol", "tcp"), ("region", "eu"), ("zone", "x")])
    assert not wanted.takes([("protocol", "tcp"), ("region", "us")])


def test_globs_are_bounded() -> None:
    with pytest.raises(ValueError, match="longer"):
        LabelFilter({"zone": "*" + "a" * MAX_GLOB})
    with pytest.raises(ValueError, match="stars"):
        LabelFilter({"zone": "a*" * (MAX_STARS + 1)})


@pytest.mark.timeout(5)
def test_the_worst_glob_is_quick() -> None:
    wanted = LabelFilter({"zone": "a*" * MAX_STARS + "b"})
    for _ in range(2_000):
        assert not wanted.matches("zone", "a" * MAX_GLOB)
