"""What the configuration says of the heartbeat."""

from __future__ import annotations

import dataclasses

from coalmine_aggregator.notify.targets import target_of
from coalmine_aggregator.notify.web_url import WebUrl
from coalmine_runtime.settings import Seconds, SettingError, setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class HeartbeatSettings:
    """Who waits for a sign of life."""

    url: WebUrl = setting("Asked by GET as a sign of life, https:// unless on loopback")
    every: Seconds = setting("How often, 1s to 10m", 30.0)
    allow_http: bool = setting("Send unencrypted beyond loopback", False)
    allow_private: bool = setting("Send to private addresses as well", False)

    def __post_init__(self) -> None:
        if not 1 <= self.every <= 600:
            raise SettingError("every", "expected 1s to 10m")
        if not (self.url.secure or self.url.loopback or self.allow_http):
            raise SettingError("url", f"{self.url} is unencrypted; https, or allow_http: true")
        if "?" in self.url.text:
            raise SettingError("url", f"{self.url} has a query; /fail is added to its path")
        target_of(self.url, private=self.allow_private)
