"""A stand-in for a Consul agent's checks that enforces what is documented of them.

A TTL check that is not told in time is critical, and says so in front of its last output. Updates need
a token where the agent has ACLs; an unknown check is 404, one without a TTL 500.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from coalmine_runtime import clock
from tests.servers.web_stand_in import WebStandIn

TOKEN = "b1gs33cr3t-0000-1111-2222-333344445555"

MAX_OUTPUT = 4096

_STATUS = {"pass": "passing", "warn": "warning", "fail": "critical"}
_BY_ID = re.compile(r'CheckID == "([^"]+)"\Z')


@dataclass
class Check:
    """One check of a service. `ttl_s` None: not of that kind."""

    check_id: str
    ttl_s: float | None = 30.0
    service: str = "ingest"
    said: str = "critical"
    output: str = ""
    history: list[str] = field(default_factory=list)
    until: float = 0.0

    @property
    def expired(self) -> bool:
        """Whether nobody told it in time."""
        return self.ttl_s is not None and clock.monotonic() >= self.until

    @property
    def status(self) -> str:
        """As health queries see it."""
        return "critical" if self.expired else self.said

    def told(self, verb: str, note: str) -> None:
        """A TTL update."""
        assert self.ttl_s is not None
        self.said = _STATUS[verb]
        self.output = note[:MAX_OUTPUT]
        self.until = clock.monotonic() + self.ttl_s
        self.history.append(verb)

    def shown(self) -> dict[str, Any]:
        """As the agent lists it."""
        output = self.output
        if self.expired and self.until:
            output = f"TTL expired (last output before timeout follows): {output}"
        return {
            "Node": "node",
            "CheckID": self.check_id,
            "Name": self.check_id,
            "Status": self.status,
            "Notes": "",
            "Output": output,
            "ServiceID": f"{self.service}-1",
            "ServiceName": self.service,
            "Type": "ttl" if self.ttl_s is not None else "http",
        }


class Consul(WebStandIn):
    """One agent. `token` None: no ACLs. `mood` is a status to answer everything with, 0 for none."""

    def __init__(self, *checks: Check, token: str | None = TOKEN) -> None:
        self.checks = {check.check_id: check for check in checks}
        self.token = token
        self.mood = 0
        self.refusals: list[int] = []

    @property
    def url(self) -> str:
        """Of its API."""
        return f"http://127.0.0.1:{self.port}"

    def _route(self, app: web.Application) -> None:
        app.middlewares.append(self._guards)
        app.router.add_put("/v1/agent/check/{verb:pass|warn|fail}/{check}", self._update)
        app.router.add_get("/v1/agent/checks", self._list)

    @web.middleware
    async def _guards(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if self.mood:
            return self._refuse(self.mood, "moody")
        return await handler(request)  # type: ignore[no-any-return]

    async def _update(self, request: web.Request) -> web.Response:
        check = self.checks.get(request.match_info["check"])
        if check is None:
            named = request.match_info["check"]
            what = (
                f'Unknown check ID "{named}". Ensure that the check ID is passed, not the check name.'
            )
            return self._refuse(404, what)
        if self.token is not None and request.headers.get("X-Consul-Token") != self.token:
            return self._refuse(
                403, f"Permission denied: lacks permission 'service:write' on \"{check.service}\""
            )
        if check.ttl_s is None:
            return self._refuse(500, f'CheckID "{check.check_id}" does not have associated TTL')
        check.told(request.match_info["verb"], request.query.get("note", ""))
        return web.Response()

    async def _list(self, request: web.Request) -> web.Response:
        if self.token is not None and request.headers.get("X-Consul-Token") != self.token:
            return web.json_response({})  # filtered by what the token may read
        found = self.checks
        if "filter" in request.query:
            match = _BY_ID.match(request.query["filter"])
            if match is None:
                return self._refuse(400, "Failed to create boolean expression evaluator")
            found = {key: check for key, check in self.checks.items() if key == match[1]}
        shown = {key: check.shown() for key, check in found.items()}
        text = json.dumps(shown, separators=(",", ":"))  # as Go writes it
        return web.Response(text=text, content_type="application/json")

    def _refuse(self, status: int, text: str) -> web.Response:
        self.refusals.append(status)
        return web.Response(status=status, text=text)
