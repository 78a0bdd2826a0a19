"""Incidents laid out for a terminal of 80 columns: the list, and what was done. Pure. Times are UTC."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Final

from coalmine_cli.alert_text import length, moment
from coalmine_cli.text_table import columns
from coalmine_cli.told_incidents import (
    Incident,
    IncidentNumbers,
    Incidents,
    Numbers,
    PublicRecord,
    Times,
)
from coalmine_runtime.printable import printable

WIDTH: Final = 80

_LEAST: Final = 24
"""Columns that a sentence has, however wide what stands before it is."""


def incidents_table(told: Incidents, *, only_open: bool) -> list[str]:
    """The newest first, each with what it is about and what it waits for."""
    if not told.incidents:
        return ["No incident is open." if only_open else "There is no such incident."]
    heads = ("NUMBER", "STATE", "SINCE (UTC)", "LASTS", "LOST")
    facts = [
        (
            str(each.number),
            each.state if each.merged_into is None else "merged",
            moment(each.since)[:16],
            length(_end(each, told.now) - each.since),
            "-" if each.impact is None or not each.impact.judged else f"{each.impact.bad:,}",
        )
        for each in told.incidents
    ]
    lines = columns([heads, *facts], right=(0, 4))
    indent = " " * 8
    shown = [lines[0]]
    for incident, line in zip(told.incidents, lines[1:], strict=True):
        shown.append(line)
        for text in (incident.title, *_waits_for(incident, told.now)):
            shown += wrapped(text, indent)
    if told.next_ is not None:
        shown += ["", "There are more: narrow them down, or ask the API."]
    return shown


def standing(incident: Incident, now: float) -> list[str]:
    """How one stands after something was done, and what it waits for."""
    head = f"Incident {incident.number} ({incident.service}) is {state_text(incident, now)}:"
    lines = [printable(head), *wrapped(incident.title, "  ")]
    for text in _waits_for(incident, now):
        lines += wrapped(text, "  ")
    return lines


def state_text(incident: Incident, now: float) -> str:
    """`investigating, open for 1 min 40 s`."""
    if incident.merged_into is not None:
        return f"part of incident {incident.merged_into}"
    if incident.is_open:
        return f"{incident.state}, open for {length(now - incident.opened_at)}"
    lasted = length((incident.resolved_at or now) - incident.opened_at)
    if incident.state == "postmortem":
        return f"resolved after {lasted} and written up"
    return f"{incident.state} after {lasted}"


def numbers_table(told: IncidentNumbers) -> list[str]:
    """How long it took to detect, to acknowledge and to recover, by service and in all."""
    lines = [f"Incidents from {moment(told.from_)} to {moment(told.to)} UTC", ""]
    if told.total.incidents == 0:
        return [*lines, "None."]
    heads = ("SERVICE", "INCIDENTS", "", "MEAN", "MEDIAN", "OF")
    rows: list[tuple[str, ...]] = [heads]
    for each in told.services:
        rows += _numbers(each.service, each.numbers)
    if len(told.services) != 1:
        rows += _numbers("all", told.total)
    return lines + columns(rows, right=(1, 3, 4, 5))


def public_text(record: PublicRecord) -> list[str]:
    """What customers read, the newest update first."""
    lines = wrapped(record.name, "  ")
    for update in record.updates:
        lines.append(f"  {moment(update.at)} UTC, {printable(update.state)}")
        lines += wrapped(update.body, "    ")
    facts = {"Cause": record.cause, "Affected": record.affected, "Resolution": record.resolution}
    for name, text in facts.items():
        lines += wrapped(f"{name}: {text}", "  ") if text else []
    return lines


def wrapped(text: str, indent: str = "", first: str | None = None) -> list[str]:
    """Its lines within 80 columns, as a terminal may have them; `first` stands before the first one
    in place of `indent`."""
    width = max(_LEAST, WIDTH - len(indent))
    lines = [
        part
        for line in text.split("\n")
        for part in textwrap.wrap(printable(line), width, break_on_hyphens=False) or [""]
    ]
    begin = indent if first is None else first
    return [f"{indent if number else begin}{line}".rstrip() for number, line in enumerate(lines)]


def nobody(incident: Incident) -> str:
    """`nobody: coalmine alerts ack 7`, if one of its alerts is open still."""
    alert = next(iter(_open_alerts(incident)), None)
    return "nobody" if alert is None else f"nobody: coalmine alerts ack {alert}"


def _open_alerts(incident: Incident) -> list[int]:
    return [each.alert for each in incident.affected if each.last is None and each.alert is not None]


def _end(incident: Incident, now: float) -> float:
    if incident.ended_at is not None:
        return incident.ended_at
    return now if incident.resolved_at is None else incident.resolved_at


def _waits_for(incident: Incident, now: float) -> list[str]:
    """What somebody should do about it, and who does already."""
    number, waits = incident.number, list[str]()
    if incident.merged_into is not None:
        return [f"part of incident {incident.merged_into}"]
    if incident.is_open and incident.acknowledged_at is not None:
        waits.append(f"acknowledged by {incident.acknowledged_by}")
    elif incident.is_open and not incident.opened_by:
        waits.append(f"acknowledged by {nobody(incident)}")
    if not incident.is_open and (alerts := _open_alerts(incident)):
        named = ", ".join(map(str, alerts))
        waits.append(f"still open: alert {named}; it goes on: coalmine incidents reopen {number}")
    if incident.due_at is not None and incident.due_at <= now:
        ago = length(now - incident.due_at)
        waits.append(f"an update was due {ago} ago: coalmine incidents update {number}")
    if incident.awaiting_approval:
        waits.append(f"held back from customers: coalmine incidents publish {number}")
    return waits


def _numbers(name: str, numbers: Numbers) -> list[tuple[str, ...]]:
    return [
        (name, str(numbers.incidents), "detected in", *_times(numbers.detect)),
        ("", "", "acknowledged in", *_times(numbers.acknowledge)),
        ("", "", "recovered in", *_times(numbers.recover)),
    ]


def _times(times: Times) -> Sequence[str]:
    if times.mean_s is None or times.median_s is None:
        return ("-", "-", "0")
    return (length(times.mean_s), length(times.median_s), str(times.times))
