"""What a request asks for: labels, filters and a bounded range of slots. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import NamedTuple

from coalmine_aggregator.web.problems import ProblemError
from coalmine_aggregator.web.view import Health
from coalmine_wire.series import LABELS
from coalmine_wire.slots import SETTLE_S

DEFAULT_LAST_S = 60

_LAST = re.compile(r"([0-9]{1,6})(s|m|h|)\Z")
_UNITS_S = {"": 1, "s": 1, "m": 60, "h": 3600}
_EPOCH = re.compile(r"[0-9]{1,12}\Z")
_MAX_VALUE = 255


class Span(NamedTuple):
    """Slots from `first` to `last`, both included; empty where last < first."""

    first: int
    last: int

    @property
    def seconds(self) -> int:
        """How many slots it holds."""
        return max(0, self.last - self.first + 1)


class Question(NamedTuple):
    """Sums over `span` of the series that carry every label of `where`, apart by the labels of `by`."""

    by: tuple[str, ...]
    where: dict[str, str]
    span: Span


def newest_settled(health: Health, now: float) -> int:
    """The newest slot that can be asked for: the last settled one, or what would be, before any is."""
    return int(now) - SETTLE_S - 1 if health.settled is None else health.settled


def parse_question(pairs: Iterable[tuple[str, str]], *, settled: int, max_range_s: int) -> Question:
    """The question in a query string.

    `by=a,b` (none: one sum over all), `last=60s|5m|1h` or `from` and `to` (epoch seconds or RFC
    3339; `to` is not included), and any label as `label=value`. `settled` is the last settled slot:
    nothing after it is asked for. Raises `ProblemError`.
    """
    values = singles(pairs, known=("by", "last", "from", "to", *LABELS))
    by = _parse_by(values.pop("by", ""))
    span = _parse_span(values, settled, max_range_s)
    where = {label: values[label] for label in LABELS if label in values}
    for label, value in where.items():
        if len(value) > _MAX_VALUE:
            raise _bad(label, f"{label} is longer than {_MAX_VALUE} characters.")
    return Question(by, where, span)


def parse_count(values: Mapping[str, str], name: str, *, default: int, most: int) -> int:
    """A whole number from 1 to `most`. Raises `ProblemError`."""
    text = values.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= most):
        raise _bad(name, f"{name} must be a whole number from 1 to {most}.")
    return int(text)


def singles(pairs: Iterable[tuple[str, str]], *, known: Iterable[str]) -> dict[str, str]:
    """The parameters, each known and given once. Raises `ProblemError`."""
    names = tuple(known)
    values: dict[str, str] = {}
    for name, value in pairs:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(names)}"
            raise _bad(name[:64], f"There is no parameter {name[:64]}.", hint)
        if name in values:
            raise _bad(name, f"{name} is given twice.")
        values[name] = value
    return values


def _parse_by(text: str) -> tuple[str, ...]:
    by = tuple(part.strip() for part in text.split(",")) if text else ()
    for label in by:
        if label not in LABELS:
            raise _bad("by", f"There is no label {label[:64]}.", f"labels are {', '.join(LABELS)}")
    if len(set(by)) != len(by):
        raise _bad("by", "A label is named twice.")
    return by


def _parse_span(values: Mapping[str, str], settled: int, max_range_s: int) -> Span:
    if "last" in values:
        if "from" in values or "to" in values:
            raise _bad("last", "Either last, or from and to.")
        seconds = _parse_last(values["last"])
        _bound(seconds, max_range_s, "last")
        return Span(settled - seconds + 1, settled)
    if "from" not in values:
        if "to" in values:
            raise _bad("to", "to needs from.", "or use last=60s")
        return Span(settled - min(DEFAULT_LAST_S, max_range_s) + 1, settled)
    first = _parse_time("from", values["from"])
    end = _parse_time("to", values["to"]) if "to" in values else settled + 1
    if end < first:
        raise _bad("to", "to is before from.")
    _bound(end - first, max_range_s, "from")
    return Span(first, min(end - 1, settled))


def _parse_last(text: str) -> int:
    match = _LAST.match(text)
    seconds = int(match[1]) * _UNITS_S[match[2]] if match else 0
    if seconds < 1:
        raise _bad("last", "last must be a length of time of a second or more.", "as in 60s, 5m, 1h")
    return seconds


def _parse_time(name: str, text: str) -> int:
    if _EPOCH.match(text):
        return int(text)
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is not None:
            return int(time.timestamp())
    except (ValueError, OverflowError):
        pass
    raise _bad(
        name,
        f"{name} must be epoch seconds, or a date and time with its offset from UTC.",
        "as in 1760000000 or 2026-01-31T12:00:00Z",
    )


def _bound(seconds: int, max_range_s: int, parameter: str) -> None:
    if seconds > max_range_s:
        raise ProblemError(
            HTTPStatus.BAD_REQUEST,
            "range-too-long",
            f"{seconds} s are asked for; one request covers {max_range_s} s at most.",
            hint="ask for a shorter range, or for several one after the other",
            parameter=parameter,
        )


def _bad(parameter: str, detail: str, hint: str = "") -> ProblemError:
    return ProblemError(HTTPStatus.BAD_REQUEST, "bad-parameter", detail, hint=hint, parameter=parameter)
