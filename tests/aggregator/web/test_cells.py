"""Cells: when they are green, red, half red, grey; and their exact counts."""

from __future__ import annotations

import pytest

from coalmine_aggregator.model.fates import FATES, Fate
from coalmine_aggregator.web.cells import CELL_LABELS, CELL_SPAN_S, Cell, Status, cells_of, status_of
from tests.aggregator.web.fake_view import FakeView, Trouble, fleet


def row(**fates: int) -> list[int]:
    counts = [0] * FATES
    for name, number in fates.items():
        counts[Fate[name.upper()]] = number
    return counts


GOOD = row(delivered=3)
LOST = row(lost=3)
SILENT = row(unknown=3)


@pytest.mark.parametrize(
    ("rows", "status"),
    [
        ([], Status.UNKNOWN),
        ([SILENT] * 10, Status.UNKNOWN),
        ([row(not_attempted=3)] * 10, Status.UNKNOWN),
        ([row()] * 10, Status.UNKNOWN),
        ([GOOD] * 10, Status.OK),
        ([GOOD] * 5 + [SILENT] * 5, Status.OK),
        ([GOOD] * 9 + [LOST], Status.PARTIAL),
        ([GOOD] * 8 + [LOST] * 2, Status.DOWN),
        ([GOOD] * 7 + [LOST] * 2 + [SILENT], Status.DOWN),
        ([LOST] * 9 + [GOOD], Status.PARTIAL),
        ([row(delivered=2, late=1)] * 10, Status.PARTIAL),
        ([row(failed=3)], Status.DOWN),
        ([row(abandoned=1, unknown=2)] * 10, Status.DOWN),
    ],
)
def test_status(rows: list[list[int]], status: Status) -> None:
    assert status_of(rows) is status


def cell(view: FakeView, location: str, protocol: str, region: str) -> Cell:
    last = view.settled
    cells = cells_of(view.rates(CELL_LABELS, {}, last - CELL_SPAN_S + 1, last), last)
    [found] = [
        cell
        for cell in cells
        if (cell.location, cell.protocol, cell.region) == (location, protocol, region)
    ]
    return found


def test_an_outage_shows_in_its_cell_with_exact_counts_and_nowhere_else(view: FakeView) -> None:
    view.troubles = [Trouble(where={"protocol": "udp", "region": "us-east-1"}, first=view.settled - 3)]
    struck = cell(view, "external", "udp", "us-east-1")
    assert struck.status is Status.DOWN
    assert struck.bad_10s == {"lost": 8}
    assert struck.received == [2] * 6 + [0] * 4
    assert struck.expected == [2] * 10
    assert struck.bad == [0] * 6 + [2] * 4
    assert cell(view, "external", "tcp", "us-east-1").status is Status.OK
    assert cell(view, "external", "udp", "us-west-2").bad_60s == 0


def test_a_cell_that_began_a_moment_ago_lacks_the_slots_before(view: FakeView) -> None:
    last = view.settled
    groups = view.rates(CELL_LABELS, {}, last - 2, last)
    assert cells_of(groups, last)[0].expected == [0] * 7 + [1] * 3


def test_services_of_our_own_have_no_cell(view: FakeView) -> None:
    view.series = fleet("_control") + fleet("ingest")
    last = view.settled
    cells = cells_of(view.rates(CELL_LABELS, {}, last, last), last)
    assert {cell.service for cell in cells} == {"ingest"}
    assert len(cells) == 3 * 4 * 6
