"""What the senders over TLS share: the handshake and the orderly end, over memory, on our own socket.

OpenSSL reads and writes memory here, so that what it has to say leaves in one segment: the end of
the handshake with the data and, where nothing is awaited, with close_notify and the FIN.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Generator
from typing import TYPE_CHECKING

from coalmine_agent.attempt import ACKNOWLEDGED, READY, SEND, TLS, SendError, Until
from coalmine_agent.certificates import expiry
from coalmine_agent.reactor import READ_CLOSED
from coalmine_agent.senders.stream import (
    connect,
    expect_acknowledgement,
    wait_for_acknowledgement,
    write,
)
from coalmine_agent.tcp_state import unacknowledged

if TYPE_CHECKING:
    from coalmine_agent.attempt import Attempt
    from coalmine_agent.target import Address, Target

_buffer = bytearray(32768)  # all senders run on one thread, and none waits while it holds bytes in it
_view = memoryview(_buffer)
_LOOKED_AT = 1 << 16
_READS = 16  # at each look
_ALERT = 64  # bytes; two, with the overhead of any cipher


class Secured:
    """A connection over TLS whose handshake is done."""

    __slots__ = ("_attempt", "_incoming", "_more", "_outgoing", "sock", "tls")

    def __init__(
        self, attempt: Attempt, sock: socket.SocketType, context: ssl.SSLContext, server_name: bytes
    ) -> None:
        self._attempt = attempt
        self._more = False
        self.sock = sock
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)

    def handshake(self) -> Generator[Until, None, None]:
        """A full handshake. What it has to say last stays in memory, for the next `flush`."""
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError:
                self._say_why()
                raise
            else:
                return
            self.flush()
            if not (yield from self.receive()):
                raise SendError("TLS: the peer closed the connection in the handshake")

    def flush(self, flags: int = 0) -> None:
        """Hands what OpenSSL has written to the kernel."""
        write(self.sock, self._outgoing.read(), flags)

    def receive(self, until: Until = READY) -> Generator[Until, None, int]:
        """Waits for bytes, and puts them where OpenSSL reads; 0 at the end of the stream."""
        count = yield from self._read(until)
        if count:
            self._incoming.write(_view[:count])
        return count

    def rest(self, until: Until) -> Generator[Until, None, bytes | None]:
        """Waits once, for bytes that OpenSSL shall not see yet; None if none came, empty at the end."""
        if not self._more:
            yield until
        try:
            count = self._take()
        except BlockingIOError:
            return None
        return bytes(_view[:count])

    def _read(self, until: Until) -> Generator[Until, None, int]:
        while True:
            if not self._more:
                yield until
            try:
                return self._take()
            except BlockingIOError:
                pass

    def _take(self) -> int:
        """Reads what is there.

        Each change is told once: what is behind a full buffer, or the end that was told together
        with these bytes, has to be looked for without waiting.
        """
        self._more = False
        count = self.sock.recv_into(_buffer)
        self._more = count == len(_buffer) or bool(count and self._attempt.events & READ_CLOSED)
        return count

    def say_goodbye(self) -> None:
        """Writes close_notify, for the next `flush`."""
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            pass

    def hear_refusal(self, received: bytes) -> None:
        """Looks at what came after the handshake. Raises `ssl.SSLError` if that is an alert.

        With TLS 1.3 a server refuses a client's certificate, or the lack of one, after the client's
        handshake is over. One that issues session tickets has accepted it; decoding tickets is
        costly, and is left out.
        """
        if _has_tickets(received):
            return
        self._incoming.write(received)
        try:
            self.tls.read(1)
        except (ssl.SSLWantReadError, ssl.SSLZeroReturnError, ssl.SSLEOFError):
            pass

    def _say_why(self) -> None:
        alert = self._outgoing.read()
        if alert:
            try:
                self.sock.send(alert)
            except OSError:
                pass


def secure(attempt: Attempt, target: Target, address: Address) -> Generator[Until, None, Secured]:
    """A new connection and a full, verified handshake: the steps `connect` and `tls`."""
    sock = yield from connect(attempt, address)
    attempt.enter(TLS)
    plan = target.plan.tls
    assert plan is not None
    secured = Secured(attempt, sock, plan.context, target.server_name)
    attempt.watch_reads()
    yield from secured.handshake()
    attempt.expires_at = expiry(secured.tls)
    return secured


def deliver_over_tls(
    attempt: Attempt, target: Target, address: Address, data: bytes
) -> Generator[Until, None, None]:
    """The whole of an attempt that awaits no answer.

    Data, close_notify and FIN, then reading to the peer's end: closing right away would leave
    session tickets unread, the kernel would reset the connection and a proxy might drop the data.
    Sent means that the peer's TCP acknowledged all of it, and that no alert came.
    """
    secured = yield from secure(attempt, target, address)
    sock = secured.sock
    expect_acknowledgement(attempt, sock)
    attempt.enter(SEND)
    secured.tls.write(data)
    secured.say_goodbye()
    secured.flush(socket.MSG_MORE)  # the FIN follows at once, in the same segment
    sock.shutdown(socket.SHUT_WR)
    if unacknowledged(attempt.fd):
        received = yield from _until_acknowledged(attempt, secured)
    else:
        attempt.left()
        received = yield from _until_closed(attempt, sock)
    secured.hear_refusal(received)


def _until_acknowledged(attempt: Attempt, secured: Secured) -> Generator[Until, None, bytes]:
    """What the peer says until it closes. The step `send` is over with its acknowledgement."""
    received = b""
    acknowledged = False
    while True:
        if not acknowledged:
            if unacknowledged(attempt.fd):
                wait_for_acknowledgement(attempt)
            else:
                acknowledged = True
                attempt.left()
        try:
            piece = yield from secured.rest(ACKNOWLEDGED)
        except ConnectionError:
            if not acknowledged:
                raise
            return received
        if piece is not None:
            if not piece:
                return received
            if len(received) < _LOOKED_AT:
                received += piece


def _until_closed(attempt: Attempt, sock: socket.SocketType) -> Generator[Until, None, bytes]:
    """The same once it has acknowledged: only a refusal could still come, and there is no hurry."""
    received = b""
    while True:
        attempt.look_later()
        yield ACKNOWLEDGED
        try:
            for _ in range(_READS):
                piece = sock.recv(_LOOKED_AT)
                if not piece:
                    return received
                if len(received) < _LOOKED_AT:
                    received += piece
        except BlockingIOError:
            pass
        except ConnectionError:
            return received


def _has_tickets(records: bytes) -> bool:
    """Whether one of these TLS records (RFC 8446, 5.1: length at byte 3) is longer than any alert."""
    at = 0
    while at + 5 <= len(records):
        length = int.from_bytes(records[at + 3 : at + 5], "big")
        if length > _ALERT:
            return True
        at += 5 + length
    return False
