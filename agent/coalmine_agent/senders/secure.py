"""What the senders over TLS share: the handshake and the orderly end, over memory, on our own socket.

OpenSSL reads and writes memory here, so that what it has to say leaves in one segment: the end of the handshake
with the data and, where nothing is awaited, with close_notify and the FIN.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Generator
from typing import TYPE_CHECKING

from coalmine_agent.attempt import SendError, Until
from coalmine_agent.certificates import expiry
from coalmine_agent.reactor import READ_CLOSED
from coalmine_agent.senders.stream import connect, write
from coalmine_agent.tcp_state import unacknowledged
from coalmine_wire.reports import Step

if TYPE_CHECKING:
    from coalmine_agent.attempt import Attempt
    from coalmine_agent.target import Address, Target

_buffer = bytearray(32768)  # all senders run on one thread, and none waits while it holds bytes in it
_view = memoryview(_buffer)
_DRAINED = 1 << 20


class Secured:
    """A connection over TLS whose handshake is done."""

    __slots__ = ("_attempt", "_incoming", "_more", "_outgoing", "sock", "tls")

    def __init__(
        self, attempt: Attempt, sock: socket.socket, context: ssl.SSLContext, server_name: str
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
            yield from self.flush()
            if not (yield from self.receive()):
                raise SendError("TLS: the peer closed the connection in the handshake")

    def flush(self, flags: int = 0) -> Generator[Until, None, None]:
        """Hands what OpenSSL has written to the kernel."""
        return write(self.sock, self._outgoing.read(), flags)

    def receive(self, until: Until = Until.READY) -> Generator[Until, None, int]:
        """Waits for bytes, and puts them where OpenSSL reads; 0 at the end of the stream."""
        count = yield from self._read(until)
        if count:
            self._incoming.write(_view[:count])
        return count

    def drain(self, until: Until) -> Generator[Until, None, None]:
        """Reads on to the end of the stream, or to `_DRAINED` bytes, which are not looked at."""
        left = _DRAINED
        while left > 0:
            count = yield from self._read(until)
            if not count:
                return
            left -= count

    def _read(self, until: Until) -> Generator[Until, None, int]:
        while True:
            if not self._more:
                yield until
            self._more = False
            try:
                count = self.sock.recv_into(_buffer)
            except BlockingIOError:
                continue
            # Each change is told once: what may already be there behind these bytes is not told again.
            self._more = count == len(_buffer) or bool(count and self._attempt.events & READ_CLOSED)
            return count

    def say_goodbye(self) -> None:
        """Writes close_notify, for the next `flush`."""
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            pass

    def hear_refusal(self) -> None:
        """Reads what came after the handshake. Raises `ssl.SSLError` if that is an alert.

        With TLS 1.3 a server refuses a client's certificate after the client's handshake is over.
        """
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
    attempt.enter(Step.TLS)
    plan = target.plan.tls
    assert plan is not None
    secured = Secured(attempt, sock, plan.context, plan.server_name)
    yield from secured.handshake()
    attempt.expires_at = expiry(secured.tls)
    return secured


def deliver_over_tls(
    attempt: Attempt, target: Target, address: Address, data: bytes
) -> Generator[Until, None, None]:
    """The whole of an attempt that awaits no answer.

    Data, close_notify and FIN, then reading to the peer's end: closing right away would leave session tickets
    unread, the kernel would reset the connection and a proxy might drop the data. Sent means that the peer's
    TCP acknowledged all of it, and that no alert came.
    """
    secured = yield from secure(attempt, target, address)
    attempt.enter(Step.SEND)
    secured.tls.write(data)
    secured.say_goodbye()
    yield from secured.flush(socket.MSG_MORE)  # the FIN follows at once, in the same segment
    secured.sock.shutdown(socket.SHUT_WR)
    acknowledged = False
    count = -1
    while count:
        if not acknowledged and not unacknowledged(attempt.fd):
            acknowledged = True
            attempt.left()
        try:
            count = yield from secured.receive(Until.ACKNOWLEDGED)
        except ConnectionError:
            if not acknowledged:
                raise
            break
    secured.hear_refusal()
