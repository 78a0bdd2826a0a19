"""What a process that reads history counts: questions, how long they took, rows it read for them.

Import it in a process that `SharedCounts.environment` was given to, or the counts are its own alone.
The names of tasks are few and our own, so the series are bounded.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from prometheus_client import Counter, Histogram

BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0)
"""Seconds; past the last one nobody waits any more."""

_answered = Counter(
    "coalmine_history_questions", "Questions of history that were answered.", ("task", "result")
)
_seconds = Histogram(
    "coalmine_history_question_seconds",
    "How long answering a question of history took.",
    ("task",),
    buckets=BUCKETS,
)
_rows = Counter("coalmine_history_rows_read", "Rows of the store read for answers.", ("task",))


class Result(StrEnum):
    """How a question ended."""

    ANSWERED = "answered"
    REFUSED = "refused"
    FAILED = "failed"


class _UnderWay:
    """The question that is being answered: a process answers one at a time."""

    def __init__(self) -> None:
        self.rows = 0


_under_way = _UnderWay()


def rows_read(rows: int) -> None:
    """Adds to the rows of the question under way."""
    _under_way.rows += rows


def ended(task: str, result: Result, seconds: float) -> None:
    """The question under way is over."""
    _answered.labels(task, result).inc()
    _seconds.labels(task).observe(seconds)
    _rows.labels(task).inc(_under_way.rows)
    _under_way.rows = 0
