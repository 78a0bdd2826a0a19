"""What the configuration says of a gateway to phones."""

from __future__ import annotations

import dataclasses
import re
from enum import StrEnum
from pathlib import Path

from coalmine_aggregator.model.alerts import Change
from coalmine_aggregator.notify.gateway.gsm import MAX_SEGMENTS
from coalmine_aggregator.notify.gateway.phone import Phone
from coalmine_aggregator.notify.gateway.pointer import JsonPointer
from coalmine_aggregator.notify.gateway.template import JsonTemplate, Template
from coalmine_aggregator.notify.targets import target_of
from coalmine_aggregator.notify.web_url import WebUrl
from coalmine_runtime.settings import Secret, SettingError, setting
from coalmine_runtime.tls import readable

MAX_FIELDS = 50
"""Fields of a form, and headers."""

_HEADER = re.compile(r"[A-Za-z0-9-]{1,100}\Z")
_OURS = frozenset({"content-type", "content-length", "transfer-encoding", "host", "connection"})


class Method(StrEnum):
    """How the gateway is asked. With GET the form goes into the query."""

    POST = "POST"
    PUT = "PUT"
    GET = "GET"


@dataclasses.dataclass(frozen=True, kw_only=True)
class HeaderSettings:
    """A header that goes with every request."""

    name: str = setting("Its name, for example X-Api-Key")
    value: Secret = setting("Its value")

    def __post_init__(self) -> None:
        if not _HEADER.match(self.name) or self.name.lower() in _OURS:
            raise SettingError("name", f'"{self.name}" is no header that can be set')
        value = self.value.reveal()
        if not (value.isascii() and value.isprintable()) or value != value.strip():
            raise SettingError("value", "expected printable ASCII characters")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TakenSettings:
    """Which answer says that the message was taken."""

    status: list[int] = setting("Any of these", [200, 201, 202])
    pointer: JsonPointer | None = setting(
        "JSON pointer to what the answer must say besides, for example /messages/0/status", None
    )
    equals: str = setting("What stands there: text, or a number, true, false, null as JSON has it", "")

    def __post_init__(self) -> None:
        if not self.status or not all(200 <= status < 300 for status in self.status):
            raise SettingError("status", "expected one or more from 200 to 299")
        if self.equals and self.pointer is None:
            raise SettingError("pointer", "is missing: where what equals says must stand")


@dataclasses.dataclass(frozen=True, kw_only=True)
class GatewaySettings:
    """A gateway that takes an HTTP request and sends an SMS or calls a phone."""

    url: WebUrl = setting("Where requests go, https:// unless on loopback")
    method: Method = setting("How; with GET the form goes into the query", Method.POST)
    form: dict[str, Template] = setting(
        "Fields of a form; {to}, {text}, {subject} and {id} are filled in, within XML as {text:xml}",
        {},
    )
    json: JsonTemplate | None = setting(
        "In place of a form: a JSON document, filled in within its strings", None
    )
    user: str = setting("User for HTTP's basic authentication; none where absent", "")
    password: Secret | None = setting("The user's password", None)
    headers: list[HeaderSettings] = setting("Headers besides", [])
    to: Phone | None = setting("A fixed number; where absent, routes say which person", None)
    tell: list[Change] = setting("What of an alert is told", [Change.OPENED])
    segments: int = setting(
        "SMS that {text} may take, 1 to 3: 160 characters in one, 153 in each of several", 2
    )
    taken: TakenSettings = setting("Which answer says that it was taken", TakenSettings())
    allow_http: bool = setting("Send unencrypted beyond loopback", False)
    allow_private: bool = setting("Send to addresses of private networks, too", False)
    ca_file: Path | None = setting("Certificates to trust, PEM; the system's where absent", None)

    def __post_init__(self) -> None:
        if not (self.url.secure or self.url.loopback or self.allow_http):
            raise SettingError("url", f"{self.url} is unencrypted; https, or allow_http: true")
        target_of(self.url, private=self.allow_private)
        if bool(self.form) == (self.json is not None):
            raise SettingError("form", "expected either form or json")
        if self.json is not None and self.method is Method.GET:
            raise SettingError("method", "GET has no body for json; give a form")
        for name, entries in (("form", self.form), ("headers", self.headers)):
            if len(entries) > MAX_FIELDS:
                raise SettingError(name, f"expected at most {MAX_FIELDS}, found {len(entries)}")
        if not self.places & {"text", "subject"}:
            raise SettingError(
                "json" if self.json else "form", "{text} or {subject} stands nowhere in it"
            )
        if self.to is not None and "to" not in self.places:
            raise SettingError("to", "{to} stands nowhere in what is sent")
        if bool(self.user) != (self.password is not None):
            raise SettingError("password" if self.user else "user", "user and password go together")
        if ":" in self.user:
            raise SettingError("user", "a colon ends it in basic authentication")
        if Change.OPENED not in self.tell:
            raise SettingError("tell", "opened is always told")
        if not 1 <= self.segments <= MAX_SEGMENTS:
            raise SettingError("segments", f"expected 1 to {MAX_SEGMENTS}")
        readable(self.ca_file, "ca_file")

    @property
    def address(self) -> str:
        """What it needs of a person: nothing where there is a fixed number, or the gateway knows whom
        to reach."""
        return "phone" if self.to is None and "to" in self.places else ""

    @property
    def places(self) -> frozenset[str]:
        """What is filled in anywhere."""
        templates = self.form.values() if self.json is None else self.json.templates()
        return frozenset().union(*(template.places() for template in templates))
