"""An SMTP client that tells each of its steps, with what the server replies, to whoever asked for it.

Nothing of user, password or mail is told; of a sign-in the reply's code alone, for its text is about
secrets.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import aiosmtplib

from coalmine_aggregator.notify.trace import Say


class ToldClient(aiosmtplib.SMTP):
    """As its base; call `starttls` and `login` after `connect`, so that each is a step of its own."""

    def __init__(self, say: Say | None = None, **settings: Any) -> None:
        super().__init__(**settings, start_tls=False)
        self._say = say

    async def connect(self, **more: Any) -> aiosmtplib.SMTPResponse:
        """Has the server's greeting; TLS before it, if `use_tls`."""
        tls = ", with TLS from the start" if self.use_tls else ""
        self._tell("connect", f"opening a connection to {self.hostname}:{self.port}{tls}")
        response = await self._step("connect", "greeting", super().connect(**more))
        if self.use_tls:
            self._tell_tls()
        return response

    async def starttls(self, **more: Any) -> aiosmtplib.SMTPResponse:
        """Encrypted from here on."""
        self._tell("tls", "asking for STARTTLS")
        response = await self._step("tls", "STARTTLS", super().starttls(**more))
        self._tell_tls()
        return response

    async def login(
        self, username: str | bytes, password: str | bytes, /, *more: Any, **others: Any
    ) -> aiosmtplib.SMTPResponse:
        """By the first way of the server's that works."""
        self._tell("sign-in", "giving user and password")
        signing_in = super().login(username, password, *more, **others)
        return await self._step("sign-in", "", signing_in, code_alone=True)

    async def mail(self, sender: str, /, **more: Any) -> aiosmtplib.SMTPResponse:
        """The envelope's sender."""
        return await self._step("sender", sender, super().mail(sender, **more))

    async def rcpt(self, recipient: str, /, **more: Any) -> aiosmtplib.SMTPResponse:
        """A recipient of the envelope's."""
        return await self._step("recipient", recipient, super().rcpt(recipient, **more))

    async def data(self, message: str | bytes, /, **more: Any) -> aiosmtplib.SMTPResponse:
        """The mail itself."""
        self._tell("message", f"sending {len(message)} bytes")
        return await self._step("message", "", super().data(message, **more))

    async def _step(
        self,
        step: str,
        what: str,
        reply: Awaitable[aiosmtplib.SMTPResponse],
        *,
        code_alone: bool = False,
    ) -> aiosmtplib.SMTPResponse:
        begin = f"{what}: " if what else ""

        def told(code: int, text: str) -> str:
            return str(code) if code_alone else f"{code} {flat(text)}".rstrip()

        try:
            response = await reply
        except aiosmtplib.SMTPResponseException as error:
            self._tell(step, f"{begin}refused, {told(error.code, error.message)}")
            raise
        self._tell(step, f"{begin}taken, {told(response.code, response.message)}")
        return response

    def _tell_tls(self) -> None:
        version = self.get_transport_info("ssl_object").version()
        self._tell("tls", f"{version}; the server's certificate is right")

    def _tell(self, step: str, what: str) -> None:
        if self._say is not None:
            self._say(step, what)


def flat(text: str) -> str:
    """A reply in one line, 500 characters of it."""
    return " ".join(text.split())[:500]
