"""What the configuration says of a chat."""

from __future__ import annotations

import dataclasses
from typing import ClassVar
from urllib.parse import parse_qsl, urlsplit

from coalmine_aggregator.notify.chat.platforms import PLATFORMS, TOKEN_ALONE, UNENCRYPTED, Platform
from coalmine_runtime.quantities import Address
from coalmine_runtime.settings import Secret, SettingError, setting

_FIXED = frozenset(
    {"emojis", "format", "overflow", "redirect", "retry", "template", "verify", "wait", "cto", "rto"}
)
"""What a URL of apprise's may not say: how texts are formatted and connections are made is ours."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ChatSettings:
    """One channel of one chat."""

    url: Secret = setting(
        "The channel as a URL of apprise's: slack://, discord://, mmosts://, matrixs://"
    )
    allow_http: bool = setting("Send unencrypted beyond loopback: mmost://, matrix://", False)

    takes_groups: ClassVar[bool] = True

    def __post_init__(self) -> None:
        # Nothing of the URL is repeated: its parts are keys.
        try:
            parts = urlsplit(self.url.reveal())
            host = parts.hostname or ""
        except ValueError:
            raise SettingError("url", "is no URL") from None
        if parts.scheme not in PLATFORMS:
            known = ", ".join(f"{scheme}://" for scheme in PLATFORMS)
            raise SettingError("url", f"expected one that begins with {known}")
        for name, _ in parse_qsl(parts.query, keep_blank_values=True):
            if name.lower() in _FIXED:
                raise SettingError("url", f'"{name.lower()}" cannot be set')
        if parts.scheme in TOKEN_ALONE and parts.username and parts.password:
            raise SettingError("url", f"expected an access token: {parts.scheme}://TOKEN@host/!room")
        loopback = Address(host, 0).loopback
        if parts.scheme in UNENCRYPTED and not (loopback or self.allow_http):
            raise SettingError(
                "url", f"{parts.scheme}:// is unencrypted; {parts.scheme}s://, or allow_http: true"
            )

        # Only where a chat is configured: it costs 25 MB.
        from coalmine_aggregator.notify.chat.apprise_channel import AppriseChannel

        try:
            AppriseChannel(self.url.reveal(), self.platform)
        except ValueError as error:
            raise SettingError("url", str(error)) from None

    @property
    def platform(self) -> Platform:
        """Which chat it is."""
        return PLATFORMS[urlsplit(self.url.reveal()).scheme]
