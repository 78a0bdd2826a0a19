"""What the reader processes run: each task answers one kind of question in the API's own JSON.

Started as `python -m coalmine_aggregator.web.reader_tasks`, see `reading.readers`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import msgspec
import sqlalchemy as sa

from coalmine_aggregator.reading.answering import Task, run
from coalmine_aggregator.reading.counts import count
from coalmine_aggregator.reading.library import Library
from coalmine_aggregator.reading.question import Question
from coalmine_aggregator.reading.tail import Tail
from coalmine_aggregator.web.count_answers import fates_of, groups_of, rates_of

MODULE: Final = "coalmine_aggregator.web.reader_tasks"

_json = msgspec.json.Encoder()


class CountsAsked(msgspec.Struct, frozen=True):
    """A question about counts; `settled` is the newest slot, `tail` what memory knows of the newest
    ones, `oddities` what is told beside sums."""

    question: Question
    settled: int
    tail: Tail | None
    oddities: dict[str, int]


def rates(library: Library, connection: sa.Connection, given: bytes) -> bytes:
    """`/api/v1/rates`."""
    asked = msgspec.msgpack.decode(given, type=CountsAsked)
    counts = count(library, connection, asked.question, asked.tail)
    groups, seen = groups_of(counts, asked.question.by)
    return _json.encode(rates_of(asked.question, asked.settled, groups, seen))


def fates(library: Library, connection: sa.Connection, given: bytes) -> bytes:
    """`/api/v1/fates`."""
    asked = msgspec.msgpack.decode(given, type=CountsAsked)
    counts = count(library, connection, asked.question, asked.tail)
    groups, _ = groups_of(counts, asked.question.by)
    return _json.encode(fates_of(asked.question, asked.settled, groups, asked.oddities))


_TASKS: Final[tuple[Callable[[Library, sa.Connection, bytes], bytes], ...]] = (rates, fates)


def tasks() -> dict[str, Task]:
    """The tasks by name, with a library that they share."""
    library = Library()
    return {task.__name__: partial(task, library) for task in _TASKS}


if __name__ == "__main__":
    run(tasks())
