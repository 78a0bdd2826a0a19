"""A stand-in for Twilio's REST API that enforces what is documented of messages and calls.

Basic authentication by account and token, a form, numbers in E.164, a body of 1,600 characters or TwiML
of 4,000 at most; 201 with JSON when it is taken, else an error with Twilio's own code. The real one
looks at TwiML only when somebody picks up; this one refuses at once what would then fail.
"""

from __future__ import annotations

import base64
import re
import xml.etree.ElementTree as ET
from collections import deque
from typing import NamedTuple

from aiohttp import web

from tests.servers.web_stand_in import WebStandIn

ACCOUNT = "AC" + "0" * 32
TOKEN = "f" * 32
NUMBER = "+15005550006"
"""The one number that the account has."""

MAX_BODY, MAX_TWIML = 1_600, 4_000

_E164 = re.compile(r"\+[1-9]\d{1,14}\Z")


class Call(NamedTuple):
    """A call that it makes: what is said."""

    to: str
    said: str


class Sms(NamedTuple):
    """A message that it sends."""

    to: str
    body: str


class Twilio(WebStandIn):
    """Use as an async context manager. Answers each of `answers` once instead of working."""

    def __init__(self) -> None:
        self.messages: list[Sms] = []
        self.calls: list[Call] = []
        self.answers: deque[tuple[int, dict[str, str]]] = deque()

    @property
    def url(self) -> str:
        """Of the account."""
        return f"http://127.0.0.1:{self.port}/2010-04-01/Accounts/{ACCOUNT}"

    def _route(self, app: web.Application) -> None:
        app.router.add_post("/2010-04-01/Accounts/{account}/Messages.json", self._message)
        app.router.add_post("/2010-04-01/Accounts/{account}/Calls.json", self._call)

    async def _message(self, request: web.Request) -> web.Response:
        form = await self._form(request)
        if isinstance(form, web.Response):
            return form
        if not form.get("Body"):
            return _error(400, 21602, "Message body is required.")
        if len(form["Body"]) > MAX_BODY:
            return _error(400, 21617, "The concatenated message body exceeds the 1600 character limit.")
        self.messages.append(Sms(form["To"], form["Body"]))
        return web.json_response({"sid": "SM" + "1" * 32, "status": "queued"}, status=201)

    async def _call(self, request: web.Request) -> web.Response:
        form = await self._form(request)
        if isinstance(form, web.Response):
            return form
        twiml = form.get("Twiml", "")
        if not twiml or len(twiml) > MAX_TWIML:
            return _error(400, 21205, "Url parameter or TwiML of up to 4000 characters is required.")
        try:
            root = ET.fromstring(twiml)
        except ET.ParseError as error:
            return _error(400, 12100, f"Document parse failure: {error}")
        if root.tag != "Response" or [each.tag for each in root] != ["Say"] or len(root[0]):
            return _error(400, 12200, "Schema validation warning")
        self.calls.append(Call(form["To"], root[0].text or ""))
        return web.json_response({"sid": "CA" + "2" * 32, "status": "queued"}, status=201)

    async def _form(self, request: web.Request) -> dict[str, str] | web.Response:
        if self.answers:
            status, headers = self.answers.popleft()
            return web.json_response(
                {"code": 20429 if status == 429 else 20500}, status=status, headers=headers
            )
        if request.match_info["account"] != ACCOUNT or request.headers.get("Authorization") != _LOGIN:
            return _error(401, 20003, "Authenticate")
        if request.content_type != "application/x-www-form-urlencoded":
            return _error(415, 20415, "Unsupported content type")
        form = {name: str(value) for name, value in (await request.post()).items()}
        if not _E164.match(form.get("To", "")):
            return _error(400, 21211, f"The 'To' number {form.get('To')} is not a valid phone number.")
        if form.get("From") != NUMBER:
            return _error(
                400, 21212, f"The 'From' number {form.get('From')} is not a valid phone number."
            )
        return form


_LOGIN = "Basic " + base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()


def _error(status: int, code: int, message: str) -> web.Response:
    whole = {
        "code": code,
        "message": message,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
    }
    return web.json_response({**whole, "status": status}, status=status)
