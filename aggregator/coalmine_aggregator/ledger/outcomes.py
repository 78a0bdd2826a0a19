"""Reports to evidence. Pure."""

from __future__ import annotations

from collections import Counter

from coalmine_aggregator.ledger.agents import Assignment
from coalmine_aggregator.ledger.book import Book
from coalmine_aggregator.ledger.evidence import IMPAIRED, SAID_BY
from coalmine_wire.reports import Report


def write(report: Report, assignment: Assignment, book: Book, oddities: Counter[str]) -> None:
    """Enters every outcome of a report. One that names no endpoint of the birth is counted."""
    listed = assignment.listed
    endpoints = len(listed)
    say = book.say
    for slot_report in report.slots:
        slot = slot_report.slot
        if slot_report.impaired:
            book.merge(slot, assignment.ids, IMPAIRED)
        for outcome in slot_report.outcomes:
            endpoint = outcome.endpoint
            if 0 <= endpoint < endpoints:
                say(slot, listed[endpoint], SAID_BY[outcome.verdict, outcome.step])
            else:
                oddities["outcomes_of_no_endpoint"] += 1
