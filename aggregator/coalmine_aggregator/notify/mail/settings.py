"""What the configuration says of a mail server."""

from __future__ import annotations

import dataclasses
from enum import StrEnum
from pathlib import Path

from coalmine_aggregator.notify.mail.address import MailAddress
from coalmine_runtime.settings import Address, Secret, SettingError, setting
from coalmine_runtime.tls import readable

MAX_TO = 50
"""Addresses in `to`: more people than that are a list of the mail server's."""


class Security(StrEnum):
    """How the connection is kept private; the server is always verified."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


@dataclasses.dataclass(frozen=True, kw_only=True)
class MailSettings:
    """A mail server that takes our mail, and to whom it goes."""

    server: Address = setting("The mail server, for example mail.example.com:587")
    from_: MailAddress = setting("The sender's address")
    to: list[MailAddress] = setting("Fixed addresses; where absent, routes say which person", [])
    security: Security = setting(
        "starttls (port 587), tls (port 465), or on loopback none", Security.STARTTLS
    )
    user: str = setting("User to sign in as; nobody where absent", "")
    password: Secret | None = setting("The user's password", None)
    ca_file: Path | None = setting("Certificates to trust, PEM; the system's where absent", None)

    def __post_init__(self) -> None:
        if not self.server.host or not self.server.port:
            raise SettingError("server", "expected host:port")
        if len(self.to) > MAX_TO:
            raise SettingError("to", f"expected at most {MAX_TO} addresses, found {len(self.to)}")
        if len(set(self.to)) < len(self.to):
            raise SettingError("to", "names an address twice")
        if self.security is Security.NONE and not self.server.loopback:
            raise SettingError("security", f"none would carry pages to {self.server} unencrypted")
        if bool(self.user) != (self.password is not None):
            raise SettingError("password" if self.user else "user", "user and password go together")
        readable(self.ca_file, "ca_file")

    @property
    def address(self) -> str:
        """What it needs of a person: nothing where there are fixed addresses."""
        return "" if self.to else "mail"
