"""Counts by group, laid out for a terminal. Pure. Times are UTC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from coalmine_cli.alert_text import moment
from coalmine_cli.text_table import columns, percent
from coalmine_cli.told_counts import BAD, NEITHER, RateGroup, Rates


def rates_table(rates: Rates) -> list[str]:
    """A row for each group, its counts added up over the whole range."""
    if not rates.groups:
        return [f"Nothing is known of {_range(rates)}."]
    rows = [
        (_labels(group), _row(group, range(len(group.slots)), rates.seen)) for group in rates.groups
    ]
    lines = _table(rates.by, rows)
    return [*lines, "", f"{_range(rates)}, of which {sum(rates.seen)} s are known"]


def steps_table(rates: Rates) -> list[str]:
    """A row for each step of time and group."""
    if not rates.groups:
        return [f"Nothing is known of {_range(rates)}."]
    rows = [
        ([moment(slot), *_labels(group)], _row(group, [index], rates.seen))
        for index, slot in enumerate(rates.groups[0].slots)
        for group in rates.groups
    ]
    return _table(["time (utc)", *rates.by], rows)


def _table(
    by: Sequence[str], rows: Sequence[tuple[Sequence[str], tuple[Sequence[str], Mapping[str, int]]]]
) -> list[str]:
    """Fates that never occur have no column."""
    fates = [fate for fate in (*BAD, *NEITHER) if any(counts.get(fate, 0) for _, (_, counts) in rows)]
    heads = [*by, "sum rate", "received", "expected", "loss", *fates]
    lines = [[head.replace("_", " ").upper() for head in heads]]
    lines += [
        [*labels, *cells, *(str(counts.get(fate, 0) or "-") for fate in fates)]
        for labels, (cells, counts) in rows
    ]
    return columns(lines, right=range(len(by), len(heads)))


def _labels(group: RateGroup) -> list[str]:
    return [value or "-" for value in group.labels.values()]


def _row(
    group: RateGroup, buckets: Sequence[int], seen: Sequence[int]
) -> tuple[list[str], dict[str, int]]:
    counts = {fate: sum(row[index] for index in buckets) for fate, row in group.fates.items()}
    received = sum(group.received[index] for index in buckets)
    expected = sum(group.expected[index] for index in buckets)
    seconds = sum(seen[index] for index in buckets)
    bad = sum(counts.get(fate, 0) for fate in BAD)
    judged = expected - sum(counts.get(fate, 0) for fate in NEITHER)
    rate = f"{_rate(received, seconds)} of {_rate(expected, seconds)}"
    loss = percent(bad / judged) if judged else "-"
    return [rate, str(received), str(expected), loss], counts


def _rate(count: int, seconds: int) -> str:
    """Datapoints a second; a whole number only where it is one."""
    if not seconds:
        return "-"
    return str(count // seconds) if count % seconds == 0 else f"{count / seconds:.2f}"


def _range(rates: Rates) -> str:
    return f"{moment(rates.first)} to {moment(rates.last + 1)} UTC"
