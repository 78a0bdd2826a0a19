"""The course of each alert over a replay: what a check compares. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from coalmine_aggregator.model.alerts import Alert, AlertClass, Cause, Change, Severity, Transition
from coalmine_aggregator.model.scopes import Scope

STANDS_AFTER_S = 10.0
"""A scope is compared as it stands so long after the alert opened, or when it closed."""


@dataclass(slots=True)
class Course:
    """One alert. Times are fleet time; `closed_at` is None while it is open."""

    id: str
    alert_class: AlertClass
    service: str
    opened_at: float
    severity: Severity
    scope: Scope
    equivalents: tuple[Scope, ...]
    cause: Cause
    paged: bool
    closed_at: float | None = None


class Courses:
    """All alerts, in the order in which they opened."""

    def __init__(self) -> None:
        self._by_number: dict[int, Course] = {}

    @property
    def all(self) -> Sequence[Course]:
        """Every alert so far."""
        return list(self._by_number.values())

    @property
    def pages(self) -> int:
        """How many alerts were a page at any time."""
        return sum(course.paged for course in self._by_number.values())

    def take(self, transition: Transition, at: float) -> None:
        """One more transition, at fleet time `at`."""
        alert = transition.alert
        course = self._by_number.get(alert.number)
        if course is None:
            course = self._by_number[alert.number] = _course(alert, at)
        course.paged |= alert.severity is Severity.PAGE
        # To the millisecond: times are sums of decimal fractions.
        if round(at - course.opened_at, 3) <= STANDS_AFTER_S:
            course.scope, course.equivalents = alert.scope, alert.equivalents
            course.cause = alert.cause
        if transition.change is Change.CLOSED:
            course.closed_at = at


def _course(alert: Alert, at: float) -> Course:
    return Course(
        id=alert.id,
        alert_class=alert.alert_class,
        service=alert.service,
        opened_at=at,
        severity=alert.severity,
        scope=alert.scope,
        equivalents=alert.equivalents,
        cause=alert.cause,
        paged=False,
    )
