"""Reports to evidence. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from coalmine_aggregator.ledger.agents import Assignment
from coalmine_aggregator.ledger.book import Book
from coalmine_aggregator.ledger.evidence import FAILED, IMPAIRED, SAID, SAID_BY, SENT
from coalmine_wire.reports import Outcome, Report, Verdict

_SENT = Verdict.SENT


def write(report: Report, assignment: Assignment, book: Book, oddities: Counter[str]) -> None:
    """Enters every outcome of a report. One that names no endpoint of the birth is counted."""
    listed = assignment.listed
    endpoints = len(listed)
    first, last = book.open, book.ring.high
    for slot_report in report.slots:
        slot, outcomes = slot_report.slot, slot_report.outcomes
        if slot_report.impaired:
            book.merge(slot, assignment.ids, IMPAIRED)
        if first <= slot <= last:  # open ones are never dropped from the ring
            strangers = _write_open(slot, outcomes, listed, book)
            if strangers:
                oddities["outcomes_of_no_endpoint"] += strangers
            continue
        for outcome in outcomes:
            if 0 <= outcome.endpoint < endpoints:
                book.say(slot, listed[outcome.endpoint], SAID_BY[outcome.verdict, outcome.step])
            else:
                oddities["outcomes_of_no_endpoint"] += 1


def _write_open(slot: int, outcomes: Sequence[Outcome], listed: list[int], book: Book) -> int:
    """`book.say` for the outcomes of an open slot, which nearly all are: the path that every report
    walks, several times faster. How many name no endpoint."""
    row = book.ring.row(slot).data
    endpoints, strangers, worst = len(listed), 0, 0
    for outcome in outcomes:
        endpoint = outcome.endpoint
        if not 0 <= endpoint < endpoints:
            strangers += 1
            continue
        verdict = outcome.verdict
        code = SENT if verdict is _SENT else SAID_BY[verdict, outcome.step]
        at = listed[endpoint]
        before = row[at]
        said = before & SAID
        if said < code:
            row[at] = before ^ said | code
            if code > worst:
                worst = code
    if worst >= FAILED:
        book.alarming = True
    return strangers
