"""What the configuration says of the agent-checks that are answered here."""

from __future__ import annotations

import dataclasses

from coalmine_runtime.settings import Address, Network, SettingError, setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class HAProxySettings:
    """A listener for HAProxy's agent-checks, which name service/node by agent-send."""

    listen: Address = setting("Where to listen, for example 127.0.0.1:9777")
    allow_from: list[Network] = setting(
        "Networks that may ask; required where it listens beyond loopback", []
    )

    @classmethod
    def parse(cls, text: str) -> HAProxySettings:
        """The short form."""
        return cls(listen=Address.parse(text))

    def __post_init__(self) -> None:
        if not self.listen.loopback and not self.allow_from:
            raise SettingError("listen", f'{self.listen} is beyond loopback and needs "allow_from"')
