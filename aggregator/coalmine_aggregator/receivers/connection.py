"""One connection over TCP or TLS that stays open beyond its first look, driven by readiness."""

from __future__ import annotations

import fcntl
import socket
import ssl
import struct
import sys
import termios
from enum import Enum
from typing import TYPE_CHECKING

from coalmine_aggregator.receivers.intake import Intake, RefusedError
from coalmine_aggregator.receivers.reasons import Reason
from coalmine_aggregator.receivers.tls import TlsPipe
from coalmine_runtime.logs import get_logger

if TYPE_CHECKING:
    from coalmine_aggregator.receivers.streams import StreamListener

READS = 8
"""Reads from one connection before the loop gets its turn."""

FULL_READ = 16 << 10
"""A read of fewer bytes left nothing behind: every room is larger, and the kernel gives what it has."""

TLS_READ = 64 << 10
"""Bytes read at once where they have to be decrypted first: at least three records."""

LINGER_S = 5.0
"""After our side has ended, a peer that does not end its own is cut off."""

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset, so that the peer knows

log = get_logger("aggregator")


class _Phase(Enum):
    OPEN = 0
    LINGER = 1
    CLOSED = 2


class Connection:
    """One connection that stays open beyond its first turn, or one over TLS."""

    __slots__ = (
        "_address", "_held", "_intake", "_listener", "_out", "_phase", "_reading", "_socket", "_tls",
        "_units", "_writing", "deadline_s", "taken",
    )  # fmt: skip

    def __init__(
        self, listener: StreamListener, sock: socket.socket, address: str, intake: Intake
    ) -> None:
        limits = listener.limits
        self._listener = listener
        self._address = address
        self._socket = sock
        self._intake = intake
        self._tls = TlsPipe(listener.tls) if listener.tls is not None else None
        self._held = 0
        self._units = 0
        self._out = b""
        self._reading = False
        self._writing = False
        self._phase = _Phase.OPEN
        self.taken = 0
        """Bytes read from the socket."""
        self.deadline_s = listener.now_s + (limits.handshake_s if self._tls else limits.idle_s)

    def readable(self) -> None:
        """Takes in what there is, within its turn, and waits for more."""
        try:
            self._listener.hungry.discard(self)
            for _ in range(READS):
                if self._writing or not self._read():
                    break
            else:
                self._listener.hungry.add(self)
        except (BlockingIOError, InterruptedError):
            pass
        except Exception as error:
            self.fail(error)
        if self._phase is not _Phase.CLOSED and not self._reading:
            self._reading = True
            self._listener.loop.add_reader(self._socket.fileno(), self.readable)

    def fail(self, error: Exception) -> None:
        """Ends it for a reason, which is counted."""
        if isinstance(error, RefusedError):
            self._refuse(error.reason, error.detail)
        elif isinstance(error, ssl.SSLError):
            detail = f"{self._address} {error.reason or error}"
            self._listener.rejections.count(Reason.TLS_FAILED, detail=detail)
            self.close()  # without a reset of ours, which would overtake the alert
        elif isinstance(error, OSError):
            # A peer that resets after we ended our side, or instead of it, is only impolite.
            if self._phase is not _Phase.LINGER:
                self._listener.rejections.count(Reason.RESET, detail=self._address)
            self.close()
        else:
            log.exception("aggregator.receiver.defect", error, peer=self._address)
            self._refuse(Reason.DEFECT, self._address)

    def waiting(self) -> int:
        """Bytes that have arrived and are not read."""
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
        # Before the descriptor is closed, or whoever gets its number next would not be heard.
        if self._reading:
            listener.loop.remove_reader(descriptor)
        if self._writing:
            listener.loop.remove_writer(descriptor)
        self._socket.close()
        listener.held -= self._held
        listener.hungry.discard(self)
        listener.connections.discard(self)
        listener.admission.release(self._address)

    def _read(self) -> bool:
        """One read of the socket; whether there may be more."""
        if self._phase is _Phase.LINGER:
            return self._read_away()
        if self._tls is not None:
            return self._read_tls(self._tls)
        count = self._intake.read(self._socket.recv_into)
        self.taken += count
        if not count:
            self._ended()
            return False
        self._after_read()
        return count >= FULL_READ

    def _read_tls(self, tls: TlsPipe) -> bool:
        data = self._socket.recv(TLS_READ)
        self.taken += len(data)
        tls.received(data)
        try:
            if not tls.shaken:
                if not tls.shake():
                    return len(data) == TLS_READ
                self.deadline_s = self._listener.now_s + self._listener.limits.idle_s
            while not self._intake.done:  # until more has to come first
                if not self._intake.read(tls.read_into):
                    self._ended()
                    return False
                self._after_read()
        except ssl.SSLWantReadError:
            pass
        finally:
            self._send()  # the next flight, or the alert that says what was wrong
        return len(data) == TLS_READ

    def _read_away(self) -> bool:
        data = self._socket.recv(TLS_READ)
        self.taken += len(data)
        if not data:
            self.close()
        return len(data) == TLS_READ

    def _after_read(self) -> None:
        intake, listener = self._intake, self._listener
        held = intake.held
        listener.held += held - self._held
        self._held = held
        if listener.held > listener.limits.held_bytes:
            raise RefusedError(Reason.OUT_OF_ROOM, self._address)
        if intake.units != self._units:
            self._units = intake.units
            self.deadline_s = listener.now_s + listener.limits.idle_s
        if out := intake.replies():
            if self._tls is not None:
                self._tls.write(out)
            else:
                self._out += out
            self._send()
        if intake.done:
            self._half_close()

    def _ended(self) -> None:
        """The peer has ended its side, and so do we."""
        reason = self._intake.ended()
        if reason is not None:
            self._listener.rejections.count(reason, detail=self._address)
        if self._tls is not None:
            self._tls.notify_close()
            self._send()
        self.close()

    def _half_close(self) -> None:
        """Our side ends; what the peer still sends is read away, lest a reset overtake the answer."""
        if self._phase is _Phase.OPEN:
            self._phase = _Phase.LINGER
            self.deadline_s = self._listener.now_s + LINGER_S
            if self._tls is not None:
                self._tls.notify_close()
            self._send()

    def _send(self) -> None:
        """Sends what is to be sent; a peer that does not read it is not listened to meanwhile."""
        if self._phase is _Phase.CLOSED:
            return
        if self._tls is not None:
            self._out += self._tls.outgoing()
        try:
            while self._out:
                self._out = self._out[self._socket.send(self._out) :]
        except BlockingIOError:
            if not self._writing:
                self._writing = True
                self._listener.loop.add_writer(self._socket.fileno(), self._writable)
            return
        if self._phase is _Phase.LINGER:
            self._socket.shutdown(socket.SHUT_WR)

    def _writable(self) -> None:
        self._writing = False
        self._listener.loop.remove_writer(self._socket.fileno())
        try:
            self._send()
        except OSError as error:
            self.fail(error)
            return
        self.readable()

    def _refuse(self, reason: Reason, detail: str) -> None:
        self._listener.rejections.count(reason, detail=detail)
        if self._phase is not _Phase.CLOSED:
            linger_not(self._socket)
        self.close()


def linger_not(sock: socket.socket) -> None:
    """Closing it will reset the connection."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    except OSError:
        pass  # gone already
