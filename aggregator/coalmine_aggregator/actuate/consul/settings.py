"""What the configuration says of Consul."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from coalmine_aggregator.notify.gateway.template import Template
from coalmine_aggregator.notify.web_url import WebUrl
from coalmine_runtime.settings import Address, Network, Seconds, Secret, SettingError, setting
from coalmine_runtime.tls import TlsServerSettings, readable
from coalmine_wire.series import is_label

_PLACES = ("service", "node")
_EXAMPLE = {"service": "service", "node": "node"}
_CHECK = re.compile(r"[A-Za-z0-9_.:{}-]{1,255}\Z")


class AgentUrl(NamedTuple):
    """Where the Consul agents are: one, or with `{node}` in it the one of each node."""

    template: Template

    @classmethod
    def parse(cls, text: str) -> AgentUrl:
        """Raises ValueError."""
        template = Template.parse(text, _PLACES)
        WebUrl.parse(template.filled(_EXAMPLE))
        if "{" in text.partition("://")[2].partition("/")[2]:
            raise ValueError("{node} stands in the host alone")
        return cls(template)

    @property
    def one(self) -> bool:
        """Whether all nodes have the same."""
        return not self.template.places()

    def of(self, service: str, node: str) -> WebUrl:
        """The agent of a node."""
        return WebUrl.parse(self.template.filled({"service": service, "node": node}))

    def __str__(self) -> str:
        return str(self.template)


class CheckName(NamedTuple):
    """What checks are called, such as `coalmine-{service}-{node}`."""

    template: Template

    @classmethod
    def parse(cls, text: str) -> CheckName:
        """Raises ValueError."""
        if not _CHECK.match(text):
            raise ValueError("expected up to 255 of A-Z a-z 0-9 _ . : - and places in braces")
        template = Template.parse(text, _PLACES)
        if template.places() != set(_PLACES):
            raise ValueError("needs {service} and {node}: each node of a service has its own check")
        return cls(template)

    def of(self, service: str, node: str) -> str:
        """The check of a node."""
        return self.template.filled({"service": service, "node": node})

    def pattern(self) -> re.Pattern[str]:
        """Matches every check that it may name."""
        parts = re.split(r"\{(?:service|node)\}", self.template.text)
        return re.compile("[a-z0-9_-]+".join(map(re.escape, parts)) + r"\Z")

    def __str__(self) -> str:
        return str(self.template)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConsulSettings:
    """TTL checks that are told of withdrawals."""

    url: AgentUrl = setting(
        "The Consul agent that has the checks, or with {node} in its host each node's own: "
        "https://{node}:8501"
    )
    nodes: dict[str, WebUrl] = setting("The agents of nodes that url does not lead to", {})
    check: CheckName = setting(
        "What the checks are called", CheckName(Template("coalmine-{service}-{node}"))
    )
    token: Secret | None = setting("ACL token with service:write on these services", None)
    every: Seconds = setting("How often a withdrawal is told again, 1s to 60s", 5.0)
    keep_passing: bool = setting(
        "Tell the checks of all other nodes as often that they pass; then nobody may be in service "
        "without us, unless something on the node passes checks that ran out",
        False,
    )
    allow_http: bool = setting("Send unencrypted beyond loopback", False)
    ca_file: Path | None = setting("Certificates to trust, PEM; the system's where absent", None)

    def __post_init__(self) -> None:
        self._check_url("url", self.url.of(**_EXAMPLE))
        for node, url in self.nodes.items():
            if not is_label(node):
                raise SettingError(f"nodes.{node}", "is no name of a node: a-z 0-9 _ -")
            self._check_url(f"nodes.{node}", url)
        if self.token is not None:
            token = self.token.reveal()
            if not token or not all("!" <= each <= "~" for each in token):
                raise SettingError("token", "expected printable ASCII characters without spaces")
        if not 1 <= self.every <= 60:
            raise SettingError("every", "expected 1s to 60s")
        readable(self.ca_file, "ca_file")

    def _check_url(self, key: str, url: WebUrl) -> None:
        if not (url.secure or url.loopback or self.allow_http):
            raise SettingError(key, f"{url} is unencrypted; https, or allow_http: true")
        if "?" in url.text:
            raise SettingError(key, f"{url} has a query; the paths of Consul are added to it")

    def agent_of(self, service: str, node: str) -> str:
        """Where the check of a node is, without a slash at its end."""
        url = self.nodes.get(node) or self.url.of(service, node)
        return url.text.rstrip("/")

    def path_of(self, verb: str, check: str, note: str) -> str:
        """What is asked for there to update a check."""
        return f"/v1/agent/check/{verb}/{quote(check, safe='')}?note={quote(note, safe='')}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConsulCheckSettings:
    """A listener that answers HTTP checks: GET /check/<service>/<node>."""

    listen: Address = setting("Where to listen, for example 127.0.0.1:8510")
    allow_from: list[Network] = setting(
        "Networks that may ask; required where it listens beyond loopback", []
    )
    certificate: TlsServerSettings | None = setting("With it the checks ask over TLS", None)

    @classmethod
    def parse(cls, text: str) -> ConsulCheckSettings:
        """The short form."""
        return cls(listen=Address.parse(text))

    def __post_init__(self) -> None:
        if not self.listen.loopback and not self.allow_from:
            raise SettingError("listen", f'{self.listen} is beyond loopback and needs "allow_from"')
