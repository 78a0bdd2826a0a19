"""The grid's cells: one protocol in one region, seen from one location. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from enum import StrEnum

import numpy as np

from coalmine_aggregator.model.fates import BAD, FATES, NEITHER, Fate
from coalmine_aggregator.model.views import GroupRates
from coalmine_aggregator.web.answers import Answer

CELL_LABELS = ("service", "location", "protocol", "region")

CELL_SPAN_S = 60
"""How far back a cell's lost count reaches."""

STATUS_S = 10
"""The newest slots that decide a cell's status, and whose sum rates each snapshot repeats, so that a
viewer who missed some snapshots lacks no slot."""

DOWN_SLOTS = 2
"""A cell is down when in this many of its newest judged slots nothing was good."""


class Status(StrEnum):
    """What a cell shows."""

    OK = "ok"
    PARTIAL = "partial"
    DOWN = "down"
    UNKNOWN = "unknown"


_TROUBLED = (Status.PARTIAL, Status.DOWN)


class Cell(Answer):
    """One cell. The lists hold the newest `STATUS_S` slots, the last one being `settled`.

    `expected_10s`, `unknown_10s` and `bad_10s` (by fate, those left out that did not occur) are sums
    over those, `bad_60s` and `judged_60s` over `CELL_SPAN_S`. `unknown` counts both fates that are
    neither good nor bad.
    """

    service: str
    location: str
    protocol: str
    region: str
    status: Status
    bad_10s: dict[str, int]
    unknown_10s: int
    expected_10s: int
    bad_60s: int
    judged_60s: int
    received: list[int]
    expected: list[int]
    bad: list[int]
    unknown: list[int]


def cells_of(groups: Iterable[GroupRates], last: int) -> list[Cell]:
    """The cells in the order of their labels, services of our own (`_control`) left out."""
    cells = [_cell(group, last) for group in groups if not group.labels["service"].startswith("_")]
    cells.sort(key=lambda cell: (cell.service, cell.location, cell.protocol, cell.region))
    return cells


def listed(cells: Sequence[Cell], bound: int, alerting: Collection[str]) -> list[Cell]:
    """At most `bound` of the cells, in their order: services whole while they fit, those of `alerting`
    and those with a cell that is not well before the others. Of a service that alone is more, the cells
    that are not well come first."""
    if len(cells) <= bound:
        return list(cells)
    services: dict[str, list[Cell]] = {}
    for cell in cells:
        services.setdefault(cell.service, []).append(cell)
    troubled = {cell.service for cell in cells if cell.status in _TROUBLED}.union(alerting)
    kept: set[int] = set()
    for _, group in sorted(services.items(), key=lambda item: (item[0] not in troubled, item[0])):
        if not kept:
            group = sorted(group, key=lambda cell: cell.status not in _TROUBLED)[:bound]
        if len(kept) + len(group) <= bound:
            kept.update(map(id, group))
    return [cell for cell in cells if id(cell) in kept]


def status_of(rows: Sequence[Sequence[int]]) -> Status:
    """The status that these slots' counts by fate, oldest first, add up to.

    Unknown when none of them can be judged; good only when none of the judged is bad.
    """
    judged = [row for row in rows if sum(row) > sum(row[fate] for fate in NEITHER)]
    if not judged:
        return Status.UNKNOWN
    if not any(row[fate] for row in judged for fate in BAD):
        return Status.OK
    newest = judged[-DOWN_SLOTS:]
    return Status.PARTIAL if any(row[Fate.DELIVERED] for row in newest) else Status.DOWN


def _cell(group: GroupRates, last: int) -> Cell:
    at = {slot: index for index, slot in enumerate(group.slots)}
    newest = [at.get(slot) for slot in range(last - STATUS_S + 1, last + 1)]
    rows = np.array(group.fates, dtype=np.int64).reshape(-1, FATES)
    bad: list[int] = rows[:, BAD].sum(axis=1).tolist()
    neither: list[int] = rows[:, NEITHER].sum(axis=1).tolist()
    newest_rows = [group.fates[index] for index in newest if index is not None]
    bad_10s = {fate.label: sum(row[fate] for row in newest_rows) for fate in BAD}
    unknown_10s = _pick(neither, newest)
    expected_10s = _pick(group.expected, newest)
    labels = group.labels
    return Cell(
        service=labels["service"],
        location=labels["location"],
        protocol=labels["protocol"],
        region=labels["region"],
        status=status_of(newest_rows),
        bad_10s={label: count for label, count in bad_10s.items() if count},
        unknown_10s=sum(unknown_10s),
        expected_10s=sum(expected_10s),
        bad_60s=sum(bad),
        judged_60s=sum(group.expected) - sum(neither),
        received=_pick(group.received, newest),
        expected=expected_10s,
        bad=_pick(bad, newest),
        unknown=unknown_10s,
    )


def _pick(column: Sequence[int], indices: Sequence[int | None]) -> list[int]:
    return [0 if index is None else column[index] for index in indices]
