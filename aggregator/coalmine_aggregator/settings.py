"""What an aggregator's configuration file may say."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from coalmine_aggregator.access.roles import Scope
from coalmine_aggregator.access.settings import AccessSettings
from coalmine_aggregator.detection_settings import DetectionSettings
from coalmine_aggregator.incident_settings import IncidentSettings
from coalmine_aggregator.model.policy import SLO_WINDOW_S, ServicePolicy
from coalmine_aggregator.notify.heartbeat_settings import HeartbeatSettings
from coalmine_aggregator.notify.settings import NotifySettings, check_names
from coalmine_aggregator.notify.web_url import WebUrl
from coalmine_aggregator.paging.policy import PagingPolicy
from coalmine_aggregator.paging_settings import PagingSettings
from coalmine_aggregator.pair_settings import PairSettings
from coalmine_aggregator.playbook_settings import OwnSettings, PlaybookSettings, playbooks_of
from coalmine_aggregator.remediation_settings import RemediationSettings
from coalmine_aggregator.store.settings import DatabaseUrl, HistorySettings
from coalmine_runtime.logs import Format
from coalmine_runtime.mqtt import BrokerSettings, BrokerUrl
from coalmine_runtime.settings import (
    Address,
    Bytes,
    Fraction,
    Network,
    Seconds,
    Secret,
    SettingError,
    setting,
)
from coalmine_runtime.tls import TlsClientSettings, TlsServerSettings
from coalmine_wire.control import MIN_KEY_BYTES
from coalmine_wire.series import is_label
from coalmine_wire.topics import is_topic_part

MAX_ACCEPTABLE_LOSS = 0.5

MAX_READERS = 16


def check_acceptable_loss(share: float) -> None:
    """Raises `SettingError` for a share that leaves nothing to watch."""
    if share > MAX_ACCEPTABLE_LOSS:
        raise SettingError(
            "acceptable_loss",
            f"a service that may lose more than {MAX_ACCEPTABLE_LOSS:.0%} needs no watching",
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class SloSettings:
    """The objective that a service is held to over weeks; alerts are made of how fast it is used up."""

    objective: Fraction | None = setting(
        "Share of datapoints to be delivered, such as 99.9%; 1 less the acceptable loss where absent",
        None,
    )
    window: Seconds = setting("Over which time, 1d to 90d", float(SLO_WINDOW_S))

    def __post_init__(self) -> None:
        if self.objective is not None and not 0 < self.objective < 1:
            raise SettingError("objective", "expected less than everything, such as 99.9%")
        if not 86_400 <= self.window <= 90 * 86_400 or self.window % 60:
            raise SettingError("window", "expected whole minutes from 1d to 90d")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServiceSettings:
    """One watched service."""

    acceptable_loss: Fraction = setting(
        "Share of datapoints that may be lost at any time; the detectors look for more than that", 0.001
    )
    slo: SloSettings = setting("The objective over weeks", SloSettings())
    owner: str = setting("Who is responsible; carried to every page", "")
    playbook: str = setting("Link to what to do; carried to every page", "")
    playbooks: list[PlaybookSettings] = setting("What to do, by kind of alert", [])

    def __post_init__(self) -> None:
        check_acceptable_loss(self.acceptable_loss)

    def policy(self, name: str) -> ServicePolicy:
        """The rules for the service of this name."""
        return ServicePolicy(
            name,
            self.acceptable_loss,
            self.owner,
            playbooks_of(self.playbooks, self.playbook),
            self.slo.objective,
            int(self.slo.window),
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class HttpsReceiverSettings:
    """The receiver of lines by HTTPS POST. Short form: its address."""

    listen: Address = setting("Where to listen, for example :8443")
    path: str = setting("The request path that takes lines", "/api/v1/sink")

    @classmethod
    def parse(cls, text: str) -> HttpsReceiverSettings:
        """The short form."""
        return cls(listen=Address.parse(text))

    def __post_init__(self) -> None:
        if not self.path.startswith("/"):
            raise SettingError("path", f'expected a path such as /api/v1/sink, not "{self.path}"')


@dataclasses.dataclass(frozen=True, kw_only=True)
class LimitSettings:
    """What one client may take up; past it, it is cut off and counted."""

    connections: int = setting("Connections in all, per receiver", 10_000)
    connections_per_address: int = setting("Connections from one address, per receiver", 1_000)
    idle: Seconds = setting("A connection that says nothing for so long is closed", 300.0)
    body: Bytes = setting("Longest HTTPS request body", 1 << 20)

    def __post_init__(self) -> None:
        for key in ("connections", "connections_per_address", "idle", "body"):
            if getattr(self, key) <= 0:
                raise SettingError(key, "expected more than nothing")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReceiveSettings:
    """Where datapoints arrive."""

    tcp: Address | None = setting("Plaintext lines over TCP, for example 127.0.0.1:2003", None)
    udp: Address | None = setting("Plaintext lines over UDP", None)
    tls: Address | None = setting("Plaintext lines over TLS", None)
    pickle: Address | None = setting("Length-prefixed pickles over TCP", None)
    pickle_tls: Address | None = setting("Length-prefixed pickles over TLS", None)
    https: HttpsReceiverSettings | None = setting("Lines by HTTPS POST", None)
    certificate: TlsServerSettings | None = setting("For tls, pickle_tls and https", None)
    key: Secret | None = setting(
        "API key: prefix of each name, and user of basic auth for https; none where absent", None
    )
    allow_from: list[Network] = setting(
        "Networks that may send; required where a receiver listens beyond loopback", []
    )
    limits: LimitSettings = setting("What one client may take up", LimitSettings())

    def __post_init__(self) -> None:
        for key in ("tls", "pickle_tls", "https"):
            if getattr(self, key) is not None and self.certificate is None:
                raise SettingError(key, 'needs "certificate"')
        if not self.listeners():
            raise ValueError(
                "no receiver: give at least one of tcp, udp, tls, pickle, pickle_tls, https"
            )
        for key, address in self.listeners().items():
            if not address.loopback and not self.allow_from:
                raise SettingError(key, f'{address} is beyond loopback and needs "allow_from"')

    def listeners(self) -> dict[str, Address]:
        """The addresses in use, by protocol."""
        found = {
            "tcp": self.tcp,
            "udp": self.udp,
            "tls": self.tls,
            "pickle": self.pickle,
            "pickle_tls": self.pickle_tls,
            "https": self.https.listen if self.https else None,
        }
        return {key: address for key, address in found.items() if address is not None}


@dataclasses.dataclass(frozen=True, kw_only=True)
class BrokerCertificate:
    """The certificate that the embedded broker shows. It asks its clients for none."""

    certificate_file: Path = setting("Certificate with its chain, PEM")
    private_key_file: Path = setting("Its private key, PEM")

    def __post_init__(self) -> None:
        TlsServerSettings(
            certificate_file=self.certificate_file, private_key_file=self.private_key_file
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class BrokerChoice(TlsClientSettings):
    """The MQTT broker: our own (`listen`) or another (`url`, with the keys that agents have for it)."""

    listen: Address | None = setting(
        "Run the embedded broker here; 127.0.0.1:1883 unless url is given", None
    )
    certificate: BrokerCertificate | None = setting("TLS of the embedded broker", None)
    url: BrokerUrl | None = setting(
        "Use this broker instead, mqtt://host:port or mqtts://host:port", None
    )
    username: str = setting("Our user name at the other broker; our client identifier where absent", "")
    password: Secret | None = setting(
        "What agents must know (embedded), or ours at the other broker", None
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.server_name:
            raise SettingError("server_name", "a broker is verified by the host of its URL")
        if self.url is not None:
            for key in ("listen", "certificate"):
                if getattr(self, key) is not None:
                    raise SettingError(
                        key, 'is for the embedded broker and stands beside "url"; give one'
                    )
            if not self.url.tls and (self.ca_file is not None or self.certificate_file is not None):
                raise SettingError("url", "certificates need mqtts://")
            return
        if self.username:
            raise SettingError("username", 'is for a broker by "url"; agents share a password alone')
        if self.ca_file is not None or self.certificate_file is not None:
            key = "ca_file" if self.ca_file is not None else "certificate_file"
            raise SettingError(key, 'is for a broker by "url"; the embedded one takes "certificate"')
        if not self.embedded.loopback and (self.certificate is None or self.password is None):
            raise SettingError(
                "listen", f'{self.embedded} is beyond loopback and needs "certificate" and "password"'
            )

    @property
    def embedded(self) -> Address:
        """Where the embedded broker listens."""
        return self.listen or Address("127.0.0.1", 1883)

    def client(self, fleet: str) -> BrokerSettings:
        """How to connect to the broker by `url`."""
        assert self.url is not None
        return BrokerSettings(
            url=self.url,
            fleet=fleet,
            username=self.username,
            password=self.password,
            ca_file=self.ca_file,
            certificate_file=self.certificate_file,
            private_key_file=self.private_key_file,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ControlSettings:
    """The aggregator's own copy of what its control agents know."""

    key: Secret = setting("Key of the control agents: what they withhold must be counted lost")

    def __post_init__(self) -> None:
        if len(self.key.reveal().encode()) < MIN_KEY_BYTES:
            raise SettingError("key", f"expected {MIN_KEY_BYTES} bytes or more")


@dataclasses.dataclass(frozen=True, kw_only=True)
class WebSettings:
    """The page and the API."""

    listen: Address = setting("Where to listen", Address("127.0.0.1", 8080))
    certificate: TlsServerSettings | None = setting("TLS; required beyond loopback", None)
    access: AccessSettings = setting("Who may come in; required beyond loopback", AccessSettings())
    url: WebUrl | None = setting(
        "Its address as people reach it, such as https://coalmine.example; messages link there", None
    )
    hosts: list[str] = setting(
        "Names under which people reach the page, besides addresses and localhost", []
    )
    readers: int = setting("Processes that read history for the page and the API", 1)

    def __post_init__(self) -> None:
        if not 1 <= self.readers <= MAX_READERS:
            raise SettingError("readers", f"expected 1 to {MAX_READERS}")
        if self.url is not None and "?" in self.url.text:
            raise SettingError("url", f"{self.url} has a query; links have their own")
        if not self.listen.loopback and (self.certificate is None or not self.access.required):
            raise SettingError(
                "listen", f'{self.listen} is beyond loopback and needs "certificate" and "access"'
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class MetricsSettings:
    """Where Prometheus scrapes. Short form: its address."""

    listen: Address = setting("Where to listen", Address("127.0.0.1", 9464))
    certificate: TlsServerSettings | None = setting("TLS; required beyond loopback", None)

    @classmethod
    def parse(cls, text: str) -> MetricsSettings:
        """The short form."""
        return cls(listen=Address.parse(text))

    def __post_init__(self) -> None:
        if not self.listen.loopback and self.certificate is None:
            raise SettingError("listen", f'{self.listen} is beyond loopback and needs "certificate"')


@dataclasses.dataclass(frozen=True, kw_only=True)
class LogSettings:
    """The log on standard error."""

    format_: Format = setting("How lines are written", Format.TEXT)
    level: str = setting("The least that is written: debug, info, warning or error", "info")

    def __post_init__(self) -> None:
        if self.level not in ("debug", "info", "warning", "error"):
            raise SettingError("level", f'"{self.level}" is none of debug, info, warning, error')


@dataclasses.dataclass(frozen=True, kw_only=True)
class AggregatorSettings:
    """The whole file."""

    fleet: str = setting("The fleet's name, part of every topic and de-duplication key", "default")
    services: dict[str, ServiceSettings] = setting("What is watched, by name")
    detection: DetectionSettings = setting("How loss is told from noise", DetectionSettings())
    control: ControlSettings | None = setting("Check of the counting by control agents", None)
    own: OwnSettings = setting("Who looks after Coalmine itself", OwnSettings())
    receive: ReceiveSettings = setting("Where datapoints arrive")
    broker: BrokerChoice = setting("Where agents report", BrokerChoice())
    notify: list[NotifySettings] = setting("Who hears of alerts", [])
    heartbeat: HeartbeatSettings | None = setting(
        "Who waits for a sign that the counting is proven right", None
    )
    pair: PairSettings | None = setting("Two aggregators that watch each other", None)
    paging: PagingSettings = setting("Who hears of which alerts, when", PagingSettings())
    incidents: IncidentSettings = setting("What becomes of pages for people", IncidentSettings())
    remediation: RemediationSettings = setting(
        "Nodes that are taken out of service discovery", RemediationSettings()
    )
    store: DatabaseUrl = setting(
        "Where history is kept: postgresql://user:password@host/database, or sqlite:////path.db; "
        "with three slashes relative to where it starts",
        DatabaseUrl.parse("sqlite:///coalmine.db"),
    )
    history: HistorySettings = setting("How long it is kept", HistorySettings())
    web: WebSettings = setting("The page and the API", WebSettings())
    metrics: MetricsSettings | None = setting(
        "Listener for Prometheus; web.access says who may scrape, web.hosts under which names", None
    )
    log: LogSettings = setting("The log", LogSettings())

    def __post_init__(self) -> None:
        if not is_topic_part(self.fleet):
            raise SettingError("fleet", f'"{self.fleet}" has other characters than a-z 0-9 _ . -')
        if not self.services:
            raise SettingError("services", "no service is watched")
        for name in self.services:
            if not is_label(name):
                raise SettingError(f"services.{name}", "has other characters than a-z 0-9 _ -")
        check_names(self.notify)
        self.paging.policy(self.notify)
        self._check_remediation()
        if self.heartbeat is not None and self.control is None:
            raise SettingError(
                "heartbeat",
                'says that the counting is proven right, and control agents prove it; needs "control"',
            )
        if self.pair is not None and self.broker.url is None:
            raise SettingError(
                "pair", 'both aggregators meet at a broker that outlives either; needs "broker.url"'
            )
        self._check_metrics()

    def _check_remediation(self) -> None:
        try:
            self.remediation.check_services(self.services)
        except SettingError as error:
            raise SettingError(f"remediation.{error.key}", str(error)) from None

    def _check_metrics(self) -> None:
        if self.metrics is None or self.metrics.listen.loopback:
            return
        if not any(Scope.METRICS in token.granted for token in self.web.access.tokens):
            raise SettingError(
                "metrics.listen",
                f"{self.metrics.listen} is beyond loopback and needs one of web.access.tokens "
                "with the scope metrics",
            )

    def paging_policy(self) -> PagingPolicy:
        """Who hears of which alerts."""
        return self.paging.policy(self.notify)

    def own_policy(self) -> ServicePolicy:
        """What alerts about Coalmine itself carry."""
        return ServicePolicy(
            "", 0.0, self.own.owner, playbooks_of(self.own.playbooks, self.own.playbook)
        )

    def policies(self) -> dict[str, ServicePolicy]:
        """The rules of every service."""
        return {name: service.policy(name) for name, service in self.services.items()}

    def stop_file(self) -> Path:
        """The file that stops remediation for as long as it exists."""
        if self.remediation.stop_file is not None:
            return self.remediation.stop_file
        kept = self.store.file
        return (Path("/var/lib/coalmine") if kept is None else kept.parent) / "remediation.stop"
