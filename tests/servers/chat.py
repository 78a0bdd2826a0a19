"""Stand-ins for chats, as far as their documentation says what a sender meets.

- Slack, incoming webhooks: a message a second, then 429 with `Retry-After`; 404 `no_service` for an
  unknown hook; `ok` else. `<!here>`, `<@U1>` and `<http://...>` are mentions and links, `&lt;` is text.
- Discord, webhooks: `content` of 1 to 2,000 characters, else 400; 204 else. `@everyone`, `@here` and
  `<@1>` outside of blocks of code notify.
- Mattermost, incoming webhooks: `text`; @channel, @here, @all and names notify outside of code.
- Matrix: joins rooms, takes `m.room.message`; one that comes again under its transaction identifier is
  the same message. `@room` in the body notifies.
"""

from __future__ import annotations

import asyncio
import html
import json
import re
from collections import deque
from typing import Any, NamedTuple

from aiohttp import web

from coalmine_runtime import clock
from tests.servers.web_stand_in import WebStandIn

SLACK_HOOK = "T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7"
DISCORD_HOOK = "1234567890/abc-DEF_123"
MATTERMOST_HOOK = "3ccdd113474722377935511fc85d3dd4"

_FENCED = re.compile(r"```.*?```|`[^`]*`", re.DOTALL)
_LINK = re.compile(r"<(https?://[^<>\s]*)>")
_SLACK_SYNTAX = re.compile(r"<([^>]*)>")
_MENTION = re.compile(r"@(everyone|here|channel|all|room|[A-Za-z0-9._-]+)|<@[!&]?\d+>")


class Shown(NamedTuple):
    """What people see: text, and what of it notifies somebody or leads elsewhere."""

    text: str
    syntax: list[str]


class ChatServer(WebStandIn):
    """Use as an async context manager. Answers each of `answers` once instead of working; waits
    `lag_s` before it answers."""

    def __init__(self) -> None:
        self.shown: list[Shown] = []
        self.payloads: list[dict[str, Any]] = []
        self.at: list[float] = []
        self.answers: deque[tuple[int, dict[str, str]]] = deque()
        self.refused = 0
        self.hold: asyncio.Event | None = None
        self._transactions: set[str] = set()

    @property
    def base(self) -> str:
        """Where all of them are."""
        return f"http://127.0.0.1:{self.port}"

    def _route(self, app: web.Application) -> None:
        app.router.add_post("/services/{hook:.*}", self._slack)
        app.router.add_post("/api/webhooks/{hook:.*}", self._discord)
        app.router.add_post("/hooks/{hook}", self._mattermost)
        app.router.add_get("/_matrix/client/v3/account/whoami", self._whoami)
        app.router.add_post("/_matrix/client/v3/join/{room}", self._join)
        app.router.add_put("/_matrix/client/v3/rooms/{room}/send/m.room.message/{id}", self._matrix)

    async def _slack(self, request: web.Request) -> web.Response:
        if request.match_info["hook"] != SLACK_HOOK:
            return self._refuse(404, "no_service")
        if self.at and clock.monotonic() - self.at[-1] < 1.0:
            return self._refuse(429, "rate_limited", {"Retry-After": "1"})
        payload = await request.json()
        texts = [str(payload.get("text", ""))]
        for each in payload.get("attachments", []):
            texts += [str(each.get("title", "")), str(each.get("text", ""))]
        text = "\n".join(filter(None, texts))
        syntax = _SLACK_SYNTAX.findall(text)
        if payload.get("link_names") or payload.get("mrkdwn") is True:
            syntax += ["@", "*"]
        return await self._take(payload, Shown(html.unescape(text), syntax), web.Response(text="ok"))

    async def _discord(self, request: web.Request) -> web.Response:
        if request.match_info["hook"] != DISCORD_HOOK:
            return self._refuse(404, "Unknown Webhook")
        payload = await request.json()
        content = str(payload.get("content", ""))
        if not 1 <= len(content) <= 2_000 or "embeds" in payload:
            return self._refuse(400, "Must be 2000 or fewer in length.")
        return await self._take(payload, _shown(content), web.Response(status=204))

    async def _mattermost(self, request: web.Request) -> web.Response:
        if request.match_info["hook"] != MATTERMOST_HOOK:
            return self._refuse(400, "Invalid webhook")
        payload = await request.json()
        return await self._take(payload, _shown(str(payload["text"])), web.Response(text="ok"))

    async def _whoami(self, request: web.Request) -> web.Response:
        return web.json_response({"user_id": "@coalmine:localhost", "device_id": "D"})

    async def _join(self, request: web.Request) -> web.Response:
        return web.json_response({"room_id": "!room:localhost"})

    async def _matrix(self, request: web.Request) -> web.Response:
        answer = web.json_response({"event_id": f"${request.match_info['id']}"})
        if request.path in self._transactions:
            return answer
        if not self.answers:
            self._transactions.add(request.path)
        payload = await request.json()
        syntax = [found[0] for found in _MENTION.finditer(payload["body"])]
        syntax += [name for name in ("formatted_body", "m.mentions") if name in payload]
        return await self._take(payload, Shown(payload["body"], syntax), answer)

    async def _take(self, payload: dict[str, Any], shown: Shown, answer: web.Response) -> web.Response:
        if self.answers:
            status, headers = self.answers.popleft()
            wait_ms = int(headers.get("Retry-After", "0")) * 1000
            text = json.dumps({"errcode": "M_MOODY", "retry_after_ms": wait_ms})
            return self._refuse(status, text, headers)
        self.at.append(clock.monotonic())
        self.payloads.append(payload)
        self.shown.append(shown)
        if self.hold is not None:
            await self.hold.wait()
        return answer

    def _refuse(self, status: int, text: str, headers: dict[str, str] | None = None) -> web.Response:
        self.refused += 1
        return web.Response(status=status, text=text, headers=headers)


def _shown(markdown: str) -> Shown:
    """As a client draws it: what is in code is text, the rest may be syntax."""
    links = _LINK.findall(_FENCED.sub("", markdown))
    outside = _LINK.sub("", _FENCED.sub("", markdown))
    syntax = links + [found[0] for found in _MENTION.finditer(outside)]
    syntax += re.findall(r"[*_~#|\[\]<>`]|@", outside)
    # What a client would notify although it stands in code is told too.
    syntax += re.findall(r"@(?:everyone|here|channel|all)", markdown)
    return Shown(_LINK.sub("", markdown.replace("```", "")).strip("\n"), syntax)
