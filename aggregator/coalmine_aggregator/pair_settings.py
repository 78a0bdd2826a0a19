"""What the configuration says of the other aggregator."""

from __future__ import annotations

import dataclasses

from coalmine_runtime.settings import SettingError, setting
from coalmine_wire.topics import is_topic_part


@dataclasses.dataclass(frozen=True, kw_only=True)
class PairSettings:
    """Two aggregators that watch each other. The first by name tells, the second where it does not."""

    name: str = setting("This aggregator's name, part of its topic")
    peer: str = setting("The other one's name")

    def __post_init__(self) -> None:
        for key in ("name", "peer"):
            if not is_topic_part(getattr(self, key)):
                raise SettingError(
                    key, f'"{getattr(self, key)}" has other characters than a-z 0-9 _ . -'
                )
        if self.name == self.peer:
            raise SettingError("peer", "is this aggregator itself")
