"""Exports: what they are made of, piece by piece, in JSON and CSV. Pure.

The pieces of an export, one after the other, are one document: `opening`, rows, `closing`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.model.views import GroupRates
from coalmine_aggregator.web.alert_answers import AlertItem
from coalmine_aggregator.web.answers import Answer, SumFates
from coalmine_aggregator.web.csv_rows import Cell, csv_rows, utc

CLOSING: Final = b"\n]}\n"

_json = msgspec.json.Encoder()


class Form(StrEnum):
    """How an export is written."""

    JSON = "json"
    CSV = "csv"


class RateRow(Answer):
    """Counts of one group in one step of time; `seen` says of how many of its seconds anything is
    known."""

    slot: int
    labels: dict[str, str]
    seen: int
    expected: int
    received: int
    fates: SumFates


class RateRows(Answer):
    """`/api/v1/export/rates.json`: slots from `first` to `last`, both included, by `step` seconds; rows
    by step, and by labels in each. Groups of which nothing was expected in a step have no row in it."""

    first: int
    last: int
    step: int
    by: list[str]
    where: dict[str, str]
    rows: list[RateRow]


class AlertRows(Answer):
    """`/api/v1/export/alerts.json`: the open ones, then closed ones, those that closed last first."""

    now: float
    alerts: list[AlertItem]


def rates_opening(
    form: Form, first: int, last: int, step_s: int, by: Sequence[str], where: dict[str, str]
) -> bytes:
    """What stands before the rows."""
    if form is Form.CSV:
        fates = (fate.label for fate in Fate)
        return csv_rows([["time", "step", *by, "seen", "expected", "received", *fates]])
    return _opened(RateRows(first, last, step_s, list(by), where, []))


def alerts_opening(form: Form, now: float) -> bytes:
    """What stands before the rows."""
    if form is Form.CSV:
        return csv_rows([_ALERT_COLUMNS])
    return _opened(AlertRows(now, []))


def rate_rows(
    form: Form, groups: Sequence[GroupRates], seen: Sequence[int], step_s: int, started: bool
) -> tuple[bytes, int]:
    """The rows of one piece, and how many; `started` says that others stand before them."""
    rows = [
        (slot, index, group)
        for index, slot in enumerate(groups[0].slots if groups else ())
        for group in groups
        if group.expected[index]
    ]
    if form is Form.CSV:
        return csv_rows(
            [
                utc(slot),
                step_s,
                *group.labels.values(),
                seen[index],
                group.expected[index],
                group.received[index],
                *group.fates[index],
            ]
            for slot, index, group in rows
        ), len(rows)
    items = [
        RateRow(
            slot,
            group.labels,
            seen[index],
            group.expected[index],
            group.received[index],
            SumFates(*group.fates[index]),
        )
        for slot, index, group in rows
    ]
    return _listed(items, started), len(rows)


def alert_rows(form: Form, items: Sequence[AlertItem], started: bool) -> bytes:
    """The rows of one piece; `started` says that others stand before them."""
    if form is Form.CSV:
        return csv_rows(_alert_cells(item) for item in items)
    return _listed(items, started)


_ALERT_COLUMNS = [
    "number",
    "id",
    "state",
    "service",
    "class",
    "severity",
    "scope",
    "cause",
    "effect",
    "since",
    "opened_at",
    "closed_at",
    "bad",
    "judged",
    "total_bad",
    "total_judged",
    "acceptable_loss",
    "folded_into",
    "owner",
    "playbook",
    "note",
    "acknowledged_at",
    "acknowledged_by",
    "actionable",
]


def _alert_cells(item: AlertItem) -> list[Cell]:
    return [
        item.number,
        item.id,
        item.state,
        item.service,
        item.alert_class,
        item.severity,
        item.scope_text,
        item.cause,
        item.effect,
        utc(item.since),
        utc(item.opened_at),
        utc(item.closed_at),
        item.sums.bad,
        item.sums.judged,
        item.total.bad,
        item.total.judged,
        item.acceptable_loss,
        item.folded_into,
        item.owner,
        item.playbook,
        item.note,
        utc(item.acknowledged_at),
        item.acknowledged_by,
        "" if item.actionable is None else "yes" if item.actionable else "no",
    ]


def _opened(empty: Answer) -> bytes:
    """A document whose last member is a list, up to where its items begin."""
    return _json.encode(empty).removesuffix(b"]}") + b"\n"


def _listed(items: Iterable[Answer], started: bool) -> bytes:
    body = b",\n".join(_json.encode(item) for item in items)
    return b",\n" + body if started and body else body
