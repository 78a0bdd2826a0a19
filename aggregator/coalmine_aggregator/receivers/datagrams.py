"""Plaintext lines over UDP: each datagram holds whole lines, the last without line feed if it likes.

What the kernel drops because we read too slowly is our loss and not the service's; it is counted.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable

from coalmine_aggregator.receivers.admission import Admission
from coalmine_aggregator.receivers.gather import Gather
from coalmine_aggregator.receivers.reasons import Reason
from coalmine_aggregator.receivers.rejections import Rejections

DATAGRAMS = 512
"""Datagrams read before the loop gets its turn."""

BUFFER_BYTES = 8 << 20
"""Asked of the kernel for what waits to be read; it grants `net.core.rmem_max` at most."""

_SO_MEMINFO = 55  # Linux, not named by the module socket
_MEMINFO = struct.Struct("9I")
_DROPS = 8


class DatagramListener:
    """Reads one socket. `hungry` says that there was more to read when its turn was over."""

    def __init__(
        self, bound: socket.socket, *, gather: Gather, admission: Admission, rejections: Rejections
    ) -> None:
        self.socket = bound
        self.hungry = False
        self._gather = gather
        self._admission = admission
        self._rejections = rejections
        self._loop = asyncio.get_running_loop()
        self._dropped = 0
        self._closed = False
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)

    def start(self) -> None:
        """Begins to read."""
        self._loop.add_reader(self.socket.fileno(), self._read)

    def sweep(self, now_s: float) -> None:
        """Looks for what the kernel dropped."""
        drops = _MEMINFO.unpack(self.socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 36))[_DROPS]
        fresh = (drops - self._dropped) & 0xFFFF_FFFF
        if fresh:
            self._dropped = drops
            self._rejections.count(Reason.KERNEL_DROPPED, fresh)

    def owed(self) -> Callable[[], bool]:
        """Remembers whether something waits to be read now; the result, whether it still does."""
        hungry = self.hungry
        return lambda: hungry and self.hungry

    def close(self) -> None:
        """Stops reading."""
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self.socket.fileno())
            self.socket.close()

    def _read(self) -> None:
        receive, allows = self.socket.recvfrom_into, self._admission.allows
        gather = self._gather
        for _ in range(DATAGRAMS):
            try:
                count, peer = receive(gather.datagram_room())
            except (BlockingIOError, InterruptedError):
                self.hungry = False
                return
            except ConnectionError:  # an ICMP answer to something; none of our business
                continue
            if allows(peer[0]):
                gather.took_datagram(count)
            else:
                self._rejections.count(Reason.NOT_ALLOWED, detail=peer[0])
        self.hungry = True
