"""What the configuration says of etcd."""

from __future__ import annotations

import dataclasses

from coalmine_aggregator.actuate.etcd.endpoint import Endpoint
from coalmine_aggregator.actuate.etcd.keys import PREFIX, check_prefix
from coalmine_aggregator.actuate.etcd.metrics_target import TargetTemplate
from coalmine_runtime.quantities import Address
from coalmine_runtime.settings import Secret, SettingError, setting
from coalmine_runtime.tls import TlsClientSettings

MAX_ENDPOINTS = 16


@dataclasses.dataclass(frozen=True, kw_only=True)
class RegisterSettings:
    """Who can be scraped, told in etcd for Prometheus."""

    aggregator: Address = setting("Address under which Prometheus reaches this aggregator's metrics")
    agents: TargetTemplate | None = setting(
        "The same for agents, such as {host}.example:9105; {agent}, {host}, {zone}, {region}. They "
        "listen on loopback: something on their hosts must lead there",
        None,
    )

    def __post_init__(self) -> None:
        if not self.aggregator.host or not self.aggregator.port:
            raise SettingError("aggregator", f"{self.aggregator}: expected a host and a port")


@dataclasses.dataclass(frozen=True, kw_only=True)
class EtcdSettings(TlsClientSettings):
    """Withdrawals as keys under a lease, by the JSON gateway of etcd 3.4 or newer."""

    endpoints: list[Endpoint] = setting(
        "Members of the cluster, https://host:2379; the next is asked where one does not answer"
    )
    prefix: str = setting("Keys begin with this and a slash; one of its own for each fleet", PREFIX)
    username: str = setting("User, where etcd asks for one", "")
    password: Secret | None = setting("Password of the user", None)
    allow_http: bool = setting("Go unencrypted beyond loopback", False)
    register: RegisterSettings | None = setting("Tell who can be scraped", None)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= len(self.endpoints) <= MAX_ENDPOINTS:
            raise SettingError("endpoints", f"expected 1 to {MAX_ENDPOINTS}")
        for index, each in enumerate(self.endpoints):
            if not (each.secure or each.address.loopback or self.allow_http):
                what = f"{each} is unencrypted; https, or allow_http: true"
                raise SettingError(f"endpoints[{index}]", what)
        try:
            check_prefix(self.prefix)
        except ValueError as error:
            raise SettingError("prefix", str(error)) from None
        if bool(self.username) != (self.password is not None):
            missing = "password" if self.username else "username"
            raise SettingError(missing, "username and password go together")
        tls = (self.ca_file, self.certificate_file, self.server_name or None)
        if any(each is not None for each in tls) and not any(each.secure for each in self.endpoints):
            raise SettingError("endpoints", "certificates need https://")
