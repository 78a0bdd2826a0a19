"""How nodes are taken out of service discovery, and where that is said."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from coalmine_aggregator.actuate.command.settings import CommandSettings
from coalmine_aggregator.actuate.consul.settings import ConsulCheckSettings, ConsulSettings
from coalmine_aggregator.actuate.etcd.settings import EtcdSettings
from coalmine_aggregator.actuate.haproxy.settings import HAProxySettings
from coalmine_aggregator.actuate.http_sd.settings import HttpSdSettings
from coalmine_aggregator.actuate.kubernetes.settings import KubernetesSettings
from coalmine_aggregator.actuate.nodes.settings import NodesSettings
from coalmine_aggregator.actuate.webhook.settings import StateWebhookSettings
from coalmine_aggregator.model.remediation_policy import RemediationPolicy
from coalmine_runtime.settings import Fraction, Seconds, SettingError, setting

_DEFAULT = RemediationPolicy()

_LEAST_LEASE_S = 5.0
"""What is wanted is told every second, and a second or two may be missed."""

_LEAST_MAX_HOLD_S = 60.0
"""Who was returned since it had not helped is held in for so long: never for nothing."""

_TIMES = {
    "stale": (5.0, 300.0),
    "recovery": (1.0, 86_400.0),
    "hold": (0.0, 86_400.0),
    "max_hold": (_LEAST_MAX_HOLD_S, 604_800.0),
    "forget": (0.0, 2_592_000.0),
    "drain": (0.0, 3_600.0),
    "lease": (_LEAST_LEASE_S, 600.0),
    "verify": (10.0, 3_600.0),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class RemediationRules:
    """The rules, the same for every service that opted in. A scenario says them with the same keys."""

    services: list[str] = setting("Services that opted in", [])
    dry_run: bool = setting("Decide, log and show, and do nothing", _DEFAULT.dry_run)
    max_fraction: Fraction = setting(
        "Share of a service's nodes, and of a zone's, that may be out; one always may",
        _DEFAULT.max_fraction,
    )
    max_nodes: int = setting("Nodes of a service that may be out at most", _DEFAULT.max_nodes)
    floor: int = setting("Nodes of a service that must stay", _DEFAULT.floor)
    per_minute: int = setting("Nodes of a service withdrawn in any 60 s at most", _DEFAULT.per_minute)
    quorum: int = setting(
        "Vantages that must agree that a node has failed; 1 takes the word of one", _DEFAULT.quorum
    )
    stale: Seconds = setting("Evidence older than this is no opinion, 5s to 5m", _DEFAULT.stale_s)
    recovery: Seconds = setting(
        "Good evidence for so long returns a node, 1s to 1d", _DEFAULT.recovery_s
    )
    hold: Seconds = setting(
        "A node stays out for so long at least, doubled with each repeat, up to 1d", _DEFAULT.hold_s
    )
    max_hold: Seconds = setting("The longest of that, 1m to 7d", _DEFAULT.max_hold_s)
    forget: Seconds = setting("Repeats are forgotten after this, up to 30d", _DEFAULT.forget_s)
    drain: Seconds = setting(
        "A withdrawn node gets no new work for so long, then it is down, up to 1h", _DEFAULT.drain_s
    )
    lease: Seconds = setting(
        "Without news of us a withdrawal ends after so long, 5s to 10m", _DEFAULT.lease_s
    )
    verify: Seconds = setting(
        "Loss must have fallen by half within this after a withdrawal, or the node comes back, "
        "10s to 1h",
        _DEFAULT.verify_s,
    )

    def __post_init__(self) -> None:
        for key, least in (("max_nodes", 0), ("floor", 0), ("per_minute", 0), ("quorum", 1)):
            if getattr(self, key) < least:
                raise SettingError(key, f"expected at least {least}")
        for key, (least_s, most_s) in _TIMES.items():
            if not least_s <= getattr(self, key) <= most_s:
                raise SettingError(key, f"expected {least_s:g} s to {most_s:g} s")
        if self.max_hold < self.hold:
            raise SettingError("max_hold", f"expected at least hold, {self.hold:g} s")
        for index, name in enumerate(self.services):
            if name in self.services[:index]:
                raise SettingError(f"services[{index}]", f'names "{name}" twice')

    def check_services(self, known: Mapping[str, object]) -> None:
        """Raises `SettingError` for a service that is none of `known`."""
        for index, name in enumerate(self.services):
            if name not in known:
                raise SettingError(f"services[{index}]", f'"{name}" is none of {", ".join(known)}')

    def policies(self) -> Mapping[str, RemediationPolicy]:
        """The rules by service, of those that opted in."""
        rules = RemediationPolicy(
            dry_run=self.dry_run,
            max_fraction=self.max_fraction,
            max_nodes=self.max_nodes,
            floor=self.floor,
            per_minute=self.per_minute,
            quorum=self.quorum,
            stale_s=self.stale,
            recovery_s=self.recovery,
            hold_s=self.hold,
            max_hold_s=self.max_hold,
            forget_s=self.forget,
            drain_s=self.drain,
            lease_s=self.lease,
            verify_s=self.verify,
        )
        return dict.fromkeys(self.services, rules)


@dataclasses.dataclass(frozen=True, kw_only=True)
class OutputSettings:
    """Where it is said which nodes are out; nowhere unless named here."""

    nodes: NodesSettings | None = setting("The agents on the nodes, through the MQTT broker", None)
    haproxy: HAProxySettings | None = setting("HAProxy's agent-checks, answered here", None)
    etcd: EtcdSettings | None = setting("Keys in etcd", None)
    consul: ConsulSettings | None = setting("TTL checks of Consul", None)
    consul_check: ConsulCheckSettings | None = setting("HTTP checks of Consul, answered here", None)
    kubernetes: KubernetesSettings | None = setting("Readiness gates of pods", None)
    http_sd: HttpSdSettings | None = setting("Prometheus' discovery by HTTP, from the API", None)
    webhook: StateWebhookSettings | None = setting("A signed request with the full state", None)
    command: CommandSettings | None = setting("A program, for everything else", None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RemediationSettings(RemediationRules):
    """The aggregator's own."""

    outputs: OutputSettings = setting("Where it is said which nodes are out", OutputSettings())

    stop_file: Path | None = setting(
        "While this file exists nothing is withdrawn, whoever runs; beside a SQLite store, or "
        "/var/lib/coalmine/remediation.stop, where absent",
        None,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        kubernetes = self.outputs.kubernetes
        for name in () if kubernetes is None else kubernetes.pods:
            if name not in self.services:
                key = f"outputs.kubernetes.pods.{name}"
                raise SettingError(key, "is none of the services that opted in")
