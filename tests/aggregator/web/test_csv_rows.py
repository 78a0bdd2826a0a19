"""CSV: text stays text in a spreadsheet, whatever it begins with."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.web.csv_rows import csv_rows, utc


@pytest.mark.parametrize("begins", ["=", "+", "-", "@", "\t", "\r"])
def test_formulas_are_quoted_and_numbers_are_not(begins: str) -> None:
    [row] = csv.reader(io.StringIO(csv_rows([[f"{begins}1+1", -1, 0.5, None]]).decode(), newline=""))
    assert row == [f"'{begins}1+1", "-1", "0.5", ""]


@given(st.lists(st.lists(st.text(st.characters(codec="utf-8")), min_size=2, max_size=4)))
def test_any_text_comes_back(rows: list[list[str]]) -> None:
    """Invariant: a cell is what it was, or that after a quote; no cell begins as a formula."""
    read = list(csv.reader(io.StringIO(csv_rows(rows).decode(), newline="")))
    assert [[cell.removeprefix("'") for cell in row] for row in read] == [
        [cell.removeprefix("'") for cell in row] for row in rows
    ]
    assert not any(cell[:1] in tuple("=+-@\t\r") and cell for row in read for cell in row)


def test_times() -> None:
    assert (utc(1_790_000_000.9), utc(None)) == ("2026-09-21T14:13:20Z", "")
