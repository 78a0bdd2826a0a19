"""The site as version 2 of the public API of Atlassian Statuspage tells it, for its clients. Pure.

Where the URL of the page is not known, `page.url` is empty and `shortlink` null. Documents change only
when what they tell does, so `page.updated_at` is the newest of its times, not that of the measurement;
while measurements are behind, the description of the status says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec

from coalmine_aggregator.status import words
from coalmine_aggregator.status.ids import public_id
from coalmine_aggregator.status.labels import CALLED_OFF
from coalmine_aggregator.status.moments import Moments, iso, utc
from coalmine_aggregator.status.pages import clean
from coalmine_aggregator.status.site import (
    ComponentStatus,
    Grade,
    MaintenanceState,
    PageInfo,
    PublicComponent,
    PublicIncident,
    PublicMaintenance,
    PublicUpdate,
    Site,
)

MOST: Final = 50
"""Incidents and maintenances in a list, as at Statuspage."""

MOST_UPDATES: Final = 100
"""Updates of each, the newest."""

_WORST: Final = tuple(ComponentStatus)
_AHEAD: Final = (MaintenanceState.SCHEDULED, MaintenanceState.IN_PROGRESS)

Tree = dict[str, Any]


class Told(NamedTuple):
    """All of a site that the API tells. `components` are without their days, which it does not tell;
    `behind` is when was last measured, None while that is no news."""

    page: PageInfo
    grade: Grade
    headline: str
    behind: float | None
    components: tuple[PublicComponent, ...]
    incidents: tuple[PublicIncident, ...]
    unresolved: tuple[PublicIncident, ...]
    maintenances: tuple[PublicMaintenance, ...]
    ahead: tuple[PublicMaintenance, ...]


def told_of(site: Site) -> Told:
    """What of a site is told; equal ones make equal documents."""
    components = sorted(site.components, key=lambda each: each.position)
    return Told(
        site.page,
        site.grade,
        site.headline,
        site.measured_at if site.is_stale else None,
        tuple(each._replace(days=()) for each in components),
        site.incidents[:MOST],
        tuple(each for each in site.incidents if each.state.is_open)[:MOST],
        site.maintenances[:MOST],
        tuple(each for each in site.maintenances if each.state in _AHEAD)[:MOST],
    )


def statuspage(told: Told) -> dict[str, bytes]:
    """Every document of the API by its file name."""
    page, status = _page(told), _status(told)
    components = _components(told)
    by_id = {each["id"]: each for each in components}

    def incidents(them: Iterable[PublicIncident]) -> list[Tree]:
        return [_incident(each, told.page, by_id) for each in them]

    def maintenances(*states: MaintenanceState, of: Sequence[PublicMaintenance]) -> list[Tree]:
        return [
            _maintenance(each, told.page, by_id) for each in of if not states or each.state in states
        ]

    planned = "scheduled_maintenances"
    trees: dict[str, Tree] = {
        "summary": {
            "components": components,
            "incidents": incidents(told.unresolved),
            planned: maintenances(of=told.ahead),
            "status": status,
        },
        "status": {"status": status},
        "components": {"components": components},
        "incidents": {"incidents": incidents(told.incidents)},
        "incidents/unresolved": {"incidents": incidents(told.unresolved)},
        "scheduled-maintenances": {planned: maintenances(of=told.maintenances)},
        "scheduled-maintenances/upcoming": {
            planned: maintenances(MaintenanceState.SCHEDULED, of=told.ahead)
        },
        "scheduled-maintenances/active": {
            planned: maintenances(MaintenanceState.IN_PROGRESS, of=told.ahead)
        },
    }
    return {
        f"api/v2/{name}.json": msgspec.json.encode({"page": page, **tree})
        for name, tree in trees.items()
    }


def _page(told: Told) -> Tree:
    times = [
        *map(_updated_at, told.components),
        *(each.updated_at for each in told.incidents),
        *(each.updated_at for each in told.unresolved),
        *(each.updated_at for each in told.maintenances),
        *(each.updated_at for each in told.ahead),
    ]
    return {
        "id": told.page.id,
        "name": clean(told.page.name),
        "url": told.page.url,
        "time_zone": clean(told.page.time_zone),
        "updated_at": _time(max(times, default=0.0)),
    }


def _status(told: Told) -> Tree:
    description = clean(told.headline)
    if told.behind is not None:
        description += f" (last known state, measured {utc(told.behind):%Y-%m-%d %H:%M:%S} UTC)"
    elif names := [clean(each.name) for each in told.components if not each.is_measured]:
        description += f" ({words.unmeasured(names)})"
    return {"indicator": told.grade, "description": description}


def _components(told: Told) -> list[Tree]:
    """Components, and their groups, which stand among them as components of a kind."""
    groups: dict[str, list[PublicComponent]] = {}
    for component in told.components:
        if component.group:
            groups.setdefault(component.group, []).append(component)
    trees: list[Tree] = []
    for component in told.components:
        members = groups.get(component.group, ())
        if members and members[0] is component:
            trees.append(_group(component.group, members, told.page))
        trees.append(_component(component, told.page))
    return trees


def _component(component: PublicComponent, page: PageInfo) -> Tree:
    return {
        "id": component.id,
        "name": clean(component.name),
        "status": component.status,
        "created_at": _time(component.created_at),
        "updated_at": _time(_updated_at(component)),
        "position": component.position,
        "description": _description(component) or None,
        "showcase": False,
        "start_date": str(_moments(page.time_zone).day(component.created_at)),
        "group_id": _group_id(page, component.group) if component.group else None,
        "page_id": page.id,
        "group": False,
        "only_show_if_degraded": False,
    }


def _updated_at(component: PublicComponent) -> float:
    return max(component.status_since, component.created_at, component.measured_until or 0.0)


def _description(component: PublicComponent) -> str:
    """What it is, and that its state is the last known one where it is."""
    said = str(clean(component.description))
    if component.is_measured:
        return said
    at = component.measured_until
    since = "for more than an hour" if at is None else f"since {utc(at):%Y-%m-%d %H:%M:%S} UTC"
    note = f"not measured {since}; last known state"
    return f"{said} ({note})" if said else f"{note[0].upper()}{note[1:]}"


def _group(name: str, members: Sequence[PublicComponent], page: PageInfo) -> Tree:
    return {
        "id": _group_id(page, name),
        "name": clean(name),
        "status": max((each.status for each in members), key=_WORST.index),
        "created_at": _time(min(each.created_at for each in members)),
        "updated_at": _time(max(map(_updated_at, members))),
        "position": min(each.position for each in members),
        "description": None,
        "showcase": False,
        "start_date": None,
        "group_id": None,
        "page_id": page.id,
        "group": True,
        "only_show_if_degraded": False,
        "components": [each.id for each in members],
    }


def _incident(incident: PublicIncident, page: PageInfo, components: dict[str, Tree]) -> Tree:
    return {
        "id": incident.id,
        "name": clean(incident.name),
        "status": incident.state,
        "created_at": _time(incident.created_at),
        "updated_at": _time(incident.updated_at),
        "monitoring_at": _time_or_none(incident.monitoring_at),
        "resolved_at": _time_or_none(incident.resolved_at),
        "impact": incident.grade,
        "shortlink": f"{page.url}/incidents/{incident.id}/" if page.url else None,
        "started_at": _time(incident.started_at),
        "page_id": page.id,
        "incident_updates": [_update(each, incident.id) for each in incident.updates[:MOST_UPDATES]],
        "components": [components[each] for each in incident.components if each in components],
    }


def _update(update: PublicUpdate, incident: str) -> Tree:
    at = _time(update.at)
    return {
        "id": update.id,
        "status": update.state,
        "body": clean(update.body),
        "incident_id": incident,
        "created_at": at,
        "updated_at": at,
        "display_at": at,
        "affected_components": [
            {
                "code": change.id,
                "name": clean(change.name),
                "old_status": change.old,
                "new_status": change.new,
            }
            for change in update.changes
        ],
    }


def _maintenance(work: PublicMaintenance, page: PageInfo, components: dict[str, Tree]) -> Tree:
    steps = [(MaintenanceState.SCHEDULED, work.created_at, clean(work.body))]
    if work.state is not MaintenanceState.SCHEDULED and not work.is_called_off:
        begun = max(work.scheduled_for, work.created_at)  # it may be told of when it has begun
        steps.append((MaintenanceState.IN_PROGRESS, begun, "The maintenance has begun."))
    if work.state is MaintenanceState.COMPLETED:
        over = work.scheduled_until if work.completed_at is None else work.completed_at
        said = CALLED_OFF if work.is_called_off else "The maintenance is completed."
        steps.append((MaintenanceState.COMPLETED, over, said))
    return {
        "id": work.id,
        "name": clean(work.name),
        "status": work.state,
        "created_at": _time(work.created_at),
        "updated_at": _time(work.updated_at),
        "monitoring_at": None,
        "resolved_at": _time_or_none(work.completed_at),
        "impact": Grade.NONE,
        "shortlink": f"{page.url}/maintenances/{work.id}/" if page.url else None,
        "started_at": _time(work.scheduled_for),
        "page_id": page.id,
        "incident_updates": [
            {
                "id": public_id("", work.id, "step", state),
                "status": state,
                "body": body,
                "incident_id": work.id,
                "created_at": _time(at),
                "updated_at": _time(at),
                "display_at": _time(at),
                "affected_components": [],
            }
            for state, at, body in reversed(steps)
        ],
        "components": [components[each] for each in work.components if each in components],
        "scheduled_for": _time(work.scheduled_for),
        "scheduled_until": _time(work.scheduled_until),
    }


@lru_cache(8)
def _moments(time_zone: str) -> Moments:
    return Moments(time_zone)


def _group_id(page: PageInfo, name: str) -> str:
    return public_id("", page.id, "group", clean(name))


def _time(at: float) -> str:
    """As Statuspage writes it, with milliseconds."""
    return iso(at).replace("Z", ".000Z")


def _time_or_none(at: float | None) -> str | None:
    return None if at is None else _time(at)
