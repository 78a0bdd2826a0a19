"""What to send where: one `EndpointPlan` an endpoint, made from the settings, read by the runner."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import ssl

    from coalmine_wire.protocols import Protocol

Family = Literal["any", "ipv4", "ipv6"]
"""Which addresses of a name an endpoint is reached at."""


@dataclass(frozen=True, slots=True)
class TlsPlan:
    """How an endpoint over TLS is reached: the context holds trust and client certificate."""

    context: ssl.SSLContext
    server_name: str


@dataclass(frozen=True, slots=True)
class EndpointPlan:
    """One endpoint: where to send, by which protocol, what name, when in the second.

    `host` is a name or a literal address. `series_name` is the Graphite name without `key`; a `key`
    goes in front of it with a dot, in plaintext lines and pickles alike. `path` is the request target
    of `https` and `authorization` the whole value of its header; both are empty elsewhere.
    """

    service: str
    protocol: Protocol
    variant: str
    host: str
    port: int
    series_name: str
    phase_ms: int
    key: str = field(default="", repr=False)
    tls: TlsPlan | None = None
    path: str = ""
    authorization: str = field(default="", repr=False)
    family: Family = "any"

    @property
    def wire_name(self) -> str:
        """The name that travels: with the API key in front, where there is one."""
        return f"{self.key}.{self.series_name}" if self.key else self.series_name

    @property
    def address(self) -> str:
        """`host:port` for people, with brackets around an IPv6 literal."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
