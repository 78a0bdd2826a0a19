"""Text stays text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.notify.plain import cut, one_line, plain


@given(st.text())
def test_nothing_is_left_that_moves_a_cursor_or_turns_the_text(text: str) -> None:
    shown = plain(text)
    assert len(shown) == len(text)
    assert shown.count("\n") == text.count("\n")
    assert not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in shown.replace("\n", ""))
    assert not any(
        unicodedata.bidirectional(c) in ("LRE", "RLE", "LRO", "RLO", "LRI", "RLI") for c in shown
    )
    shown.encode()  # no half of a surrogate pair


@given(st.text())
def test_a_line_is_one_line(text: str) -> None:
    line = one_line(text)
    assert line.splitlines() in ([], [line])
    assert line == line.strip()
    assert "  " not in line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Restore ingest UDP", "Restore ingest UDP"),
        ("größer als 5 µs €", "größer als 5 µs €"),
        ("a\tb\x00c\x1b[31m\x7f", "a b c [31m "),
        ("eu\u202eliam\u2028x", "eu liam x"),
    ],
)
def test_what_is_text_stays(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_what_is_cut_says_so() -> None:
    assert cut("short", 5) == "short"
    assert cut("longer", 5) == "long…"
