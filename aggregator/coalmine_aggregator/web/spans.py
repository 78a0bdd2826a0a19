"""Times in a query string: a bounded range of slots, and the step that it is cut into. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import NamedTuple

from coalmine_aggregator.reading.question import (
    AUTO_BUCKETS,
    MAX_BUCKETS,
    MAX_RANGE_S,
    STEPS_S,
    buckets_of,
    step_for,
)
from coalmine_aggregator.web.problems import ProblemError, bad_parameter
from coalmine_aggregator.web.view import Health
from coalmine_wire.slots import SETTLE_S

DEFAULT_LAST_S = 60

SPAN_NAMES = ("last", "from", "to")

_LENGTH = re.compile(r"([0-9]{1,9})(s|m|h|d|w|)\Z")
_UNITS_S = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_EPOCH = re.compile(r"[0-9]{1,12}\Z")


class Span(NamedTuple):
    """Slots from `first` to `last`, both included; empty where last < first."""

    first: int
    last: int

    @property
    def seconds(self) -> int:
        """How many slots it holds."""
        return max(0, self.last - self.first + 1)

    def widened(self, step_s: int, settled: int) -> Span:
        """The whole buckets of `step_s` that it touches, up to the newest settled slot."""
        first = self.first // step_s * step_s
        return Span(first, min(settled, (self.last // step_s + 1) * step_s - 1))


def newest_settled(health: Health, now: float) -> int:
    """The newest slot that can be asked for: the last settled one, or what would be, before any is."""
    return int(now) - SETTLE_S - 1 if health.settled is None else health.settled


def parse_span(values: Mapping[str, str], settled: int, default_s: int = DEFAULT_LAST_S) -> Span:
    """`last=60s|5m|1h|7d`, or `from` and `to` (epoch seconds or RFC 3339; `to` is not included).

    `settled` is the newest settled slot: nothing after it is asked for. Raises `ProblemError`.
    """
    if "last" in values:
        if "from" in values or "to" in values:
            raise bad_parameter("last", "Either last, or from and to.")
        seconds = parse_length("last", values["last"])
        _bound(seconds, "last")
        return Span(settled - seconds + 1, settled)
    if "from" not in values:
        if "to" in values:
            raise bad_parameter("to", "to needs from.", "or use last=60s")
        return Span(settled - default_s + 1, settled)
    first = parse_time("from", values["from"])
    end = parse_time("to", values["to"]) if "to" in values else settled + 1
    if end < first and "to" in values:
        raise bad_parameter("to", "to is before from.")
    _bound(end - first, "from")
    return Span(first, min(end - 1, settled))


def parse_step(values: Mapping[str, str], span: Span) -> int:
    """The step asked for, in seconds; where none is, one that makes a good graph. Raises
    `ProblemError`."""
    step_s = parse_any_step(values)
    if step_s is None:
        return step_for(span.first, span.last)
    if buckets_of(span.first, span.last, step_s) > MAX_BUCKETS:
        fits = step_for(span.first, span.last, MAX_BUCKETS)
        raise ProblemError(
            HTTPStatus.BAD_REQUEST,
            "range-too-long",
            f"{span.seconds:,} s by {step_s} s are more than the {MAX_BUCKETS:,} steps of one answer.",
            hint=f"step={fits} fits; without a step there are {AUTO_BUCKETS:,} or fewer",
            parameter="step",
        )
    return step_s


def parse_any_step(values: Mapping[str, str]) -> int | None:
    """The step asked for, in seconds, however many it makes; None if none is. Raises `ProblemError`."""
    if not values.get("step"):
        return None
    step_s = parse_length("step", values["step"])
    if step_s not in STEPS_S:
        known = ", ".join(str(step) for step in STEPS_S)
        raise bad_parameter("step", "There is no such step.", f"steps are {known} seconds")
    return step_s


def parse_length(name: str, text: str) -> int:
    """A length of time in seconds. Raises `ProblemError`."""
    match = _LENGTH.match(text)
    seconds = int(match[1]) * _UNITS_S[match[2]] if match else 0
    if seconds < 1:
        detail = f"{name} must be a length of time of a second or more."
        raise bad_parameter(name, detail, "as in 60s, 5m, 1h, 7d")
    return seconds


def parse_time(name: str, text: str) -> int:
    """A time as a slot. Raises `ProblemError`."""
    if _EPOCH.match(text):
        return int(text)
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is not None and (seconds := int(time.timestamp())) >= 0:
            return seconds
    except (ValueError, OverflowError):
        pass
    raise bad_parameter(
        name,
        f"{name} must be epoch seconds, or a date and time with its offset from UTC.",
        "as in 1760000000 or 2026-01-31T12:00:00Z",
    )


def parse_past(text: str, now: float) -> int:
    """`at`, a second that is over. Raises `ProblemError`."""
    second = parse_time("at", text)
    if second > int(now):
        raise bad_parameter("at", "at is not over yet.")
    return second


def parse_while(
    values: Mapping[str, str], now: float, default_s: int, longest_s: int
) -> tuple[float, float]:
    """From when until before when something is asked for that is no slots: `last`, up to now, or `from`
    and `to` (now where absent). Seconds since the epoch. Raises `ProblemError`."""
    if "last" in values and ("from" in values or "to" in values):
        raise bad_parameter("last", "Either last, or from and to.")
    if "to" in values and "from" not in values:
        raise bad_parameter("to", "to needs from.", "or use last=7d")
    end = float(parse_time("to", values["to"])) if "to" in values else now
    first = end - (parse_length("last", values["last"]) if "last" in values else default_s)
    if "from" in values:
        first = float(parse_time("from", values["from"]))
    if not 0 < end - first <= longest_s:
        raise bad_parameter(
            "from" if "from" in values else "last",
            f"This is of some time, up to {longest_s // 86_400:,} days.",
        )
    return first, end


def _bound(seconds: int, parameter: str) -> None:
    if seconds > MAX_RANGE_S:
        raise ProblemError(
            HTTPStatus.BAD_REQUEST,
            "range-too-long",
            f"{seconds:,} s are asked for; one request covers {MAX_RANGE_S:,} s at most.",
            hint="ask for a shorter range, or for several one after the other",
            parameter=parameter,
        )
