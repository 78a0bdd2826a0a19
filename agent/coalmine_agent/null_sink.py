"""A listener of our own on loopback, probed like any endpoint: if it fails, the fault is the agent's.

A probe of a slot is fine when its sender says sent and the listener has the slot's line. The runner
starts the probes and tells their outcomes; what is not fine a second after its start has failed.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from coalmine_agent.plan import EndpointPlan
from coalmine_agent.target import Target
from coalmine_wire.plaintext import encode_line
from coalmine_wire.protocols import Protocol

if TYPE_CHECKING:
    from coalmine_agent.reactor import Reactor

_NAME = "canary.null"
_BACKLOG = 128
_KEPT = 32  # slots whose probes may be under way, each for a second


class NullSink:
    """Listens for the protocols in use: `tcp` for all over streams, `udp` where datagrams are sent.

    `heard(protocol, slot)` is called when a slot's line came in.
    """

    def __init__(self, reactor: Reactor, *, udp: bool, heard: Callable[[Protocol, int], None]) -> None:
        self._reactor = reactor
        self._heard = heard
        self._listener = _Listener(reactor, self._line)
        self._datagrams = _Datagrams(reactor, self._line) if udp else None
        self.targets = [Target(-1, _plan(Protocol.TCP, self._listener.port))]
        if self._datagrams is not None:
            self.targets.append(Target(-1, _plan(Protocol.UDP, self._datagrams.port)))

    def _line(self, protocol: Protocol, line: bytes) -> None:
        slot = line.split(b" ")[-1].strip()
        if slot.isdigit() and line == encode_line(_NAME.encode(), int(slot)):
            self._heard(protocol, int(slot))

    def close(self) -> None:
        """Stops listening."""
        self._listener.close()
        if self._datagrams is not None:
            self._datagrams.close()


class _Listener:
    """Accepts and reads each connection to its end."""

    def __init__(self, reactor: Reactor, line: Callable[[Protocol, bytes], None]) -> None:
        self._reactor = reactor
        self._line = line
        self._readers: dict[int, _Reader] = {}
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self._sock.bind(("127.0.0.1", 0))
        self._sock.listen(_BACKLOG)
        self.port: int = self._sock.getsockname()[1]
        reactor.watch(self._sock.fileno(), self)

    def ready(self, events: int) -> None:
        while True:
            try:
                sock, _ = self._sock.accept()
            except OSError:  # nobody is left, or no descriptor is: then the probe fails, as it should
                return
            sock.setblocking(False)
            if len(self._readers) >= _KEPT:  # somebody else's connections: ours are few and short
                self._readers.pop(next(iter(self._readers))).close()
            reader = _Reader(self._reactor, sock, self._line, self._readers)
            self._readers[reader.fd] = reader
            reader.ready(0)

    def close(self) -> None:
        for reader in list(self._readers.values()):
            reader.close()
        self._readers.clear()
        self._reactor.forget(self._sock.fileno())
        self._sock.close()


class _Reader:
    """One connection to the null sink."""

    def __init__(
        self,
        reactor: Reactor,
        sock: socket.socket,
        line: Callable[[Protocol, bytes], None],
        readers: dict[int, _Reader],
    ) -> None:
        self._reactor = reactor
        self._sock = sock
        self._line = line
        self._readers = readers
        self._received = b""
        self.fd = sock.fileno()
        reactor.watch(self.fd, self)

    def ready(self, events: int) -> None:
        while True:
            try:
                chunk = self._sock.recv(4096)
            except BlockingIOError:
                return
            except OSError:
                chunk = b""
            self._received += chunk
            ended = not chunk or len(self._received) > 4096
            if self._received.endswith(b"\n") or ended:
                self._line(Protocol.TCP, self._received)
                self._received = b""
            if ended:
                self._readers.pop(self.fd, None)
                self.close()
                return

    def close(self) -> None:
        self._reactor.forget(self.fd)
        self._sock.close()


class _Datagrams:
    """Reads datagrams."""

    def __init__(self, reactor: Reactor, line: Callable[[Protocol, bytes], None]) -> None:
        self._reactor = reactor
        self._line = line
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._sock.bind(("127.0.0.1", 0))
        self.port: int = self._sock.getsockname()[1]
        reactor.watch(self._sock.fileno(), self)

    def ready(self, events: int) -> None:
        while True:
            try:
                datagram = self._sock.recv(4096)
            except OSError:
                return
            self._line(Protocol.UDP, datagram)

    def close(self) -> None:
        self._reactor.forget(self._sock.fileno())
        self._sock.close()


def _plan(protocol: Protocol, port: int) -> EndpointPlan:
    return EndpointPlan(
        service="_null",
        protocol=protocol,
        variant="",
        host="127.0.0.1",
        port=port,
        series_name=_NAME,
        phase_ms=0,
    )
