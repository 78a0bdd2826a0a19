"""`/api/v1/alerts`: what is open, all that ever was, and why."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from aiohttp import web
from msgspec import structs

from coalmine_aggregator.access.roles import Scope
from coalmine_aggregator.model.alerts import Alert, AlertClass
from coalmine_aggregator.reading.alerts import AlertPlace, AlertsWanted
from coalmine_aggregator.web.alert_answers import AlertItem, Alerts, alert_item, explained
from coalmine_aggregator.web.asking import ask
from coalmine_aggregator.web.cursors import next_cursor, parse_cursor
from coalmine_aggregator.web.entrance import needs
from coalmine_aggregator.web.keys import NOW, READERS, VIEW
from coalmine_aggregator.web.problems import ProblemError, bad_parameter
from coalmine_aggregator.web.query import parse_count, singles
from coalmine_aggregator.web.reader_tasks import AlertsGiven
from coalmine_aggregator.web.replies import json_reply
from coalmine_aggregator.web.spans import parse_time
from coalmine_aggregator.web.told_answers import ToldItem

MAX_RECENT = 200
DEFAULT_RECENT = 20

_FILTERS = ("from", "to", "service", "class")
_MAX_SERVICE = 255

_pack = msgspec.msgpack.Encoder()
_items = msgspec.json.Decoder(list[AlertItem])
_told = msgspec.json.Decoder(list[ToldItem])


@needs(Scope.READ)
async def alerts(request: web.Request) -> web.Response:
    """The open alerts, and pages of closed ones, those that closed last first."""
    app = request.app
    values = singles(request.query.items(), known=(*_FILTERS, "after", "limit"))
    limit = parse_count(values, "limit", default=DEFAULT_RECENT, most=MAX_RECENT)
    wanted = parse_wanted(values)
    after = parse_cursor(values, AlertPlace)
    plain = after is None and not any(name in values for name in _FILTERS)
    if app.get(READERS) is None or (plain and limit < MAX_RECENT):
        found = sorted(app[VIEW].recent_alerts(MAX_RECENT), key=_ended, reverse=True)
        recent = [alert_item(alert) for alert in found if _fits(alert, wanted, after)]
    else:
        recent = await closed_alerts(app, wanted, after, limit + 1)
    of = app[VIEW].incident_of
    page = [structs.replace(each, incident=of(each.number) or None) for each in recent[:limit]]
    place = AlertPlace(page[-1].closed_at or 0.0, page[-1].number) if page else None
    now = app[NOW]()
    holds = app[VIEW].holds(now)
    return json_reply(
        Alerts(
            now=now,
            open=[
                alert_item(each, holds.get(each.number), of(each.number))
                for each in wanted_open(app, wanted)
            ],
            recent=page,
            next_=next_cursor(values, place) if len(recent) > len(page) else None,
        )
    )


@needs(Scope.READ)
async def explain(request: web.Request) -> web.Response:
    """Why an alert was opened, and what happened to it since."""
    singles(request.query.items(), known=())
    app, ref = request.app, request.match_info["id"]
    view, now = app[VIEW], app[NOW]()
    transitions = await view.explain(ref)
    if not transitions:
        raise no_such_alert(ref)
    told: list[ToldItem] = []
    if app.get(READERS) is not None:
        told = _told.decode(await ask(app, "told", _pack.encode(transitions[-1].alert.number)))
    standing = [*view.open_alerts(), *view.recent_alerts(MAX_RECENT)]
    incident = view.incidents.of_alert(transitions[-1].alert.number)
    answer = explained(transitions, standing, now, holds=view.holds(now), told=told, incident=incident)
    return json_reply(answer)


def no_such_alert(ref: str) -> ProblemError:
    """The problem of an alert that there is not."""
    return ProblemError(
        HTTPStatus.NOT_FOUND,
        "no-such-alert",
        f"There is no alert {ref[:64]}.",
        hint="an alert is named by its number or its id; /api/v1/alerts lists them",
    )


def wanted_open(app: web.Application, wanted: AlertsWanted) -> list[Alert]:
    """The open alerts among those that are wanted, the oldest first."""
    return [alert for alert in app[VIEW].open_alerts() if _fits(alert, wanted, None)]


async def closed_alerts(
    app: web.Application, wanted: AlertsWanted, after: AlertPlace | None, limit: int
) -> list[AlertItem]:
    """Closed alerts out of the store."""
    body = await ask(app, "alerts", _pack.encode(AlertsGiven(wanted, after, limit)))
    return _items.decode(body)


def parse_wanted(values: Mapping[str, str]) -> AlertsWanted:
    """Which alerts are asked for: `service`, `class`, `from` and `to`. Raises `ProblemError`."""
    service = values.get("service")
    if service is not None and len(service) > _MAX_SERVICE:
        raise bad_parameter("service", f"service is longer than {_MAX_SERVICE} characters.")
    alert_class = None
    if name := values.get("class"):
        if name not in set(AlertClass):
            known = ", ".join(AlertClass)
            raise bad_parameter("class", f"There is no class {name[:64]}.", f"known are {known}")
        alert_class = AlertClass(name)
    first = float(parse_time("from", values["from"])) if "from" in values else None
    last = float(parse_time("to", values["to"])) if "to" in values else None
    if first is not None and last is not None and last < first:
        raise bad_parameter("to", "to is before from.")
    return AlertsWanted(service, alert_class, first, last)


def _fits(alert: Alert, wanted: AlertsWanted, after: AlertPlace | None) -> bool:
    return (
        (wanted.service is None or alert.service == wanted.service)
        and (wanted.alert_class is None or alert.alert_class is wanted.alert_class)
        and (wanted.last is None or alert.opened_at <= wanted.last)
        and (wanted.first is None or alert.closed_at is None or alert.closed_at >= wanted.first)
        and (after is None or _ended(alert) < after)
    )


def _ended(alert: Alert) -> tuple[float, int]:
    return (alert.closed_at or 0.0, alert.number)
