"""Cells: the series of a service by their own numbers, whatever order series come in."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from coalmine_aggregator.judge.cells import ServiceCells
from coalmine_aggregator.ledger.series import AllSeries
from coalmine_aggregator.model.slot_cells import ABSENT
from coalmine_wire.protocols import Protocol
from coalmine_wire.series import Location, Series


def named(service: str, host: str) -> Series:
    return Series(service, Protocol.TCP, "", Location.EXTERNAL, "eu", "eu-1", host, "")


# Invariant: a cell stands for one series of its service for good, and reads what that series reads;
# series that a slot does not know yet are absent, those of other services never seen.
@settings(max_examples=80, deadline=None)
@given(st.lists(st.lists(st.sampled_from(["ingest", "logs"]), max_size=6), max_size=6), st.randoms())
def test_cells_read_the_entries_of_their_series(batches: list[list[str]], rng: object) -> None:
    series, cells = AllSeries(), ServiceCells("ingest")
    mine: list[int] = []
    for batch in batches:
        for service in batch:
            number = series.add(named(service, f"h{len(series)}"), control=False)
            if service == "ingest":
                mine.append(number)
        cells.learn(series)
        assert len(cells) == cells.lattice.cells == len(mine)
        for width in {0, len(series) // 2, len(series)}:
            entries = (np.arange(width) % 7).astype(np.uint8)
            assert cells.take(entries).tolist() == [
                number % 7 if number < width else ABSENT for number in mine
            ]
            truths = np.arange(width) % 2 == 0
            assert cells.flags(truths).tolist() == [
                number < width and number % 2 == 0 for number in mine
            ]
    some = np.array([number for number in range(len(series)) if number % 3 == 0], dtype=np.int32)
    assert cells.mask(some).tolist() == [number % 3 == 0 for number in mine]
    hosts = [f"h{number}" for number in range(0, len(series), 2)] + ["nowhere"]
    assert cells.of("host", hosts).tolist() == [number % 2 == 0 for number in mine]
    assert cells.series_in(()).tolist() == cells.series_in((("zone", "eu-1"),)).tolist() == mine
    for number in mine[:3]:
        assert cells.series_in((("host", f"h{number}"), ("region", "eu"))).tolist() == [number]


def test_nothing_known_is_nothing() -> None:
    cells = ServiceCells("ingest")
    assert len(cells) == 0
    assert cells.take(np.zeros(3, dtype=np.uint8)).size == 0
    assert cells.mask(np.array([1], dtype=np.int32)).size == 0
    assert cells.of("host", ["h"]).size == 0
    assert cells.series_in((("host", "h"),)).size == cells.series_in(()).size == 0
    cells.learn(AllSeries())
    assert len(cells) == 0
