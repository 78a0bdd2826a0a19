"""Connections over TCP and TLS, driven by hand on non-blocking sockets.

A canary's connection lives for one datapoint, so what counts is the cost of a connection: a transport
and protocol of asyncio or uvloop cost more than the kernel's whole work on it. Here a connection is
accepted, read and, where the peer has ended already, closed in one go; only one that has more to come
is registered with the loop.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable

from coalmine_aggregator.receivers.admission import Admission
from coalmine_aggregator.receivers.connection import Connection, linger_not
from coalmine_aggregator.receivers.intake import Intake, RefusedError
from coalmine_aggregator.receivers.limits import ReceiverLimits
from coalmine_aggregator.receivers.reasons import Reason
from coalmine_aggregator.receivers.rejections import Rejections
from coalmine_runtime import clock

ACCEPTS = 128
"""Connections accepted before the loop gets its turn."""

REST_S = 0.003
"""After plain connections were accepted, the next ones are collected so long instead of waking us one
by one: under load 25 us a connection instead of 28, of which 20 are the kernel's."""

FULL_S = 0.1
"""Out of descriptors, the next look comes so much later: ready the socket would be for ever."""


class StreamListener:
    """Accepts on one socket and drives its connections. One loop, one thread.

    `hungry` are connections that were left with something to read when their turn was over, and
    `crowded` says that there were more to accept.
    """

    def __init__(
        self,
        listening: socket.socket,
        *,
        intake: Callable[[], Intake],
        admission: Admission,
        rejections: Rejections,
        limits: ReceiverLimits,
        tls: ssl.SSLContext | None,
    ) -> None:
        self.socket = listening
        self.intake = intake
        self.admission = admission
        self.rejections = rejections
        self.limits = limits
        self.tls = tls
        self.loop = asyncio.get_running_loop()
        self.connections: set[Connection] = set()
        self.hungry: set[Connection] = set()
        self.crowded = False
        self.held = 0
        self.now_s = clock.monotonic()
        self._spare: list[Intake] = []
        self._watching = False
        self._resting: asyncio.TimerHandle | None = None
        self._closed = False

    def start(self) -> None:
        """Begins to accept."""
        self._watch()

    def accept(self) -> None:
        """Takes in what has connected, without waiting for the next turn."""
        if not self._closed:
            self._accept()

    def sweep(self, now_s: float) -> None:
        """Closes what has been idle for too long. To be called every second or so."""
        self.now_s = now_s
        for connection in [each for each in self.connections if each.deadline_s < now_s]:
            connection.expire()

    def owed(self) -> Callable[[], bool]:
        """Remembers what waits to be read now; the result tells whether it is still not all read."""
        marks = {each: each.taken + each.waiting() for each in self.hungry}
        crowded = self.crowded

        def still() -> bool:
            behind = any(each in self.hungry and each.taken < mark for each, mark in marks.items())
            return behind or (crowded and self.crowded)

        return still

    def close(self) -> None:
        """Stops accepting and closes every connection."""
        if self._closed:
            return
        self._closed = True
        if self._resting is not None:
            self._resting.cancel()
        self._unwatch()
        self.socket.close()
        for connection in list(self.connections):
            connection.close()
        self.hungry.clear()

    def retain(self, sock: socket.socket, address: str, intake: Intake) -> Connection:
        """A connection that stays open beyond its first turn, or is not a simple one."""
        connection = Connection(self, sock, address, intake)
        self.connections.add(connection)
        self.admission.enter(address)
        return connection

    def _watch(self) -> None:
        if not self._watching:
            self._watching = True
            self.loop.add_reader(self.socket.fileno(), self._turn)

    def _unwatch(self) -> None:
        if self._watching:
            self._watching = False
            self.loop.remove_reader(self.socket.fileno())

    def _turn(self) -> None:
        """Accepts; then either waits to be woken or, for a while, looks again by the clock."""
        self._resting = None
        rest_s = self._accept()
        if rest_s:
            self._unwatch()
            self._resting = self.loop.call_later(rest_s, self._turn)
        else:
            self._watch()

    def _accept(self) -> float:
        """Accepts what there is; how many seconds it is better not to be woken then."""
        rest_s = 0.0
        accept, refuses = self.socket.accept, self.admission.refuses
        fresh: list[tuple[socket.socket, str, Intake]] = []
        for _ in range(ACCEPTS):
            try:
                sock, (address, *_) = accept()
            except (BlockingIOError, InterruptedError):
                self.crowded = False
                break
            except ConnectionError:  # gone before we came to it
                continue
            except OSError as error:
                self.rejections.count(Reason.CANNOT_ACCEPT, detail=str(error))
                self.crowded = True
                rest_s = FULL_S
                break
            if self.tls is None:
                rest_s = REST_S
            sock.setblocking(False)
            reason = refuses(address)
            if reason is not None:
                self.rejections.count(reason, detail=address)
                linger_not(sock)
                sock.close()
            elif self.tls is not None:
                self.retain(sock, address, self.intake()).readable()
            else:
                intake = self._spare.pop() if self._spare else self.intake()
                if self._look(sock, address, intake):
                    fresh.append((sock, address, intake))
        else:
            self.crowded = True
            rest_s = 0.0
        # The end of a short connection has followed its line by now.
        for sock, address, intake in fresh:
            if self._look(sock, address, intake):
                self._keep(sock, address, intake)
        return rest_s

    def _look(self, sock: socket.socket, address: str, intake: Intake) -> bool:
        """One read of a connection that has not been registered; whether it is still not."""
        try:
            if intake.read(sock.recv_into):
                return True
        except BlockingIOError:
            return True
        except Exception as error:
            self.retain(sock, address, intake).fail(error)
            return False
        reason = intake.ended()
        if reason is None:
            self._spare.append(intake)
        else:
            self.rejections.count(reason, detail=address)
        sock.close()
        return False

    def _keep(self, sock: socket.socket, address: str, intake: Intake) -> None:
        reason = self.admission.refuses(address)  # others of this turn may have taken the last place
        connection = self.retain(sock, address, intake)
        if reason is None:
            connection.readable()
        else:
            connection.fail(RefusedError(reason, address))
