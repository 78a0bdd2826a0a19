"""A mail server: `python -m tests.servers.smtp_process PORT FOLDER`, with TLS and logins as told.

It writes each mail it takes into FOLDER as JSON: `n.json` with envelope and content. What a recipient
is called decides what it says of them: `unknown` 550, `full` 552, `grey` 451 at the first try of each
sender and recipient, as greylisting does; a mail with `virus` in it is refused with 554 after DATA,
one with `busy` put off with 451.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import itertools
import json
import ssl
import sys
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

_REFUSED = {"unknown": "550 5.1.1 no such user", "full": "552 5.2.2 mailbox full"}


class Handler:
    """Keeps what it takes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: set[tuple[str | None, str]] = set()
        self._numbers = itertools.count()

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        name = address.partition("@")[0]
        if name in _REFUSED:
            return _REFUSED[name]
        if name == "grey" and (envelope.mail_from, address) not in self._seen:
            self._seen.add((envelope.mail_from, address))
            return "451 4.7.1 greylisted, come again"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.original_content or b""
        if b"virus" in content:
            return "554 5.7.1 refused"
        if b"busy" in content:
            return "451 4.3.0 try again"
        assert server.transport is not None
        taken = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "encrypted": server.transport.get_extra_info("ssl_object") is not None,
            "login": getattr(session.auth_data, "login", b"").decode(),
            "content": base64.b64encode(content).decode(),
        }
        number = next(self._numbers)
        part = self._folder / f"{number}.part"
        part.write_text(json.dumps(taken))
        part.rename(self._folder / f"{number}.json")
        return "250 2.0.0 taken"


async def main(argv: list[str]) -> None:
    """Serves until it is ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--certificate", nargs=2)
    parser.add_argument("--starttls", action="store_true")
    parser.add_argument("--login", nargs=2)
    options = parser.parse_args(argv)
    context = None
    if options.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*options.certificate)

    def knows(*arguments: Any) -> AuthResult:
        given: LoginPassword = arguments[-1]
        right = [each.encode() for each in options.login]
        matches = [given.login, given.password] == right
        return AuthResult(success=matches, handled=matches, auth_data=given)

    handler = Handler(options.folder)
    starttls = context if options.starttls else None

    def protocol() -> SMTP:
        return SMTP(
            handler,
            hostname="mail.example.com",
            tls_context=starttls,
            require_starttls=starttls is not None,
            auth_require_tls=starttls is not None,
            authenticator=knows if options.login else None,
            auth_required=options.login is not None,
            data_size_limit=1 << 20,
        )

    loop = asyncio.get_running_loop()
    implicit = None if options.starttls else context
    server = await loop.create_server(protocol, "127.0.0.1", options.port, ssl=implicit)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
