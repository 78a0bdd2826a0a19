"""What the configuration says of an Alertmanager cluster."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from coalmine_aggregator.notify.web_url import WebUrl
from coalmine_runtime.settings import Seconds, SettingError, setting
from coalmine_runtime.tls import readable


@dataclasses.dataclass(frozen=True, kw_only=True)
class AlertmanagerSettings:
    """Every peer of one cluster; each is told of everything."""

    urls: list[WebUrl] = setting("Every peer's address, for example http://alertmanager:9093")
    resend: Seconds = setting("Alerts are told again this often, 1s to 60s", 30.0)
    ca_file: Path | None = setting("Certificates to trust, PEM; the system's where absent", None)

    def __post_init__(self) -> None:
        if not self.urls:
            raise SettingError("urls", "expected at least one")
        if not 1 <= self.resend <= 60:
            raise SettingError("resend", "expected 1s to 60s")
        readable(self.ca_file, "ca_file")
