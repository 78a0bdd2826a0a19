"""What the configuration says of a webhook."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from coalmine_aggregator.notify.targets import target_of
from coalmine_aggregator.notify.web_url import WebUrl
from coalmine_aggregator.notify.webhook.bodies import Body, BodyTemplate
from coalmine_aggregator.notify.webhook.signature import parse_secrets
from coalmine_runtime.settings import Secret, SettingError, setting
from coalmine_runtime.tls import readable


@dataclasses.dataclass(frozen=True, kw_only=True)
class WebhookSettings:
    """An HTTP endpoint that takes JSON."""

    url: WebUrl = setting("Where messages go, https:// unless on loopback")
    body: Body = setting("What is sent", Body.STANDARD)
    template: BodyTemplate | None = setting(
        "With body: template a JSON document, filled in within its strings: {subject}, {text}, {key}",
        None,
    )
    secret: Secret | None = setting(
        "Secret that signs, whsec_ and base64; several with white space between while one is rotated; "
        "the standard body needs it",
        None,
    )
    token: Secret | None = setting("Sent as bearer token; incident.io needs it", None)
    allow_http: bool = setting("Send unencrypted beyond loopback", False)
    allow_private: bool = setting("Send to addresses of private networks, too", False)
    ca_file: Path | None = setting("Certificates to trust, PEM; the system's where absent", None)

    def __post_init__(self) -> None:
        if not (self.url.secure or self.url.loopback or self.allow_http):
            raise SettingError("url", f"{self.url} is unencrypted; https, or allow_http: true")
        target_of(self.url, private=self.allow_private)
        if (self.body is Body.TEMPLATE) != (self.template is not None):
            raise SettingError("template", "body: template and a template go together")
        if self.secret is not None:
            try:
                parse_secrets(self.secret.reveal())
            except ValueError as error:
                raise SettingError("secret", str(error)) from None
        elif self.body is Body.STANDARD:
            raise SettingError("secret", "is missing: the standard body is signed")
        if self.token is not None:
            token = self.token.reveal()
            if not token or not (token.isascii() and token.isprintable()) or " " in token:
                raise SettingError("token", "expected printable ASCII characters without spaces")
        elif self.body is Body.INCIDENT_IO:
            raise SettingError("token", "is missing: incident.io knows who sends by it")
        readable(self.ca_file, "ca_file")
