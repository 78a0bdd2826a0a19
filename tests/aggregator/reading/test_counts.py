"""Counts out of the store are what a dense model counts, whatever they are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from coalmine_aggregator.model.endings import COLUMNS, RECEIVED
from coalmine_aggregator.model.views import GroupSums
from coalmine_aggregator.reading.counts import Counts, count
from coalmine_aggregator.reading.database import open_read_only
from coalmine_aggregator.reading.frames import RefusedError
from coalmine_aggregator.reading.library import Library
from coalmine_aggregator.reading.question import TOTAL_STEP_S, Question
from coalmine_aggregator.reading.tail import tail_of
from coalmine_aggregator.store import schema
from coalmine_aggregator.store.database import open_engine
from tests.aggregator.reading.conftest import Keep
from tests.aggregator.reading.kept import START, Past, fleet, keep, random_past

Told = dict[tuple[str, ...], dict[int, list[int]]]


def told(counts: Counts) -> Told:
    """By labels and beginning of the step, steps that are all zero left out."""
    slots = counts.first + np.arange(len(counts.seen)) * counts.step_s
    return {
        labels: {int(slot): row for slot, row in zip(slots, table.tolist(), strict=True) if any(row)}
        for labels, table in zip(counts.labels, counts.sums.transpose(1, 0, 2), strict=True)
    }


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("by", "where", "step_s", "first", "last"),
    [
        ((), {}, 1, 0, 400),
        (("protocol", "region"), {}, 1, 55, 130),
        (("host",), {"protocol": "udp"}, 10, 3, 4_000),
        (("location",), {}, 60, 60, 5_000),
        (("protocol",), {"region": "eu"}, 300, 0, 9_000),
        (("service", "zone"), {}, 3600, 0, 9_000),
        (("protocol",), {}, TOTAL_STEP_S, 17, 8_777),
        (("protocol",), {}, TOTAL_STEP_S, 3_600, 7_199),
        (("host", "protocol"), {}, TOTAL_STEP_S, 17, 8_777),
        ((), {"region": "nowhere"}, 60, 0, 9_000),
    ],
)
def test_counts_are_those_of_a_dense_model(
    keep_past: Keep,
    seed: int,
    by: Sequence[str],
    where: Mapping[str, str],
    step_s: int,
    first: int,
    last: int,
) -> None:
    past = random_past(seed, 9_000)
    question = Question(tuple(by), dict(where), START + first, START + last, step_s)
    counts = count(Library(), keep_past(past), question)
    assert told(counts) == past.rates(by, where, START + first, START + last, step_s)
    assert (counts.sums >= 0).all()
    seen = past.seen(START + first, START + last) if where != {"region": "nowhere"} else None
    if seen is not None:
        assert counts.seen.sum() == len(seen)
    assert counts.labels == sorted(counts.labels)


def test_several_services_and_globs(keep_past: Keep) -> None:
    past = random_past(5, 600, fleet(("ingest", "query", "_control")))
    connection = keep_past(past)
    library = Library()
    ask = Question(("service", "region"), {}, START, START + 599, 10)
    labels = count(library, connection, ask).labels
    assert labels == [("ingest", "eu"), ("ingest", "us"), ("query", "eu"), ("query", "us")]
    for where in ({"service": "*"}, {"service": "q*", "host": "*-eu-?"}, {"service": "_control"}):
        found = told(count(library, connection, Question(("service",), where, START, START + 599, 60)))
        expected = {
            "*": [("ingest",), ("query",)],
            "q*": [("query",)],
            "_control": [("_control",)],
        }
        assert list(found) == expected[where["service"]]
    narrow = Question(("host",), {"host": "*-eu-?", "service": "query"}, START, START + 599, 300)
    hosts = {labels[0] for labels in count(library, connection, narrow).labels}
    assert hosts == {each.host for each in fleet() if each.region == "eu"}


def test_what_memory_knows_comes_after_what_is_kept(keep_past: Keep) -> None:
    """Invariant: each slot counts once, from the store where that has it."""
    whole = random_past(6, 300)
    whole.endings[-20:] = np.where(whole.endings[-20:] == 254, 2, whole.endings[-20:])
    connection = keep_past(whole._replace(endings=whole.endings[:-9]))
    by = ("protocol",)
    first, last = START + 100, START + 299
    memory = sums_of_groups(whole.rates(by, {}, last - 14, last, 1), last - 14, last)
    memory.sums[0, :, RECEIVED] += 1_000  # what the store has already is not taken from memory
    question = Question(by, {}, first, last, 10)
    counts = count(Library(), connection, question, tail_of(memory))
    assert told(counts) == whole.rates(by, {}, first, last, 10)
    assert counts.seen.sum() == len(whole.seen(first, last))


def sums_of_groups(rates: Told, first: int, last: int) -> GroupSums:
    slots = list(range(first, last + 1))
    by_group = [[rows.get(slot, [0] * COLUMNS) for slot in slots] for rows in rates.values()]
    return GroupSums(slots, list(rates), np.array(by_group, dtype=np.int32).transpose(1, 0, 2))


def test_too_much_is_refused_with_a_hint(keep_past: Keep) -> None:
    past = random_past(7, 120, fleet(hosts=20))
    connection = keep_past(past)
    long = Question(("host",), {}, START, START + 32 * 86_400, 3600)
    with pytest.raises(RefusedError) as caught:
        count(Library(), connection, long)
    assert caught.value.refusal.name == "range-too-long"
    wide = Question(("host", "protocol"), {}, START, START + 21_599, 1)
    with pytest.raises(RefusedError) as caught:
        count(Library(), connection, wide)
    assert caught.value.refusal.name == "answer-too-large"
    assert "step such as 10" in caught.value.refusal.hint


def test_a_library_learns_of_new_series(database_url: str) -> None:
    writer, reader = open_engine(database_url), open_read_only(database_url)
    past = random_past(8, 60)
    library = Library()
    for series in (4, 8):
        keep(writer, Past(past.series[:series], past.endings[:, :series]))
        with reader.connect() as connection:
            known = library.catalogue(connection, schema.series, "ingest")
            assert len(known) == series
            assert known.values("host", np.arange(series)) == [
                each.host for each in past.series[:series]
            ]
    writer.dispose()
    reader.dispose()
