"""A stand-in for PagerDuty's Events API v2 that enforces what is documented of it.

It refuses what the real one refuses (400: unknown or missing fields, wrong types, texts too long, a
wrong routing key), and keeps incidents as the real one does: a trigger under the key of an open
incident adds to it, under any other key it opens one; acknowledge and resolve work only with the
routing key that opened it. It can be told to answer otherwise for a while.
"""

from __future__ import annotations

import asyncio
import datetime
import hashlib
import hmac
import json
import re
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from coalmine_runtime import clock

ROUTING_KEY = "0123456789abcdef0123456789abcdef"

HOOK_SECRET = "a-strong-and-unique-secret"
"""What its webhooks are signed with."""

MAX_BODY = 512 * 1024

_ACTIONS = ("trigger", "acknowledge", "resolve")
_SEVERITIES = ("critical", "error", "warning", "info")
_TOP = {
    "routing_key",
    "event_action",
    "dedup_key",
    "payload",
    "images",
    "links",
    "client",
    "client_url",
}
_PAYLOAD = {
    "summary",
    "source",
    "severity",
    "timestamp",
    "component",
    "group",
    "class",
    "custom_details",
}
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)\Z")


@dataclass
class Incident:
    """What people see: opened once, however often it was triggered."""

    dedup_key: str
    routing_key: str
    triggers: list[dict[str, Any]] = field(default_factory=list)
    acknowledged: bool = False
    resolved: bool = False


@dataclass
class Answer:
    """An answer to give instead of working. `hang` accepts the request and says nothing."""

    status: int = 503
    headers: Mapping[str, str] = field(default_factory=dict)
    hang: bool = False


class PagerDuty:
    """Use as an async context manager. `url` is where events go."""

    def __init__(self, port: int = 0, routing_keys: tuple[str, ...] = (ROUTING_KEY,)) -> None:
        self.port = port
        self.routing_keys = routing_keys
        self.incidents: list[Incident] = []
        self.events: list[dict[str, Any]] = []
        self.refusals: list[list[str]] = []
        self.requests = 0
        self.moody: deque[Answer] = deque()
        self.mood: Answer | None = None
        self.lag_s: Callable[[], float] = lambda: 0.0  # drawn before and after an event is taken
        self.heard = asyncio.Condition()
        self._hanging = asyncio.Event()
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """The enqueue address."""
        return f"http://127.0.0.1:{self.port}/v2/enqueue"

    async def __aenter__(self) -> PagerDuty:
        app = web.Application(client_max_size=4 * MAX_BODY)
        app.router.add_post("/v2/enqueue", self._enqueue)
        self._runner = web.AppRunner(app, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._hanging.set()
        assert self._runner is not None
        await self._runner.cleanup()

    async def until_events(self, count: int, deadline_s: float = 10.0) -> list[dict[str, Any]]:
        """The accepted events, once there are so many."""
        return await self._until(lambda: len(self.events) >= count, self.events, deadline_s)

    async def until_requests(self, count: int, deadline_s: float = 10.0) -> int:
        """The requests so far, once there were so many."""
        await self._until(lambda: self.requests >= count, self.events, deadline_s)
        return self.requests

    async def acknowledge(self, incident: Incident, by: str, hook: str) -> int:
        """Somebody acknowledges there: a signed webhook of version 3 goes to `hook`; its answer's
        status."""
        incident.acknowledged = True
        event = {
            "id": f"event-{uuid.uuid4()}",
            "event_type": "incident.acknowledged",
            "resource_type": "incident",
            "occurred_at": datetime.datetime.fromtimestamp(clock.wall(), datetime.UTC).isoformat(),
            "agent": {"id": "PLH1HKV", "type": "user_reference", "summary": by},
            "client": {"name": "PagerDuty"},
            "data": {
                "id": "PGR0VU2",
                "type": "incident",
                "status": "acknowledged",
                "incident_key": incident.dedup_key,
            },
        }
        body = json.dumps({"event": event}).encode()
        digest = hmac.new(HOOK_SECRET.encode(), body, hashlib.sha256).hexdigest()
        headers = {"X-PagerDuty-Signature": f"v1={digest}", "Content-Type": "application/json"}
        async with aiohttp.ClientSession() as http:
            async with http.post(hook, data=body, headers=headers) as response:
                return response.status

    async def _until(self, true: Any, result: list[Any], deadline_s: float) -> list[Any]:
        async with asyncio.timeout(deadline_s), self.heard:
            await self.heard.wait_for(true)
        return result

    async def _enqueue(self, request: web.Request) -> web.Response:
        try:
            return await self._answer(request)
        finally:
            async with self.heard:
                self.heard.notify_all()

    async def _answer(self, request: web.Request) -> web.Response:
        self.requests += 1
        await asyncio.sleep(self.lag_s())
        mood = self.moody.popleft() if self.moody else self.mood
        if mood is not None:
            if mood.hang:
                async with self.heard:
                    self.heard.notify_all()
                await self._hanging.wait()
            return web.json_response({"status": "moody"}, status=mood.status, headers=mood.headers)
        body = await request.read()
        errors = [f"{len(body)} bytes"] if len(body) > MAX_BODY else []
        event: Any = None
        try:
            event = json.loads(body)
        except ValueError as error:
            errors.append(str(error))
        if isinstance(event, dict):
            errors += problems(event)
            if not errors and event["routing_key"] not in self.routing_keys:
                errors.append("unknown routing key")
        elif not errors:
            errors.append("no object")
        if errors:
            self.refusals.append(errors)
            whole = {"status": "invalid event", "message": "Event object is invalid", "errors": errors}
            return web.json_response(whole, status=400)
        self.events.append(event)
        key = self._apply(event)
        await asyncio.sleep(self.lag_s())
        whole = {"status": "success", "message": "Event processed", "dedup_key": key}
        return web.json_response(whole, status=202)

    def _apply(self, event: dict[str, Any]) -> str:
        key = event.get("dedup_key") or f"made-{len(self.events)}"
        current = [
            incident
            for incident in self.incidents
            if incident.dedup_key == key
            and incident.routing_key == event["routing_key"]
            and not incident.resolved
        ]
        if event["event_action"] == "trigger":
            if not current:
                current = [Incident(key, event["routing_key"])]
                self.incidents += current
            current[0].triggers.append(event)
        elif current and event["event_action"] == "acknowledge":
            current[0].acknowledged = True
        elif current:
            current[0].resolved = True
        return str(key)


def problems(event: dict[str, Any]) -> list[str]:
    """Everything in an event that is against the documentation."""
    found = [f"unknown field {name}" for name in sorted(event.keys() - _TOP)]
    key = event.get("routing_key")
    if not isinstance(key, str) or len(key) != 32:
        found.append("routing_key: 32 characters")
    action = event.get("event_action")
    if action not in _ACTIONS:
        found.append(f"event_action: {action}")
    dedup = event.get("dedup_key")
    if dedup is not None and not (isinstance(dedup, str) and 1 <= len(dedup) <= 255):
        found.append("dedup_key: 1 to 255 characters")
    if action in ("acknowledge", "resolve") and dedup is None:
        found.append(f"{action} without dedup_key")
    payload = event.get("payload")
    if payload is None and action == "trigger":
        found.append("trigger without payload")
    if payload is not None:
        found += _payload_problems(payload)
    found += _list_problems("links", event.get("links", []), {"href", "text"}, "href")
    found += _list_problems("images", event.get("images", []), {"src", "href", "alt"}, "src")
    found += [
        f"{name}: text" for name in ("client", "client_url") if not isinstance(event.get(name, ""), str)
    ]
    return found


def _payload_problems(payload: Any) -> list[str]:
    if not isinstance(payload, dict):
        return ["payload: object"]
    found = [f"unknown field payload.{name}" for name in sorted(payload.keys() - _PAYLOAD)]
    for name, longest in (("summary", 1024), ("source", 1024)):
        text = payload.get(name)
        if not isinstance(text, str) or not 1 <= len(text) <= longest:
            found.append(f"payload.{name}: 1 to {longest} characters")
    if payload.get("severity") not in _SEVERITIES:
        found.append(f"payload.severity: {payload.get('severity')}")
    at = payload.get("timestamp")
    if at is not None and not (isinstance(at, str) and _TIMESTAMP.match(at)):
        found.append(f"payload.timestamp: {at}")
    found += [
        f"payload.{name}: text"
        for name in ("component", "group", "class")
        if not isinstance(payload.get(name, ""), str)
    ]
    if not isinstance(payload.get("custom_details", {}), dict):
        found.append("payload.custom_details: object")
    return found


def _list_problems(name: str, items: Any, known: set[str], required: str) -> list[str]:
    if not isinstance(items, list):
        return [f"{name}: list"]
    found = []
    for item in items:
        if not isinstance(item, dict) or item.keys() - known or not item.get(required):
            found.append(f"{name}: objects with {required}")
        elif not str(item[required]).startswith(("http://", "https://")):
            found.append(f"{name}.{required}: a URL")
    return found
