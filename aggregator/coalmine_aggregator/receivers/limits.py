"""What a receiver takes at most. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from coalmine_wire.slots import slot_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverLimits:
    """Bounds of every receiver; the lengths of lines and frames are the wire's own.

    `connections` and `connections_per_address` count what is open at a time, per receiver. A
    connection that completes no line, frame or request for `idle_s` is closed, however many bytes it
    drips; so is one whose TLS handshake takes longer than `handshake_s`. `body_bytes` bounds an HTTP
    body, `held_bytes` all unfinished lines, frames and bodies of a receiver together. Slots more than
    `past_s` before or `ahead_s` after now are not counted.
    """

    connections: int = 20_000
    connections_per_address: int = 2_000
    idle_s: float = 120.0
    handshake_s: float = 10.0
    body_bytes: int = 1 << 20
    held_bytes: int = 64 << 20
    past_s: int = 300
    ahead_s: int = 60


class Window(NamedTuple):
    """The slots that are taken, both ends included, and the slot that it is now."""

    first: int
    now: int
    last: int


def window_at(wall_s: float, limits: ReceiverLimits) -> Window:
    """The window at a wall-clock time (seconds since the epoch)."""
    now = slot_of(wall_s)
    return Window(now - limits.past_s, now, now + limits.ahead_s)
