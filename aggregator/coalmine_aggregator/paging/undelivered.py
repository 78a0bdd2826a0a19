"""What cannot be delivered is told by another way: from how receivers do to findings. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from coalmine_aggregator.model.alerts import AlertClass, Severity
from coalmine_aggregator.model.findings import Finding

SERVICE: Final = "_fleet"

OVERDUE_S: Final = 60.0
"""How long something may wait for its receiver before that is told."""

MAX_WHY: Final = 300
"""Characters of a receiver's answer that are told on."""


class Trouble(NamedTuple):
    """A receiver has given something up and has taken nothing since.

    `since` is when, seconds since the epoch; `of_page` whether a page was among it; `why` says what the
    receiver answered, or that it is gone.
    """

    since: float
    of_page: bool
    why: str


class Waiting(NamedTuple):
    """Since when the oldest page, and the oldest ticket, waits for its receiver, seconds since the
    epoch; None where none does. `error` is how the newest try failed."""

    page: float | None = None
    ticket: float | None = None
    error: str = ""


class Standing(NamedTuple):
    """How one receiver does."""

    receiver: str
    trouble: Trouble | None = None
    waiting: Waiting = Waiting()


def undelivered(
    receivers: Iterable[Standing], now: float, overdue_s: float = OVERDUE_S
) -> list[Finding]:
    """A finding for each receiver that gave something up and has taken nothing since, or that lets
    something wait for longer than `overdue_s`; a page where a page is affected."""
    return [found for each in receivers if (found := _finding(each, now, overdue_s)) is not None]


def _finding(standing: Standing, now: float, overdue_s: float) -> Finding | None:
    trouble, waiting = standing.trouble, standing.waiting
    late = {
        kind: at
        for kind, at in (("page", waiting.page), ("ticket", waiting.ticket))
        if at is not None and now - at > overdue_s
    }
    if trouble is not None:
        since, why = trouble.since, f"gave up: {trouble.why}"
    elif late:
        since = min(late.values())
        why = (
            f"has not taken a {next(iter(late))} for {overdue_s:.0f} s: {waiting.error or 'no answer'}"
        )
    else:
        return None
    of_page = "page" in late or (trouble is not None and trouble.of_page)
    return Finding(
        AlertClass.UNDELIVERED,
        SERVICE,
        standing.receiver,
        Severity.PAGE if of_page else Severity.TICKET,
        (),
        int(since),
        note=f"{standing.receiver} {why}"[:MAX_WHY],
    )
