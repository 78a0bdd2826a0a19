"""Connections over TCP and TLS, driven by hand on non-blocking sockets.

A canary's connection lives for one datapoint, so what counts is the cost of a connection: a transport
and protocol of asyncio or uvloop cost more than the kernel's whole work on it. Here a connection is
accepted, read and, where the peer has ended already, closed in one go; only one that has more to come
is registered with the loop.
"""

from __future__ import annotations

import asyncio
import fcntl
import socket
import ssl
import struct
import sys
import termios
from collections.abc import Callable
from enum import Enum

from coalmine_aggregator.receivers.admission import Admission
from coalmine_aggregator.receivers.intake import Intake, RefusedError
from coalmine_aggregator.receivers.limits import ReceiverLimits
from coalmine_aggregator.receivers.reasons import Reason
from coalmine_aggregator.receivers.rejections import Rejections
from coalmine_runtime import clock
from coalmine_runtime.logs import get_logger

ACCEPTS = 128
"""Connections accepted before the loop gets its turn."""

READS = 8
"""Reads from one connection before the loop gets its turn."""

REST_S = 0.002
"""After plain connections were accepted, the next ones are collected so long instead of waking us one
by one. Under load that halves what a connection costs beyond the kernel's own work."""

FULL_S = 0.1
"""Out of descriptors, the next look comes so much later: ready the socket would be for ever."""

LINGER_S = 5.0
"""After our side has ended, a peer that does not end its own is cut off."""

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset, so that the peer knows

log = get_logger("aggregator")


class _Phase(Enum):
    HANDSHAKE = 0
    OPEN = 1
    LINGER = 2
    CLOSED = 3


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
        self.connections: set[_Connection] = set()
        self.hungry: set[_Connection] = set()
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

    def retain(self, sock: socket.socket, address: str, intake: Intake | None) -> _Connection:
        """A connection that stays open beyond its first turn, or is not a simple one."""
        connection = _Connection(self, sock, address, intake)
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
                log.error("aggregator.receiver.accept_failed", error=error)
                self.crowded = True
                rest_s = FULL_S
                break
            if self.tls is None:
                rest_s = REST_S
            sock.setblocking(False)
            reason = refuses(address)
            if reason is not None:
                self.rejections.count(reason, detail=address)
                _reset(sock)
            elif self.tls is not None:
                self.retain(sock, address, None).readable()
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
            count = sock.recv_into(intake.room())
            if count:
                intake.took(count)
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


class _Connection:
    """One connection. Registered with the loop only while it waits for its peer."""

    __slots__ = (
        "_address", "_held", "_intake", "_listener", "_out", "_phase", "_reading", "_socket", "_units",
        "_writing", "deadline_s", "taken",
    )  # fmt: skip

    def __init__(
        self, listener: StreamListener, sock: socket.socket, address: str, intake: Intake | None
    ) -> None:
        self._listener = listener
        self._address = address
        self._socket: socket.socket = sock
        self._intake = intake
        self._held = 0
        self._units = 0
        self._out = b""
        self.taken = 0
        self._reading = False
        self._writing = False
        self._phase = _Phase.OPEN
        self.deadline_s = listener.now_s + listener.limits.idle_s
        if listener.tls is not None:
            self._phase = _Phase.HANDSHAKE
            self.deadline_s = listener.now_s + listener.limits.handshake_s

    def readable(self) -> None:
        """Takes in what there is, and waits for more."""
        if self.take_in():
            self._wait()

    def take_in(self) -> bool:
        """Takes in what there is, within its turn; whether there is more to wait for."""
        try:
            self._listener.hungry.discard(self)
            if self._phase is _Phase.HANDSHAKE:
                self._shake_hands()
            return self._phase is not _Phase.CLOSED and self._read()
        except (BlockingIOError, InterruptedError, ssl.SSLWantReadError):
            return True
        except ssl.SSLWantWriteError:
            self._wait_to_write()
            return True
        except Exception as error:
            self.fail(error)
            return False

    def fail(self, error: Exception) -> None:
        """Ends it for a reason, which is counted."""
        if isinstance(error, RefusedError):
            self._refuse(error.reason, error.detail)
        elif isinstance(error, ssl.SSLError):
            self._refuse(Reason.TLS_FAILED, f"{self._address} {error.reason or error}")
        elif isinstance(error, OSError):
            # A peer that resets after we ended our side, or instead of it, is only impolite.
            if self._phase is not _Phase.LINGER:
                self._listener.rejections.count(Reason.RESET, detail=self._address)
            self.close()
        else:
            log.exception("aggregator.receiver.defect", error, peer=self._address)
            self._refuse(Reason.DEFECT, self._address)

    def waiting(self) -> int:
        """Bytes that have arrived and are not read, those of TLS as they travel."""
        if self._phase is _Phase.CLOSED:
            return 0
        there = bytearray(4)
        fcntl.ioctl(self._socket.fileno(), termios.FIONREAD, there)
        return int.from_bytes(there, sys.byteorder)

    def expire(self) -> None:
        """Its time is over."""
        if self._phase is _Phase.LINGER:
            self.close()
        else:
            self._refuse(Reason.IDLE, self._address)

    def close(self) -> None:
        """Ends it at once; what the peer sent and nobody read makes it a reset."""
        if self._phase is _Phase.CLOSED:
            return
        self._phase = _Phase.CLOSED
        listener = self._listener
        descriptor = self._socket.fileno()
        if self._reading:
            listener.loop.remove_reader(descriptor)
        if self._writing:
            listener.loop.remove_writer(descriptor)
        self._socket.close()
        listener.held -= self._held
        listener.hungry.discard(self)
        listener.connections.discard(self)
        listener.admission.release(self._address)

    def _shake_hands(self) -> None:
        sock, tls = self._socket, self._listener.tls
        if not isinstance(sock, ssl.SSLSocket):
            assert tls is not None
            sock = self._socket = tls.wrap_socket(
                sock, server_side=True, do_handshake_on_connect=False, suppress_ragged_eofs=True
            )
        try:
            sock.do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except OSError as error:
            raise RefusedError(Reason.TLS_FAILED, f"{self._address} {error}") from None
        self._phase = _Phase.OPEN
        self.deadline_s = self._listener.now_s + self._listener.limits.idle_s

    def _read(self) -> bool:
        intake = self._intake
        if intake is None:
            intake = self._intake = self._listener.intake()
        receive, plain = self._socket.recv_into, self._listener.tls is None
        for _ in range(READS):
            if self._writing:  # a peer that does not read its answers is not listened to
                return True
            room = intake.room()
            count = receive(room)
            if not count:
                self._ended(intake)
                return False
            self.taken += count
            intake.took(count)
            self._account(intake)
            if out := intake.replies():
                self._send(out)
            if intake.done and self._phase is _Phase.OPEN and not self._writing:
                self._half_close()
            if plain and count < len(room):
                return True  # that was all
        self._listener.hungry.add(self)
        if not plain:
            self._listener.loop.call_soon(self._again)  # what is decrypted already is no event
        return True

    def _again(self) -> None:
        if self._phase is not _Phase.CLOSED:
            self.readable()

    def _account(self, intake: Intake) -> None:
        listener, held = self._listener, intake.held
        listener.held += held - self._held
        self._held = held
        if listener.held > listener.limits.held_bytes:
            raise RefusedError(Reason.OUT_OF_ROOM, self._address)
        if intake.units != self._units and self._phase is _Phase.OPEN:
            self._units = intake.units
            self.deadline_s = listener.now_s + listener.limits.idle_s

    def _ended(self, intake: Intake) -> None:
        if self._phase is _Phase.OPEN:
            reason = intake.ended()
            if reason is not None:
                self._listener.rejections.count(reason, detail=self._address)
            if isinstance(self._socket, ssl.SSLSocket):
                self._notify_close(self._socket)
        self.close()

    def _notify_close(self, sock: ssl.SSLSocket) -> None:
        """Sends close_notify, as far as that goes at once."""
        try:
            sock.unwrap()
        except (OSError, ValueError):
            pass  # the peer's own is not waited for, and a peer that is gone needs none

    def _half_close(self) -> None:
        """Our side ends; what the peer still sends is read away, lest a reset overtake the answer."""
        self._phase = _Phase.LINGER
        self.deadline_s = self._listener.now_s + LINGER_S
        if isinstance(self._socket, ssl.SSLSocket):
            self._notify_close(self._socket)
        self._socket.shutdown(socket.SHUT_WR)

    def _send(self, out: bytes) -> None:
        self._out += out
        try:
            while self._out:
                self._out = self._out[self._socket.send(self._out) :]
        except (BlockingIOError, ssl.SSLWantWriteError):
            self._wait_to_write()

    def _writable(self) -> None:
        self._listener.loop.remove_writer(self._socket.fileno())
        self._writing = False
        try:
            self._send(b"")
            done = self._intake is not None and self._intake.done
            if done and not self._writing and self._phase is _Phase.OPEN:
                self._half_close()
        except OSError:
            self.close()
            return
        self.readable()

    def _wait(self) -> None:
        if not self._reading:
            self._reading = True
            self._listener.loop.add_reader(self._socket.fileno(), self.readable)

    def _wait_to_write(self) -> None:
        self._wait()
        if not self._writing:
            self._writing = True
            self._listener.loop.add_writer(self._socket.fileno(), self._writable)

    def _refuse(self, reason: Reason, detail: str) -> None:
        self._listener.rejections.count(reason, detail=detail)
        if self._phase is not _Phase.CLOSED:
            try:
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            except OSError:
                pass
        self.close()


def _reset(sock: socket.socket) -> None:
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    finally:
        sock.close()
