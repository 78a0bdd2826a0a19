"""The agent's configuration file, as types: what may stand in it, and what each key means."""

from __future__ import annotations

import dataclasses
import enum
import socket
from pathlib import Path
from typing import NamedTuple

from coalmine_agent.health_settings import HealthSettings
from coalmine_agent.service_name import ServiceName
from coalmine_runtime.config_error import nearest
from coalmine_runtime.logs import Format
from coalmine_runtime.mqtt import BrokerSettings
from coalmine_runtime.quantities import Fraction
from coalmine_runtime.settings import Address, Bytes, Seconds, Secret, SettingError, setting
from coalmine_runtime.tls import TlsClientSettings
from coalmine_runtime.url import split_url
from coalmine_wire.control import MAX_SHARE, MIN_KEY_BYTES, Choice
from coalmine_wire.protocols import Protocol
from coalmine_wire.series import Location, is_label
from coalmine_wire.topics import is_topic_part

HTTPS_PORT = 443

MAX_INTERVAL_S = 60


class Level(enum.StrEnum):
    """From which severity on lines are logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Family(enum.StrEnum):
    """Which addresses of a name are used."""

    ANY = "any"
    IPV4 = "ipv4"
    IPV6 = "ipv6"


class EndpointKey(NamedTuple):
    """A protocol, and a variant where a service has several endpoints of it: `tcp`, `tcp-ipv6`."""

    protocol: Protocol
    variant: str = ""

    @classmethod
    def parse(cls, text: str) -> EndpointKey:
        """Raises ValueError with the nearest protocol."""
        name, dash, variant = text.partition("-")
        try:
            protocol = Protocol(name)
        except ValueError:
            raise ValueError(f'"{name}" is no protocol{nearest(name, list(Protocol))}') from None
        if dash and not is_label(variant):
            raise ValueError(f'"{variant}": a variant has only the characters a-z 0-9 _ -')
        if (protocol, variant) == (Protocol.PICKLE, "tls"):
            raise ValueError('a variant of pickle called "tls"; did you mean "pickle_tls"?')
        return cls(protocol, variant)

    @property
    def value_type(self) -> type[Endpoint]:
        """How the settings under this key are read."""
        if self.protocol is Protocol.HTTPS:
            return HttpsEndpoint
        return TlsEndpoint if self.protocol.over_tls else PlainEndpoint

    def __str__(self) -> str:
        return f"{self.protocol}-{self.variant}" if self.variant else str(self.protocol)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Endpoint:
    """What endpoints of all protocols have."""

    family: Family = setting("Which addresses of the name to use", Family.ANY)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlainEndpoint(Endpoint):
    """An endpoint of `tcp`, `udp` or `pickle`; `host:port` is its short form."""

    address: Address = setting("Where to send: host:port")
    key: Secret | None = setting("API key (or other prefix) in front of the metric's name", None)

    @classmethod
    def parse(cls, text: str) -> PlainEndpoint:
        """The short form."""
        return cls(address=Address.parse(text))

    def __post_init__(self) -> None:
        _check_target(self.address)
        _check_key(self.key)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TlsEndpoint(PlainEndpoint, TlsClientSettings):
    """An endpoint of `tls` or `pickle_tls`; `host:port` is its short form."""

    @classmethod
    def parse(cls, text: str) -> TlsEndpoint:
        """The short form."""
        return cls(address=Address.parse(text))

    def __post_init__(self) -> None:
        _check_target(self.address)
        _check_key(self.key)
        TlsClientSettings.__post_init__(self)


class HttpsUrl(NamedTuple):
    """`https://host[:port]/path`."""

    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, text: str) -> HttpsUrl:
        """Raises ValueError, without repeating a password that stands in the URL."""
        url = split_url(text, schemes=("https",), example="https://carbon.example/api/v1/sink")
        _check_zone(url.host)
        target = url.path or "/"
        return cls(url.host, url.port or HTTPS_PORT, f"{target}?{url.query}" if url.query else target)

    def __str__(self) -> str:
        return f"https://{Address(self.host, self.port)}{self.path}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class HttpsEndpoint(Endpoint, TlsClientSettings):
    """An endpoint of `https`, which takes plaintext lines by POST; its URL is its short form."""

    url: HttpsUrl = setting("Where to post: https://host[:port]/path")
    key: Secret | None = setting("API key, sent as the user of HTTP basic authentication", None)
    username: str = setting("User of HTTP basic authentication", "")
    password: Secret | None = setting("Password of HTTP basic authentication", None)

    @classmethod
    def parse(cls, text: str) -> HttpsEndpoint:
        """The short form."""
        return cls(url=HttpsUrl.parse(text))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.key is not None and (self.username or self.password):
            raise SettingError("key", "stands for username and password; give one or the other")
        if self.password is not None and not self.username:
            raise SettingError("password", "needs a username")
        if ":" in self.username:
            raise SettingError("username", "must not contain a colon")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpoolSettings:
    """What happens to reports that the broker has not taken yet."""

    max_age: Seconds = setting("Older reports are given up", 24 * 3600.0)
    max_bytes: Bytes = setting("Room for reports; the oldest give way", 32 << 20)

    def __post_init__(self) -> None:
        if not 60 <= self.max_age <= 24 * 3600:
            raise SettingError("max_age", "must be from 1m to 24h: older reports change nothing")
        if self.max_bytes < 1 << 20:
            raise SettingError("max_bytes", "must be 1MiB or more")


@dataclasses.dataclass(frozen=True, kw_only=True)
class AgentSettings:
    """Who this agent is and where it stands."""

    location: Location = setting("external, internal or on-machine, as seen from the service")
    region: str = setting("Region it stands in, for example eu-west-1")
    zone: str = setting("Zone or data centre it stands in, for example eu-west-1a")
    host: str = setting("Host label; this machine's name where absent", "")
    id: str = setting("Name of this agent in the fleet; the host label where absent", "")
    state_dir: Path | None = setting("Folder for unsent reports; $STATE_DIRECTORY where absent", None)
    interval: Seconds = setting("How long outcomes that went well may be gathered in one report", 1.0)
    spool: SpoolSettings = setting("Unsent reports", SpoolSettings())

    def __post_init__(self) -> None:
        for key in ("region", "zone"):
            if not getattr(self, key):
                raise SettingError(key, "must not be empty")
        if self.id and not is_topic_part(self.id):
            raise SettingError("id", f'"{self.id}" has characters other than a-z 0-9 _ . -')
        if not 1 <= self.interval <= MAX_INTERVAL_S or self.interval != int(self.interval):
            raise SettingError("interval", f"must be whole seconds from 1s to {MAX_INTERVAL_S}s")
        if self.state_dir is not None and not self.state_dir.is_dir():
            raise SettingError("state_dir", f"{self.state_dir}: is no folder")


@dataclasses.dataclass(frozen=True, kw_only=True)
class StatsdSettings:
    """Timings and counters for a StatsD server, by UDP."""

    address: Address = setting("StatsD server, host:port")
    prefix: str = setting("First part of every name", "coalmine.agent")

    @classmethod
    def parse(cls, text: str) -> StatsdSettings:
        """The short form: its address."""
        return cls(address=Address.parse(text))

    def __post_init__(self) -> None:
        _check_target(self.address)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MetricsSettings:
    """Where this machine may read `/metrics` and `/health`."""

    listen: Address = setting("Loopback address to listen on", Address("127.0.0.1", 9105))

    @classmethod
    def parse(cls, text: str) -> MetricsSettings:
        """The short form: its address."""
        return cls(listen=Address.parse(text))

    def __post_init__(self) -> None:
        if not self.listen.loopback:
            raise SettingError("listen", f"{self.listen} is not loopback, such as 127.0.0.1:9105")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ControlSettings:
    """Makes an agent a control agent: it loses datapoints on purpose, to see that they are missed."""

    share: Fraction = setting("Share of its datapoints that are withheld, such as 1/500")
    key: Secret = setting("What chooses them, at least 16 bytes; the aggregator has the same")

    def __post_init__(self) -> None:
        if not 0 < self.share <= MAX_SHARE:
            raise SettingError("share", f"must be more than 0 and at most {MAX_SHARE:.0%}")
        if len(self.key.reveal().encode()) < MIN_KEY_BYTES:
            raise SettingError("key", f"must have {MIN_KEY_BYTES} bytes or more")

    def choice(self) -> Choice:
        """What share and key choose."""
        return Choice(self.key.reveal().encode(), self.share)


@dataclasses.dataclass(frozen=True, kw_only=True)
class LogSettings:
    """Log lines, on standard error."""

    format: Format = setting("How lines are written", Format.TEXT)
    level: Level = setting("Least severity that is logged", Level.INFO)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """The whole file."""

    agent: AgentSettings = setting("Who this agent is and where it stands")
    broker: BrokerSettings = setting("MQTT broker through which the aggregator hears this agent")
    services: dict[ServiceName, dict[EndpointKey, PlainEndpoint | TlsEndpoint | HttpsEndpoint]] = (
        setting("Services to watch: for each its endpoints, by protocol")
    )
    statsd: StatsdSettings | None = setting("StatsD server for timings and counters", None)
    metrics: MetricsSettings | None = setting("Listener for Prometheus and health checks", None)
    health: HealthSettings | None = setting(
        "Answers to load balancers, on a machine of the service", None
    )
    control: ControlSettings | None = setting(
        "Makes it a control agent, whose losses are on purpose and stay out of every rate", None
    )
    log: LogSettings = setting("Log lines", LogSettings())

    def __post_init__(self) -> None:
        if not any(self.services.values()):
            raise SettingError("services", "has no endpoint")
        if self.health is not None:
            self._check_health(self.health)

    def _check_health(self, health: HealthSettings) -> None:
        if self.agent.location is not Location.ON_MACHINE:
            what = "is for an agent on a machine of the service, with location on-machine"
            raise SettingError("health", what)
        for name in health.agent_check.services if health.agent_check else ():
            if name not in self.services:
                what = f'"{name}" is none of the services{nearest(name, self.services)}'
                raise SettingError(f"health.agent_check.services.{name}", what)


def host_label(settings: AgentSettings) -> str:
    """The configured host, or this machine's name."""
    return settings.host or socket.gethostname()


def _check_target(address: Address) -> None:
    if not address.host:
        raise ValueError(f'expected host:port, not "{address}"')
    if address.port == 0:
        raise ValueError("port 0 is nowhere to send to")
    _check_zone(address.host)


def _check_zone(host: str) -> None:
    zone = host.partition("%")[2]
    if zone and not zone.isdigit():
        try:
            socket.if_nametoindex(zone)
        except OSError:
            raise ValueError(f'"{zone}" is no network interface of this machine') from None


def _check_key(key: Secret | None) -> None:
    # It stands in front of the name in a line: whitespace would cut the line into other fields.
    if key is not None and not all("!" <= c <= "~" for c in key.reveal()):
        raise SettingError("key", "has characters other than printable ASCII")
