"""What the configuration says of Prometheus' discovery by HTTP."""

from __future__ import annotations

import dataclasses
import re

from coalmine_runtime.quantities import is_host
from coalmine_runtime.settings import SettingError, setting
from coalmine_wire.series import is_label

_DOMAIN = re.compile(r"(\.[a-z0-9_-]+)+\Z", re.IGNORECASE)


@dataclasses.dataclass(frozen=True, kw_only=True)
class HttpSdSettings:
    """Nodes that get traffic, at `/api/v1/sd/<service>?port=...` of the API."""

    domain: str = setting("What follows a node's name to make a host of it, such as .dc1.example", "")
    addresses: dict[str, str] = setting("Hosts of nodes whose name and domain make none, by node", {})

    def __post_init__(self) -> None:
        if self.domain and not _DOMAIN.match(self.domain):
            raise SettingError("domain", f'expected one such as .dc1.example, not "{self.domain}"')
        for node, host in self.addresses.items():
            if not is_label(node):
                raise SettingError(f"addresses.{node}", "has other characters than a-z 0-9 _ -")
            if not host or not is_host(host):
                raise SettingError(f"addresses.{node}", f'"{host}" is no host name')

    def host(self, node: str) -> str:
        """Where a node is reached."""
        return self.addresses.get(node) or f"{node}{self.domain}"
