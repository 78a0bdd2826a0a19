"""Which agents there should be, and which of them are silent. Pure."""

from __future__ import annotations

from typing import NamedTuple


class Presence(NamedTuple):
    """One agent that is expected to report. `silent_since` is the last time it was heard, None while it
    is not missing; `services` are those it sends to."""

    agent: str
    location: str
    region: str
    zone: str
    host: str
    services: tuple[str, ...]
    silent_since: float | None
