"""What the configuration says of a webhook."""

from __future__ import annotations

import dataclasses

from coalmine_aggregator.notify.web_url import WebUrl
from coalmine_aggregator.notify.webhook.signature import parse_secrets
from coalmine_runtime.settings import Secret, SettingError, setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class WebhookSettings:
    """An HTTP endpoint that takes signed messages."""

    url: WebUrl = setting("Where messages go, https:// unless on loopback")
    secret: Secret = setting(
        "Secret that signs, whsec_ and base64; several with white space between while one is rotated"
    )
    allow_http: bool = setting("Send unencrypted beyond loopback", False)

    def __post_init__(self) -> None:
        try:
            parse_secrets(self.secret.reveal())
        except ValueError as error:
            raise SettingError("secret", str(error)) from None
        if not (self.url.secure or self.url.loopback or self.allow_http):
            raise SettingError("url", f"{self.url} is unencrypted; https, or allow_http: true")
