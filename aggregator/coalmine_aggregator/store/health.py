"""How the writing of history goes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class StoreHealth(NamedTuple):
    """`error` is how the last commit failed, empty while all is well; `waiting` counts what is not yet
    written, `kinds` that of history by kind; `dropped` what was given up, by kind, since the start;
    `ahead` deliveries handed out before they were committed."""

    error: str
    waiting: int
    dropped: dict[str, int]
    ahead: int
    kinds: dict[str, int]

    @property
    def detail(self) -> str:
        """All of it, as people read it."""
        parts = [self.error or "history is kept"]
        if self.error and any(self.kinds.values()):
            parts.append(f"waiting: {_counted(self.kinds)}")
        if self.dropped:
            parts.append(f"given up since the start: {_counted(self.dropped)}")
        return "; ".join(parts)


def _counted(kinds: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in kinds.items() if count)
