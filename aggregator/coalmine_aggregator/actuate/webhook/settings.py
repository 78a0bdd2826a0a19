"""What the configuration says of the webhook that is told who is out."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from coalmine_aggregator.notify.targets import target_of
from coalmine_aggregator.notify.web_url import WebUrl
from coalmine_aggregator.notify.webhook.signature import parse_secrets
from coalmine_runtime.settings import Seconds, Secret, SettingError, setting
from coalmine_runtime.tls import readable


@dataclasses.dataclass(frozen=True, kw_only=True)
class StateWebhookSettings:
    """An HTTP endpoint that takes the full state as JSON."""

    url: WebUrl = setting("Where the state goes, https:// unless on loopback")
    secret: Secret = setting(
        "Secret that signs, whsec_ and base64; several with white space between while one is rotated"
    )
    every: Seconds = setting(
        "How often it is told while nothing changes, 1s to 5m; three times in a lease while a node is "
        "out",
        30.0,
    )
    allow_http: bool = setting("Send unencrypted beyond loopback", False)
    allow_private: bool = setting("Send to addresses of private networks, too", False)
    ca_file: Path | None = setting("Certificates to trust, PEM; the system's where absent", None)

    def __post_init__(self) -> None:
        if not (self.url.secure or self.url.loopback or self.allow_http):
            raise SettingError("url", f"{self.url} is unencrypted; https, or allow_http: true")
        target_of(self.url, private=self.allow_private)
        try:
            parse_secrets(self.secret.reveal())
        except ValueError as error:
            raise SettingError("secret", str(error)) from None
        if not 1 <= self.every <= 300:
            raise SettingError("every", "expected 1s to 5m")
        readable(self.ca_file, "ca_file")
