"""The first page: how things are now, what is planned, and the days before. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

from markupsafe import Markup

from coalmine_aggregator.status.figures import lasted
from coalmine_aggregator.status.frame import Frame, Item, Told
from coalmine_aggregator.status.memo import Memo
from coalmine_aggregator.status.pages import template
from coalmine_aggregator.status.render_days import groups_of, run_name
from coalmine_aggregator.status.site import (
    MaintenanceState,
    PublicIncident,
    PublicMaintenance,
    Site,
)

PAST_DAYS: Final = 15

_MOST: Final = 50
"""Records of a kind on this page; the history has all."""

_ORDER: Final = (MaintenanceState.IN_PROGRESS, MaintenanceState.SCHEDULED)


class Run(NamedTuple):
    """A day with what was settled in it, or days that follow each other without anything."""

    name: str
    told: tuple[Told, ...]


def now_page(site: Site, frame: Frame, memo: Memo, always: dict[str, Any]) -> str:
    """The page; `always` is what the layout needs."""
    today = frame.moments.day(site.now)
    since = frame.moments.midnight(today - timedelta(days=PAST_DAYS - 1))
    # Most seconds bring no record: those there are need not be looked through again.
    records = (site.incidents, site.maintenances, since)
    open_, planned, settled = memo.of("sorted", records, lambda: _sorted(site, since))
    return template("index.html").render(
        **always,
        site=site,
        groups=groups_of(site.components, memo),
        open=[frame.told(each) for each in open_[:_MOST]],
        more_open=max(0, len(open_) - _MOST),
        planned=[frame.told(each) for each in planned[:_MOST]],
        more_planned=max(0, len(planned) - _MOST),
        behind="" if site.measured_at is None else _age(site.now - site.measured_at),
        past_days=PAST_DAYS,
        past=memo.of("past", (frame, today, settled), lambda: _past(frame, today, settled)),
    )


def _sorted(
    site: Site, since: float
) -> tuple[list[PublicIncident], list[PublicMaintenance], list[tuple[float, Item]]]:
    """Open incidents, planned work by when it is, and what was settled."""
    planned = [each for each in site.maintenances if each.state in _ORDER]
    planned.sort(key=lambda each: (_ORDER.index(each.state), each.scheduled_for))
    return [each for each in site.incidents if each.state.is_open], planned, _settled(site, since)


def _settled(site: Site, since: float) -> list[tuple[float, Item]]:
    """What was over at or after `since`, with when, the newest first."""
    found: list[tuple[float, Item]] = []
    for incident in site.incidents:
        if not incident.state.is_open:
            over = incident.updated_at if incident.resolved_at is None else incident.resolved_at
            if over >= since:
                found.append((over, incident))
    for work in site.maintenances:
        if work.state is MaintenanceState.COMPLETED:
            over = work.scheduled_until if work.completed_at is None else work.completed_at
            if over >= since:
                found.append((over, work))
    return sorted(found, key=lambda each: (-each[0], each[1].id))


def _past(frame: Frame, today: date, settled: Sequence[tuple[float, Item]]) -> Markup:
    by_day: dict[date, list[Item]] = {}
    for over, item in settled[:_MOST]:
        # A clock of the aggregator may run ahead of ours.
        by_day.setdefault(min(today, frame.moments.day(over)), []).append(item)
    runs: list[Run] = []
    quiet: list[date] = []
    for day in (today - timedelta(days=back) for back in range(PAST_DAYS)):
        items = by_day.get(day, ())
        if not items:
            quiet.append(day)
            continue
        if quiet:
            runs.append(Run(run_name(quiet[0], quiet[-1]), ()))
            quiet = []
        runs.append(Run(run_name(day, day), tuple(frame.told(item) for item in items)))
    if quiet:
        runs.append(Run(run_name(quiet[0], quiet[-1]), ()))
    text = template("past.html").render(
        runs=runs, moments=frame.moments, more=max(0, len(settled) - _MOST)
    )
    return Markup(text)  # noqa: S704 - made by a template that escapes


def _age(seconds: float) -> str:
    """How long ago, in whole minutes once it is one: nobody needs the seconds of hours."""
    return lasted(seconds if seconds < 60 else seconds // 60 * 60)
