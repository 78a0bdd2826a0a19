"""One datapoint, judged in full: the reference that the vectorised decoder must agree with. Pure."""

from __future__ import annotations

import math
import re

from coalmine_aggregator.receivers.limits import Window
from coalmine_aggregator.receivers.reasons import Reason
from coalmine_aggregator.receivers.table import SeriesTable
from coalmine_wire.plaintext import MAX_LINE

Judged = tuple[int, int] | Reason
"""A receipt, as (series id, slot), or why it is none."""

_NUMBER = re.compile(
    rb"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?|[+-]?(?:nan|inf|infinity)", re.I
)
_ONES = (b"1", b"1.0")


def judge_line(line: bytes, table: SeriesTable, window: Window, prefix: bytes = b"") -> Judged:
    """What a line (without its line feed; one CR at its end is forgiven) says.

    The grammar is exactly `name SP value SP timestamp`: everything before the last two fields is the
    name, so two spaces or a tab make it the name of no series.
    """
    if len(line) > MAX_LINE:
        return Reason.TOO_LONG
    if line.endswith(b"\r"):
        line = line[:-1]
    head, _, when = line.rpartition(b" ")
    name, _, value = head.rpartition(b" ")
    if not name:
        return Reason.MALFORMED
    if value not in _ONES and not _NUMBER.fullmatch(value):
        return Reason.MALFORMED
    if when.isdigit() and len(when) < 16:
        slot: float = int(when)
    elif _NUMBER.fullmatch(when):
        slot = float(when)
    else:
        return Reason.MALFORMED
    return judge_point(name, 1 if value in _ONES else float(value), slot, table, window, prefix)


def judge_point(
    name: bytes,
    value: float,
    timestamp: float,
    table: SeriesTable,
    window: Window,
    prefix: bytes = b"",
) -> Judged:
    """What a datapoint of numbers says. A timestamp with a fraction lies in the slot it began in."""
    if prefix:
        if not name.startswith(prefix):
            return Reason.BAD_KEY
        name = name[len(prefix) :]
    series = table.get(name)
    if series is None:
        return Reason.UNKNOWN_SERIES
    if value != 1:
        if value != value:
            return Reason.NOT_A_NUMBER
        return Reason.NEGATIVE if value < 0 else Reason.NOT_ONE
    if timestamp < window.first:
        return Reason.PAST
    if timestamp >= window.last + 1:
        return Reason.FUTURE
    if timestamp != timestamp:
        return Reason.MALFORMED
    return series, math.floor(timestamp)
