"""A transition as requests of Opsgenie's alert API, which Jira Service Management has too. Pure.

An alert there is known by its alias, and its priority is fixed when it is made: a page and a ticket of
ours are two of theirs. A ticket that becomes a page makes the page and closes the ticket; what is over
closes both, whichever there is.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from coalmine_aggregator.model.alerts import Alert, Change, Severity
from coalmine_aggregator.model.scopes import describe
from coalmine_aggregator.notify.inert import inert
from coalmine_aggregator.notify.notice import Notice
from coalmine_aggregator.notify.page import Page, page_text
from coalmine_aggregator.notify.plain import cut, one_line, plain
from coalmine_aggregator.notify.text import details

MAX_MESSAGE = 130
MAX_DESCRIPTION = 15_000
MAX_NOTE = 25_000
MAX_DETAILS = 8_000
MAX_TAGS, MAX_TAG = 20, 50
MAX_ENTITY = 512
MAX_SOURCE = 100
MAX_USER = 100
MAX_RESPONDERS = 50

_DETAIL = 1_000
_ALIAS_NAME = 100
_PRIORITY = {Severity.PAGE: "P1", Severity.TICKET: "P3"}
_NOT_IN_ALIAS = re.compile(r"[^A-Za-z0-9._-]+")


class Request(NamedTuple):
    """A POST of JSON; `path` follows the address of all alerts."""

    path: str
    body: dict[str, Any]


def alias_of(alert: Alert, severity: Severity) -> str:
    """What the alert is known by there, as a page or as a ticket: letters, digits, dots and dashes, so
    that it stands in an address as it is."""
    whole = f"{alert.dedup_key}\n{severity}"
    name = _NOT_IN_ALIAS.sub("-", alert.dedup_key)[:_ALIAS_NAME].strip("-")
    return f"{name}-{severity}-{hashlib.sha256(whole.encode()).hexdigest()[:16]}"


def requests_of(
    notice: Notice, responders: Sequence[Mapping[str, str]], tags: Sequence[str]
) -> list[Request]:
    """What tells of a transition, in this order; each may be sent again without harm, but for the note,
    which is last."""
    alert, change = notice.transition.alert, notice.transition.change
    page = page_text(notice.transition, notice.links)
    note = {"note": cut(inert(page.body), MAX_NOTE), "source": _source(alert)}
    alias, ticket = alias_of(alert, alert.severity), alias_of(alert, Severity.TICKET)
    if change is Change.ACKNOWLEDGED:
        user = cut(inert(one_line(alert.acknowledged_by)), MAX_USER)
        return [_on(alias, "acknowledge", {**note, "user": user} if user else note)]
    if change is Change.CLOSED:
        aliases = dict.fromkeys((ticket, alias))
        return [_on(each, "close", note) for each in aliases]
    # What is made under the alias of an alert that is open there is counted, and tells nobody anew.
    made = [Request("", _created(notice, page, alias, responders, tags))]
    if change is Change.OPENED:
        return made
    if alias != ticket:
        made.append(_on(ticket, "close", {**note, "note": "It is a page now."}))
    return [*made, _on(alias, "notes", note)]


def _created(
    notice: Notice,
    page: Page,
    alias: str,
    responders: Sequence[Mapping[str, str]],
    tags: Sequence[str],
) -> dict[str, Any]:
    alert = notice.transition.alert
    ours = ("coalmine", alert.fleet, alert.service, str(alert.alert_class), *tags)
    shown = dict.fromkeys(cut(inert(one_line(tag)), MAX_TAG) for tag in ours)
    created: dict[str, Any] = {
        "message": cut(inert(page.subject), MAX_MESSAGE),
        "alias": alias,
        "description": cut(inert(page.body), MAX_DESCRIPTION),
        "tags": [tag for tag in shown if tag][:MAX_TAGS],
        "details": _details(notice),
        "entity": cut(inert(one_line(describe(alert.scope))), MAX_ENTITY),
        "source": _source(alert),
        "priority": _PRIORITY[alert.severity],
    }
    if responders:
        created["responders"] = [dict(responder) for responder in responders]
    return created


def _details(notice: Notice) -> dict[str, str]:
    """Facts under their names, the page's address first, as many as there is room for."""
    alert = notice.transition.alert
    facts = {
        "view": notice.links.view(alert),
        "dedup_key": alert.dedup_key,
        **details(notice.transition),
    }
    kept: dict[str, str] = {}
    left = MAX_DETAILS
    for name, fact in facts.items():
        shown = cut(inert(plain(fact).replace("\n", " ")), _DETAIL)
        if shown and len(name) + len(shown) <= left:
            kept[name] = shown
            left -= len(name) + len(shown)
    return kept


def _on(alias: str, action: str, body: dict[str, Any]) -> Request:
    return Request(f"/{alias}/{action}?identifierType=alias", body)


def _source(alert: Alert) -> str:
    return cut(inert(one_line(f"coalmine {alert.fleet}")), MAX_SOURCE)
