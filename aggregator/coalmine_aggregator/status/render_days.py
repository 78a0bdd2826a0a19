"""The bars of a component: each day's look, and its numbers in words. Pure."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Final, NamedTuple

from markupsafe import Markup

from coalmine_aggregator.status.figures import lost, share_delivered
from coalmine_aggregator.status.memo import Memo
from coalmine_aggregator.status.moments import day_of, short_day_of
from coalmine_aggregator.status.pages import template
from coalmine_aggregator.status.site import ComponentStatus, Day, Grade, PublicComponent

_CALM: Final = (ComponentStatus.OPERATIONAL, ComponentStatus.UNDER_MAINTENANCE)


class DayBar(NamedTuple):
    """A day as it is shown; `look` is the class of its bar, empty where all is well."""

    look: str
    date: date
    text: str


class ComponentRow(NamedTuple):
    """A component as the page shows it: the bars of all days but today's, and today's. Unless it
    `is_known` nobody can tell how it does."""

    component: PublicComponent
    past: Markup
    today: Markup
    first_day: str
    uptime: str
    is_troubled: bool
    is_known: bool


class Group(NamedTuple):
    """Components under one heading, empty for none."""

    name: str
    rows: tuple[ComponentRow, ...]


def groups_of(components: tuple[PublicComponent, ...], memo: Memo) -> list[Group]:
    """Components by group, both in the order of their positions."""
    rows: dict[str, list[ComponentRow]] = {}
    for component in sorted(components, key=lambda each: each.position):
        past = component.days[:-1]
        rows.setdefault(component.group, []).append(
            ComponentRow(
                component,
                memo.of(("days", component.id), past, partial(_bars, past)),
                _bars(component.days[-1:]),
                short_day_of(date.fromisoformat(component.days[0].date)) if component.days else "",
                _uptime(component),
                component.status not in _CALM,
                _is_known(component),
            )
        )
    return [Group(name, tuple(each)) for name, each in rows.items()]


def bar_of(day: Day) -> DayBar:
    """How a day is shown. A loss is never shown as none, however small."""
    when = date.fromisoformat(day.date)
    if not day.is_known or day.judged <= 0:
        return DayBar("unknown", when, "no figures")
    if day.bad <= 0:
        # By far the most days are such: few words keep the page small.
        return DayBar("", when, f"100 % of {day.judged:,} delivered")
    look = "few" if day.grade is Grade.NONE else str(day.grade)
    text = f"{share_delivered(day.bad, day.judged)} delivered, {lost(day.bad, day.judged)}"
    return DayBar(look, when, text)


def _is_known(component: PublicComponent) -> bool:
    """Whether it is more than silence that says that all is well: something was measured today or
    yesterday. Of one that is held, today is never told."""
    is_measured = any(day.is_known for day in component.days[-2:])
    return is_measured or component.status is not ComponentStatus.OPERATIONAL


def _bars(days: tuple[Day, ...]) -> Markup:
    return Markup(template("days.html").render(days=[bar_of(day) for day in days]))  # noqa: S704


def _uptime(component: PublicComponent) -> str:
    known = [day for day in component.days if day.is_known]
    judged, bad = sum(day.judged for day in known), sum(day.bad for day in known)
    if judged == 0:
        return "no figures yet"
    return f"{share_delivered(bad, judged)} delivered, {lost(bad, judged)}"


def run_name(newest: date, oldest: date) -> str:
    """Days that follow each other: `8 October 2026`, `3 to 7 October 2026`."""
    if newest == oldest:
        return day_of(newest)
    if (newest.year, newest.month) == (oldest.year, oldest.month):
        return f"{oldest.day} to {day_of(newest)}"
    return f"{day_of(oldest)} to {day_of(newest)}"
