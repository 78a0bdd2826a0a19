"""Reports cut to the size of a message, and joined again for the replay. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from coalmine_runtime.logs import get_logger
from coalmine_wire.reports import MAX_SLOTS, Report, ReportError, decode_report, encode

log = get_logger("agent")

MAX_BYTES = 256 << 10
"""A longer report is told in parts: aggregators refuse messages of more than a mebibyte."""


class Part(NamedTuple):
    """A report and its encoding."""

    report: Report
    payload: bytes


def split(report: Report) -> Iterator[Part]:
    """The report, cut by slots and then by outcomes until each part is short enough."""
    payload = encode(report)
    if len(payload) <= MAX_BYTES:
        yield Part(report, payload)
        return
    slots = report.slots
    if len(slots) > 1:
        middle = len(slots) // 2
        first, second = slots[:middle], slots[middle:]
    else:
        (slot,) = slots
        middle = len(slot.outcomes) // 2
        first, second = (
            [msgspec.structs.replace(slot, outcomes=outcomes)]
            for outcomes in (slot.outcomes[:middle], slot.outcomes[middle:])
        )
    yield from split(msgspec.structs.replace(report, slots=first))
    yield from split(msgspec.structs.replace(report, slots=second, expiries=[]))


def join(payloads: Sequence[bytes]) -> list[Report]:
    """Reports of one birth that follow each other become one; what cannot be read is left out."""
    joined: list[Report] = []
    for payload in payloads:
        try:
            report = decode_report(payload)
        except ReportError as error:
            log.error("agent.spool.foreign", error=error)
            continue
        last = joined[-1] if joined else None
        if (
            last
            and (last.agent, last.boot, last.revision) == (report.agent, report.boot, report.revision)
            and len(last.slots) + len(report.slots) <= MAX_SLOTS
        ):
            last.slots.extend(report.slots)
        else:
            joined.append(report)
    return joined
