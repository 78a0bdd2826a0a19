"""A stand-in for the alert API of Opsgenie and Jira Service Management that enforces its documentation.

It takes a request with 202 and a number, and works it off later; refuses a wrong key (401), what is no
JSON (400) and what is against the limits (422); limits the rate (429 with how long). An alert that is
made under the alias of an open one is counted, and changes nothing of it. What cannot be done later,
such as closing what is not open, is kept in `failed`.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from coalmine_runtime import clock
from tests.servers.web_stand_in import WebStandIn

API_KEY = "0123abcd-0123-4567-89ab-0123456789ab"

_LONGEST = {"message": 130, "alias": 512, "description": 15_000, "entity": 512, "source": 100}
_LONGEST |= {"user": 100, "note": 25_000}
_FIELDS = {*_LONGEST, "responders", "visibleTo", "actions", "tags", "details", "priority"}
_RESPONDERS = {"team", "user", "escalation", "schedule"}
_ACTIONS = {"acknowledge", "close", "notes"}


@dataclass
class Alert:
    """As people see it. `times` counts how often it was made."""

    created: dict[str, Any]
    times: int = 1
    acknowledged_by: str | None = None
    closed: bool = False
    notes: list[str] = field(default_factory=list)


class AlertApiServer(WebStandIn):
    """Use as an async context manager. Answers each of `answers` once instead of working. `names` says
    whether responders may be named otherwise than by id, as Opsgenie does. `per_s` limits the rate."""

    def __init__(self, *, names: bool = True, per_s: int | None = None) -> None:
        self.alerts: list[Alert] = []
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.refusals: list[str] = []
        self.failed: list[str] = []
        self.answers: deque[tuple[int, Mapping[str, str]]] = deque()
        self._names = names
        self._per_s = per_s
        self._taken: deque[float] = deque()
        self._work: deque[tuple[str, str, dict[str, Any]]] = deque()

    @property
    def url(self) -> str:
        """Of all alerts."""
        return f"http://127.0.0.1:{self.port}/v2/alerts"

    def _route(self, app: web.Application) -> None:
        app.router.add_post("/v2/alerts{rest:.*}", self._take)

    def work_off(self) -> list[Alert]:
        """Does what was taken, in order, and gives all alerts."""
        while self._work:
            self._do(*self._work.popleft())
        return self.alerts

    @property
    def open(self) -> list[Alert]:
        """Those that are open, once all is worked off."""
        return [alert for alert in self.work_off() if not alert.closed]

    async def _take(self, request: web.Request) -> web.Response:
        await asyncio.sleep(0)
        if self.answers:
            status, headers = self.answers.popleft()
            return _answer(status, "moody", headers=headers)
        if request.headers.get("Authorization") != f"GenieKey {API_KEY}":
            return _answer(401, "Could not authenticate")
        if self._is_too_fast():
            period = {"X-RateLimit-State": "THROTTLED", "X-RateLimit-Period-In-Sec": "1"}
            return _answer(429, "You are making too many requests!", headers=period)
        if request.content_type != "application/json":
            return _answer(415, "Request body format is not supported")
        try:
            body = json.loads(await request.read())
        except ValueError:
            return _answer(400, "Request body is not processable")
        alias, action, wrong = self._of_path(request)
        wrong += problems(body, action, names=self._names)
        if wrong:
            self.refusals += wrong
            return _answer(422, "; ".join(wrong))
        self.requests.append((action, body))
        self._work.append((alias or body["alias"], action, body))
        return _answer(202, "Request will be processed", f"request-{len(self.requests)}")

    def _of_path(self, request: web.Request) -> tuple[str, str, list[str]]:
        rest = request.raw_path.removeprefix("/v2/alerts").partition("?")[0]
        if not rest:
            return "", "create", []
        parts = rest.split("/")
        if len(parts) != 3 or parts[2] not in _ACTIONS:
            return "", "create", [f"no such resource {rest}"]
        wrong = [] if request.query.get("identifierType") == "alias" else ["identifierType: id"]
        return unquote(parts[1]), parts[2], wrong

    def _is_too_fast(self) -> bool:
        now = clock.monotonic()
        while self._taken and self._taken[0] <= now - 1:
            self._taken.popleft()
        if self._per_s is not None and len(self._taken) >= self._per_s:
            return True
        self._taken.append(now)
        return False

    def _do(self, alias: str, action: str, body: dict[str, Any]) -> None:
        found = [each for each in self.alerts if each.created["alias"] == alias and not each.closed]
        if action == "create":
            if found:
                found[0].times += 1
            else:
                self.alerts.append(Alert(body))
        elif not found:
            self.failed.append(f"{action} {alias}: Alert does not exist")
        elif action == "close":
            found[0].closed = True
        elif action == "notes":
            found[0].notes.append(body["note"])
        else:
            found[0].acknowledged_by = body.get("user", "")


def problems(body: Any, action: str, *, names: bool = True) -> list[str]:
    """Everything in a request's body that is against the documentation."""
    if not isinstance(body, dict):
        return ["body: object"]
    found = [f"unknown field {name}" for name in sorted(body.keys() - _FIELDS)]
    for name, longest in _LONGEST.items():
        value = body.get(name, "x")
        if not isinstance(value, str) or not 1 <= len(value) <= longest:
            found.append(f"{name}: 1 to {longest} characters")
    if action == "notes" and "note" not in body:
        found.append("note: is missing")
    if action != "create":
        return found
    if "message" not in body:
        found.append("message: is missing")
    if body.get("priority", "P3") not in ("P1", "P2", "P3", "P4", "P5"):
        found.append(f"priority: {body['priority']}")
    tags = body.get("tags", [])
    if len(tags) > 20 or not all(isinstance(tag, str) and 1 <= len(tag) <= 50 for tag in tags):
        found.append("tags: 20 of 50 characters")
    details = body.get("details", {})
    if not all(isinstance(value, str) for value in details.values()):
        found.append("details: texts")
    elif sum(len(name) + len(value) for name, value in details.items()) > 8_000:
        found.append("details: 8000 characters in all")
    responders = body.get("responders", [])
    if len(responders) > 50:
        found.append("responders: 50")
    return found + [what for each in responders for what in _responder_problems(each, names)]


def _responder_problems(responder: dict[str, str], names: bool) -> list[str]:
    known = {"id"} if not names else {"id", "username" if responder.get("type") == "user" else "name"}
    if responder.get("type") not in _RESPONDERS or len(responder.keys() & known) != 1:
        return [f"responders: type and one of {', '.join(sorted(known))}"]
    return [] if responder.keys() <= {"type", *known} else ["responders: more than that"]


def _answer(
    status: int, what: str, number: str = "", headers: Mapping[str, str] | None = None
) -> web.Response:
    text = {"result" if status == 202 else "message": what, "took": 0.1, "requestId": number or "r"}
    return web.json_response(text, status=status, headers=headers)
