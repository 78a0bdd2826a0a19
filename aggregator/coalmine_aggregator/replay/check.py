"""A replay compared with what its file expects. Pure.

Expected alerts are matched with opened ones so that as much as possible is right: first the pairs that
agree in everything, pages before tickets, then those that agree in class, service and opening time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from coalmine_aggregator.model.alerts import Severity
from coalmine_aggregator.model.scopes import Scope
from coalmine_aggregator.replay.courses import STANDS_AFTER_S, Course
from coalmine_aggregator.replay.expectation import Expectation, ExpectedAlert, ExpectedRemediation
from coalmine_aggregator.replay.lines import scope_text
from coalmine_aggregator.replay.matching import Matching
from coalmine_aggregator.replay.nodes import NOTHING, Became


class Outcome(NamedTuple):
    """What a replay came to: its alerts, the totals by fate, and what became of nodes."""

    alerts: Sequence[Course]
    fates: Mapping[str, int]
    balanced: bool
    remediation: Became = NOTHING


class Difference(NamedTuple):
    """Something not as expected; `alert` is the index of the expected alert in question."""

    what: str
    alert: int | None = None


def differences(expect: Expectation, outcome: Outcome) -> list[Difference]:
    """Everything that differs; nothing where all is as expected."""
    found = list(_alerts(expect, outcome.alerts))
    for name, bounds in expect.fates.items():
        label = name.fate.label
        total = outcome.fates[label]
        if bounds.at_least is not None and total < bounds.at_least:
            found.append(Difference(f"fates: {total} {label}, expected {bounds.at_least} at least"))
        if bounds.at_most is not None and total > bounds.at_most:
            found.append(Difference(f"fates: {total} {label}, expected {bounds.at_most} at most"))
    if not outcome.balanced:
        found.append(Difference("fates: they do not add up to what was expected of the fleet"))
    if expect.remediation is not None:
        found += map(Difference, _nodes(expect.remediation, outcome.remediation))
    return found


def _nodes(expect: ExpectedRemediation, became: Became) -> Iterator[str]:
    yield from _apart("withdrawn", expect.withdrawn, became.withdrawn)
    if expect.restored is not None:
        yield from _apart("restored", expect.restored, became.restored)
    if expect.reverted is not None:
        yield from _apart("reverted", expect.reverted, became.reverted)
    for rail, nodes in expect.held.items():
        yield from _apart(f"held by {rail}", nodes, became.held.get(rail, ()))
    if expect.frozen is not None and expect.frozen is not became.frozen:
        yield f"remediation: it {'was' if became.frozen else 'was not'} frozen"


def _apart(what: str, wanted: Iterable[str], was: Iterable[str]) -> Iterator[str]:
    expected, happened = set(wanted), set(was)
    for verb, nodes in (("was", happened - expected), ("was not", expected - happened)):
        yield from (f"remediation: node {node} {verb} {what}" for node in sorted(nodes))


def _alerts(expect: Expectation, alerts: Sequence[Course]) -> Iterator[Difference]:
    wanted = expect.alerts
    matching = Matching(len(wanted), len(alerts))

    def agree(one: int, other: int) -> bool:
        return _opens(wanted[one], alerts[other]) and not list(_wrong(wanted[one], alerts[other]))

    def open_alike(one: int, other: int) -> bool:
        return _opens(wanted[one], alerts[other])

    pages = [at for at, course in enumerate(alerts) if course.paged]
    matching.cover_right(pages, agree)
    matching.cover_left(range(len(wanted)), agree)
    # Those that have found what they want keep it; the others take what is left.
    left = [at for at, partner in enumerate(matching.left) if partner < 0]
    taken = {partner for partner in matching.left if partner >= 0}
    rest = Matching(len(wanted), len(alerts))
    rest.cover_left(left, lambda one, other: other not in taken and open_alike(one, other))
    for at, alert in enumerate(wanted):
        if matching.left[at] >= 0:
            continue
        if rest.left[at] < 0:
            yield Difference(f"{_name(alert)}: none opened{_nearest(alert, alerts)}", at)
            continue
        for what in _wrong(alert, alerts[rest.left[at]]):
            yield Difference(f"{_name(alert)}: {what}", at)
    matched = {partner for partner in (*matching.left, *rest.left) if partner >= 0}
    for at, course in enumerate(alerts):
        if expect.no_other_pages and course.paged and at not in matched:
            yield Difference(f"another page: {_told(course)}")


def _opens(alert: ExpectedAlert, course: Course) -> bool:
    return (
        alert.class_ is course.alert_class
        and alert.service == course.service
        and alert.opens.holds(course.opened_at)
    )


def _wrong(alert: ExpectedAlert, course: Course) -> Iterator[str]:
    """What differs of an alert that opened as expected."""
    wanted = alert.wanted
    who = f"{course.id} of {course.opened_at:.1f} s"
    if wanted is not None and wanted != course.scope and wanted not in course.equivalents:
        yield (
            f"{who} has the scope {_scope_of(course)} {STANDS_AFTER_S:.0f} s later, "
            f"expected {scope_text(wanted)}"
        )
    if alert.closes is not None:
        if course.closed_at is None:
            yield f"{who} is still open, expected to close {alert.closes} s"
        elif not alert.closes.holds(course.closed_at):
            yield f"{who} closed at {course.closed_at:.1f} s, expected {alert.closes} s"
    if alert.severity is not None and alert.severity is not course.severity:
        yield f"{who} is a {course.severity}, expected a {alert.severity}"
    if alert.cause is not None and alert.cause is not course.cause:
        yield f"{who} has the cause {course.cause}, expected {alert.cause}"


def _name(alert: ExpectedAlert) -> str:
    wanted: Scope | None = alert.wanted
    scope = "" if wanted is None else f" {scope_text(wanted)}"
    return f"{alert.class_} of {alert.service}{scope} expected to open {alert.opens} s"


def _nearest(alert: ExpectedAlert, alerts: Sequence[Course]) -> str:
    """The alert of that class and service that opened nearest in time."""
    alike = [
        course
        for course in alerts
        if course.alert_class is alert.class_ and course.service == alert.service
    ]
    if not alike:
        return ""
    middle = alert.opens.after + alert.opens.within / 2
    nearest = min(alike, key=lambda course: abs(course.opened_at - middle))
    return f" then; {_told(nearest)}"


def _told(course: Course) -> str:
    kind = Severity.PAGE if course.paged else course.severity
    return (
        f"{course.alert_class} of {course.service} {_scope_of(course)} opened at "
        f"{course.opened_at:.1f} s as a {kind}"
    )


def _scope_of(course: Course) -> str:
    return scope_text(course.scope)
