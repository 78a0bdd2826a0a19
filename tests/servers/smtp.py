"""A real mail server, aiosmtpd, in a process of its own; `smtp_process` says how it behaves."""

from __future__ import annotations

import base64
import email
import json
import sys
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import NamedTuple

from coalmine_aggregator.demo.ports import free_port
from tests.conftest import Certificate
from tests.servers.process import Process

ROOT = Path(__file__).resolve().parents[2]


class Taken(NamedTuple):
    """A mail that it took. `login` is who had signed in; `raw` is what came after DATA."""

    sender: str
    to: list[str]
    encrypted: bool
    login: str
    raw: bytes

    @property
    def mail(self) -> EmailMessage:
        """As a mail program reads it."""
        parsed = email.message_from_bytes(self.raw, policy=SMTP)
        assert isinstance(parsed, EmailMessage)
        return parsed


class SmtpServer(Process):
    """On `port`. With a certificate it speaks TLS from the start, or after STARTTLS and not before."""

    def __init__(
        self,
        folder: Path,
        *,
        certificate: Certificate | None = None,
        starttls: bool = False,
        login: tuple[str, str] | None = None,
    ) -> None:
        self.port = free_port()
        self._mails = folder / "mails"
        self._mails.mkdir()
        argv = [sys.executable, "-W", "ignore", "-m", "tests.servers.smtp_process"]
        argv += [str(self.port), str(self._mails)]
        if certificate is not None:
            argv += ["--certificate", str(certificate.chain), str(certificate.key)]
        if starttls:
            argv += ["--starttls"]
        if login is not None:
            argv += ["--login", *login]
        super().__init__(argv, log=folder / "smtp.log", cwd=ROOT)

    async def __aenter__(self) -> SmtpServer:
        await self.start()
        await self.until_listening(self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()

    def taken(self) -> list[Taken]:
        """What it has taken, the oldest first."""
        files = sorted(self._mails.glob("*.json"), key=lambda path: int(path.stem))
        return [_taken(json.loads(path.read_text())) for path in files]


def _taken(found: dict[str, object]) -> Taken:
    raw = base64.b64decode(str(found["content"]))
    to = found["to"]
    assert isinstance(to, list)
    return Taken(str(found["from"]), to, bool(found["encrypted"]), str(found["login"]), raw)
