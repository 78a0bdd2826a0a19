"""How tests reach an etcd."""

from __future__ import annotations

from pathlib import Path

from coalmine_aggregator.actuate.etcd.endpoint import Endpoint
from coalmine_aggregator.actuate.etcd.settings import EtcdSettings, RegisterSettings
from coalmine_runtime.secret import Secret


def reach(
    *urls: str,
    prefix: str = "coalmine",
    user: tuple[str, str] | None = None,
    ca_file: Path | None = None,
    register: RegisterSettings | None = None,
) -> EtcdSettings:
    """Settings for these members."""
    return EtcdSettings(
        endpoints=[Endpoint.parse(url) for url in urls],
        prefix=prefix,
        username=user[0] if user else "",
        password=Secret(user[1]) if user else None,
        ca_file=ca_file,
        allow_http=True,
        register=register,
    )
