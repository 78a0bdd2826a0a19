"""What the configuration says of telling the nodes."""

from __future__ import annotations

import dataclasses

from coalmine_runtime.settings import Seconds, SettingError, setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class NodesSettings:
    """Withdrawals told to the agents on the nodes, through the MQTT broker. All has its default:
    `nodes: {}`."""

    every: Seconds = setting("How often the full state is told, though nothing changed, 1s to 5s", 2.0)

    def __post_init__(self) -> None:
        if not 1 <= self.every <= 5:
            raise SettingError("every", "expected 1s to 5s")
