"""What the configuration says of Kubernetes."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import NamedTuple

from coalmine_aggregator.notify.web_url import WebUrl
from coalmine_runtime.settings import Seconds, SettingError, setting
from coalmine_runtime.tls import TlsClientSettings, client_context, readable

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")

_DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")
_PREFIX = r"(?:[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?"
_QUALIFIED = re.compile(_PREFIX + r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?\Z")

MAX_SELECTOR = 1000


class NodeFrom(NamedTuple):
    """By what a pod is a node of ours: its own name, its machine's, or that of a label."""

    kind: str
    label: str = ""

    @classmethod
    def parse(cls, text: str) -> NodeFrom:
        """Raises ValueError."""
        kind, colon, label = text.partition(":")
        if not colon and kind in ("pod", "machine"):
            return cls(kind)
        if kind == "label" and _QUALIFIED.match(label):
            return cls(kind, label)
        raise ValueError(f'expected pod, machine or label:<key>, not "{text}"')

    def __str__(self) -> str:
        return f"{self.kind}:{self.label}" if self.label else self.kind


@dataclasses.dataclass(frozen=True, kw_only=True)
class PodSettings:
    """The pods of a service."""

    selector: str = setting("Label selector that finds them, such as app=ingest")
    node: NodeFrom = setting(
        "What names the node that a pod is: pod, machine (spec.nodeName), or label:<key>",
        NodeFrom("pod"),
    )

    def __post_init__(self) -> None:
        if not self.selector.strip():
            raise SettingError("selector", "is empty: that would be every pod there is")
        if len(self.selector) > MAX_SELECTOR:
            raise SettingError("selector", f"has more than {MAX_SELECTOR} characters")


@dataclasses.dataclass(frozen=True, kw_only=True)
class KubernetesSettings:
    """Where the API is, and whose pods have the readiness gate."""

    namespace: str = setting("The namespace of the pods")
    pods: dict[str, PodSettings] = setting("The pods of each service, by its name")
    condition: str = setting("The type of the condition", "coalmine.dev/in-service")
    url: WebUrl = setting("The API server", WebUrl.parse("https://kubernetes.default.svc"))
    token_file: Path | None = setting(
        "The token of our service account, read anew for each request; where absent none is sent, "
        "which only a proxy on loopback takes",
        _ACCOUNT / "token",
    )
    ca_file: Path | None = setting(
        "Certificates to trust, PEM; the system's where absent", _ACCOUNT / "ca.crt"
    )
    every: Seconds = setting("How often pods are looked at while nothing changes, 1s to 60s", 5.0)

    def __post_init__(self) -> None:
        if not _DNS_LABEL.match(self.namespace):
            raise SettingError("namespace", f'"{self.namespace}" is no name of a namespace')
        if not self.pods:
            raise SettingError("pods", "is empty: name the pods of a service at least")
        if "/" not in self.condition or not _QUALIFIED.match(self.condition):
            raise SettingError(
                "condition", f'expected a name such as a.example/b, not "{self.condition}"'
            )
        if not (self.url.secure or self.url.loopback):
            raise SettingError("url", f"{self.url} is unencrypted; http:// is for loopback alone")
        if "?" in self.url.text:
            raise SettingError(
                "url", f"{self.url} has a query; the paths of Kubernetes are added to it"
            )
        if not 1 <= self.every <= 60:
            raise SettingError("every", "expected 1s to 60s")
        readable(self.token_file, "token_file")
        if self.url.secure:
            readable(self.ca_file, "ca_file")
            client_context(TlsClientSettings(ca_file=self.ca_file))
