"""Strips show the worst of each step, as a dense model does."""

from __future__ import annotations

import numpy as np
import pytest

from coalmine_aggregator.model.endings import PLAIN_ENDING, fate_of_ending
from coalmine_aggregator.reading.library import Library
from coalmine_aggregator.reading.strip import NOT_EXPECTED, WORSE, StripAsked, runs, strip
from tests.aggregator.reading.conftest import Keep
from tests.aggregator.reading.kept import OUT, START, Past, fleet, random_past


def dense(past: Past, asked: StripAsked) -> dict[str, list[int]]:
    """Codes by host and protocol, of series that were expected."""
    found: dict[str, list[int]] = {}
    begin = asked.first // asked.step_s
    steps = asked.last // asked.step_s - begin + 1
    seen = {slot // asked.step_s - begin for _, slot in past.seen(asked.first, asked.last)}
    for column, series in enumerate(past.series):
        codes = [NOT_EXPECTED if step in seen else 0 for step in range(steps)]
        for index, slot in past.seen(asked.first, asked.last):
            ending = int(past.endings[index, column])
            if ending == OUT:
                continue
            step = slot // asked.step_s - begin
            before = codes[step] if codes[step] != NOT_EXPECTED else 0
            codes[step] = max(before, WORSE.index(fate_of_ending(ending)))
        if set(codes) - {0, NOT_EXPECTED} or 0 in {
            code for step, code in enumerate(codes) if step in seen
        }:
            found[f"{series.host} {series.protocol}"] = codes
    return found


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("first", "last", "step_s"), [(0, 299, 1), (35, 612, 10), (120, 1199, 60)])
def test_a_strip_is_that_of_a_dense_model(
    keep_past: Keep, seed: int, first: int, last: int, step_s: int
) -> None:
    past = random_past(seed, 1_200)
    asked = StripAsked("ingest", {}, START + first, START + last, step_s, 0, 100, False)
    found = strip(Library(), keep_past(past), asked)
    names = [
        " ".join(pair)
        for pair in zip(
            found.catalogue.values("host", found.numbers),
            found.catalogue.values("protocol", found.numbers),
            strict=True,
        )
    ]
    codes = dict(zip(names, found.codes.tolist(), strict=True))
    expected = dense(past, asked)
    assert {name: codes[name] for name in expected} == expected
    assert set(codes) - set(expected) <= set(names)
    labels = [found.catalogue.values(label, found.numbers) for label in ("protocol", "host")]
    assert list(zip(*labels, strict=True)) == sorted(zip(*labels, strict=True))
    assert found.seen.sum() == len(past.seen(asked.first, asked.last))


def test_rows_come_in_pages_and_only_bad_ones_where_asked(keep_past: Keep) -> None:
    series = fleet(hosts=3)
    endings = np.full((120, len(series)), PLAIN_ENDING, dtype=np.uint8)
    endings[30:40, [2, 5, 7]] = 3 * 3
    connection = keep_past(Past(series, endings))
    asked = StripAsked("ingest", {}, START, START + 119, 1, 0, 10, False)
    whole = strip(Library(), connection, asked)
    assert (whole.total, len(whole.numbers), whole.next) == (24, 10, 10)
    bad = strip(Library(), connection, asked._replace(only_bad=True, limit=2))
    assert (bad.total, len(bad.numbers), bad.next) == (3, 2, 2)
    last = strip(Library(), connection, asked._replace(only_bad=True, limit=2, after=2))
    assert (len(last.numbers), last.next) == (1, None)
    assert sorted([*bad.numbers, *last.numbers]) == [2, 5, 7]
    assert runs(last.codes).tolist() == [[0, 30, 10, 4]]
    nothing = strip(Library(), connection, asked._replace(where={"region": "nowhere"}))
    assert (nothing.total, runs(nothing.codes).tolist()) == (0, [])


def test_runs_begin_anew_in_each_row() -> None:
    codes = np.array([[0, 4, 4, 1], [1, 0, 0, 7]], dtype=np.uint8)
    assert runs(codes).tolist() == [[0, 1, 2, 4], [0, 3, 1, 1], [1, 0, 1, 1], [1, 3, 1, 7]]
