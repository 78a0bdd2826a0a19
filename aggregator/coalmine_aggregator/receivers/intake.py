"""What a receiver does with the bytes of one connection, whatever carried them. Pure.

The connection lends its way of reading to `read()`, sends what `replies()` gives and closes when
`done`. A connection that is to be cut off raises `RefusedError`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from coalmine_aggregator.receivers.reasons import Reason


class RefusedError(Exception):
    """This connection cannot go on; `detail` is for the log."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.detail = detail


Receive = Callable[[memoryview], int]
"""Fills as much of a buffer as it can: `recv_into` of a socket, or what stands for it."""


class Intake(Protocol):
    """One connection's protocol."""

    @property
    def units(self) -> int:
        """Grows with every whole line, frame or request: a sign of life that dripping bytes are not."""

    @property
    def held(self) -> int:
        """Bytes kept of an unfinished line, frame or request."""

    @property
    def done(self) -> bool:
        """Whether the connection is to end once the replies are out."""

    def read(self, receive: Receive) -> int:
        """Reads once into its own room and goes on with what there was; the number of bytes, 0 at the
        end of the stream. Raises `RefusedError`, and what `receive` raises."""

    def replies(self) -> bytes:
        """What is to be sent; empty but for request and response protocols."""

    def ended(self) -> Reason | None:
        """The peer has ended its side; the reason if it left something unfinished."""


class Scratch:
    """One buffer that all connections of a receiver read into, one after the other."""

    def __init__(self, size: int = 64 << 10) -> None:
        self.view = memoryview(bytearray(size))
