"""What the configuration says of a PagerDuty service."""

from __future__ import annotations

import dataclasses

from coalmine_aggregator.notify.hook_secret import check_hook_secret
from coalmine_aggregator.notify.web_url import WebUrl
from coalmine_runtime.settings import Secret, SettingError, setting

EVENTS_URL = WebUrl.parse("https://events.pagerduty.com/v2/enqueue")

ROUTING_KEY_CHARS = 32


@dataclasses.dataclass(frozen=True, kw_only=True)
class PagerDutySettings:
    """An integration of type Events API v2."""

    routing_key: Secret = setting("The integration's key, 32 characters")
    url: WebUrl = setting(
        "Where events go; in the EU https://events.eu.pagerduty.com/v2/enqueue", EVENTS_URL
    )
    hook_secret: Secret | None = setting(
        "Secret of a webhook subscription, whose acknowledgements count here; several with white space "
        "between while one is rotated",
        None,
    )

    def __post_init__(self) -> None:
        key = self.routing_key.reveal()
        if len(key) != ROUTING_KEY_CHARS or not (key.isascii() and key.isalnum()):
            raise SettingError(
                "routing_key", f"expected {ROUTING_KEY_CHARS} letters and digits, found {len(key)}"
            )
        if not (self.url.secure or self.url.loopback):
            raise SettingError("url", f"{self.url} would carry the key unencrypted")
        check_hook_secret(self.hook_secret)
