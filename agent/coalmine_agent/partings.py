"""Connections whose datapoint is delivered and whose peer has not closed yet.

Closing over what the peer still says would reset them. They are looked at now and then, many at once,
rather than woken up for: nothing depends on when they end.
"""

from __future__ import annotations

import socket
from collections import deque

PATIENCE_S = 1.0
"""A peer that has not closed by then is not waited for."""

MAX_OPEN = 512
"""Past it the oldest is closed as it is."""

_READS = 16  # of `_buffer`, at each look
_buffer = bytearray(65536)


class Partings:
    """`sweep` now and then, and `close` when done."""

    def __init__(self) -> None:
        self._open: deque[tuple[socket.SocketType, float]] = deque()
        self.cut_short = 0
        """Connections that were closed though their peer had not."""

    def add(self, sock: socket.SocketType, now: float) -> None:
        """Takes over a non-blocking socket; `now` is on the monotonic clock."""
        if len(self._open) >= MAX_OPEN:
            self._open.popleft()[0].close()
            self.cut_short += 1
        self._open.append((sock, now + PATIENCE_S))

    def sweep(self, now: float) -> None:
        """Closes the connections whose peer has, and those that were waited for long enough."""
        for _ in range(len(self._open)):
            sock, until = self._open.popleft()
            if _ended(sock):
                sock.close()
            elif now >= until:
                sock.close()
                self.cut_short += 1
            else:
                self._open.append((sock, until))

    def __bool__(self) -> bool:
        return bool(self._open)

    def close(self) -> None:
        """Closes all of them."""
        while self._open:
            self._open.popleft()[0].close()


def _ended(sock: socket.SocketType) -> bool:
    """Whether the peer has closed; what it still said is read and dropped."""
    try:
        for _ in range(_READS):
            if not sock.recv_into(_buffer):
                return True
    except BlockingIOError:
        return False
    except OSError:
        return True
    return False
