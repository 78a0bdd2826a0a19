"""The first page: how things are now, what is planned, and the days before. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import Any, Final, NamedTuple

from markupsafe import Markup

from coalmine_aggregator.status import words
from coalmine_aggregator.status.figures import lasted
from coalmine_aggregator.status.frame import Frame, Item, Told
from coalmine_aggregator.status.memo import Memo
from coalmine_aggregator.status.pages import template
from coalmine_aggregator.status.render_days import groups_of, run_name
from coalmine_aggregator.status.site import (
    ComponentStatus,
    Grade,
    MaintenanceState,
    PublicIncident,
    PublicMaintenance,
    Site,
)

PAST_DAYS: Final = 15

_MOST: Final = 50
"""Records of a kind on this page; the history has all."""

_MOST_UPDATES: Final = 5
_MOST_IMPACTS: Final = 6
"""Of an open incident; who looks for the state of a part need not go far."""

_ORDER: Final = (MaintenanceState.IN_PROGRESS, MaintenanceState.SCHEDULED)


class Run(NamedTuple):
    """A day with what was in it, each with whether this is its last day; or days that follow each other
    without anything."""

    name: str
    told: tuple[tuple[Told, bool], ...]


class Span(NamedTuple):
    """A record of the last days, from when to when it was."""

    began: float
    over: float
    item: Item


class Sorted(NamedTuple):
    """Open incidents, planned work by when it is, and what was not over before the last days."""

    open: tuple[PublicIncident, ...]
    planned: tuple[PublicMaintenance, ...]
    recent: tuple[Span, ...]


def now_page(site: Site, frame: Frame, memo: Memo, always: dict[str, Any]) -> str:
    """The page; `always` is what the layout needs."""
    today = frame.moments.day(site.now)
    since = frame.moments.midnight(today - timedelta(days=PAST_DAYS - 1))
    # Most seconds bring no record: those there are need not be looked through again.
    records = (site.incidents, site.maintenances, since)
    open_, planned, recent = memo.of("sorted", records, lambda: _sorted(site, since))
    return template("index.html").render(
        **always,
        site=site,
        tone=_tone(site),
        groups=groups_of(site.components, memo),
        open=[frame.told(each, _MOST_UPDATES, _MOST_IMPACTS) for each in open_[:_MOST]],
        more_open=max(0, len(open_) - _MOST),
        planned=[frame.told(each) for each in planned[:_MOST]],
        more_planned=max(0, len(planned) - _MOST),
        measured=_measured(site, frame),
        behind="" if site.measured_at is None else _age(site.now - site.measured_at),
        unmeasured=words.unmeasured([each.name for each in site.components if not each.is_measured]),
        past_days=PAST_DAYS,
        past=memo.of("past", (frame, today, recent), lambda: _past(frame, today, recent)),
    )


def _tone(site: Site) -> str:
    """The class that gives the headline its colour, and by its end the shape."""
    if site.is_stale or site.measured_at is None:
        return "g-unknown"
    if site.grade is Grade.NONE and not all(each.is_measured for each in site.components):
        return "g-unknown"
    at_work = ComponentStatus.UNDER_MAINTENANCE
    if site.grade is Grade.NONE and any(each.status is at_work for each in site.components):
        return f"s-{at_work}"
    return f"g-{site.grade}"


def _sorted(site: Site, since: float) -> Sorted:
    planned = [each for each in site.maintenances if each.state in _ORDER]
    planned.sort(key=lambda each: (_ORDER.index(each.state), each.scheduled_for))
    recent: list[Span] = []
    for incident in site.incidents:
        over = incident.updated_at if incident.resolved_at is None else incident.resolved_at
        if incident.state.is_open:
            recent.append(Span(incident.started_at, math.inf, incident))
        elif over >= since:
            recent.append(Span(incident.started_at, over, incident))
    for work in site.maintenances:
        over = work.scheduled_until if work.completed_at is None else work.completed_at
        if work.state is MaintenanceState.COMPLETED and over >= since:
            recent.append(Span(work.scheduled_for, over, work))
    recent.sort(key=lambda each: (-each.over, -each.began, each.item.id))
    return Sorted(
        tuple(each for each in site.incidents if each.state.is_open), tuple(planned), tuple(recent)
    )


def _past(frame: Frame, today: date, recent: Sequence[Span]) -> Markup:
    oldest = today - timedelta(days=PAST_DAYS - 1)
    by_day: dict[date, list[tuple[Told, bool]]] = {}
    for span in recent[:_MOST]:
        told = frame.told(span.item)
        # Clocks differ: what is over after today is over today.
        last = today if span.over == math.inf else min(today, frame.moments.day(span.over))
        day = last
        while day >= max(oldest, min(last, frame.moments.day(span.began))):
            by_day.setdefault(day, []).append((told, day == last))
            day -= timedelta(days=1)
    days = [today - timedelta(days=back) for back in range(PAST_DAYS)]
    runs: list[Run] = []
    for is_quiet, group in groupby(days, key=lambda each: each not in by_day):
        them = list(group)
        if is_quiet:
            runs.append(Run(run_name(them[0], them[-1]), ()))
        else:
            runs += (Run(run_name(day, day), tuple(by_day[day])) for day in them)
    text = template("past.html").render(
        runs=runs, moments=frame.moments, more=max(0, len(recent) - _MOST)
    )
    return Markup(text)  # noqa: S704 - made by a template that escapes


def _measured(site: Site, frame: Frame) -> Markup | str:
    """When was measured last; with the day where that is not today's."""
    if site.measured_at is None:
        return ""
    moments = frame.moments
    is_today = moments.day(site.measured_at) == moments.day(site.now)
    return (moments.clock if is_today else moments.second)(site.measured_at)


def _age(seconds: float) -> str:
    """How long ago, in whole minutes once it is one: nobody needs the seconds of hours."""
    return lasted(seconds if seconds < 60 else seconds // 60 * 60)
