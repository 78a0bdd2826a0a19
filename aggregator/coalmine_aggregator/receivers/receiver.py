"""One receiver: a protocol at an address, on all the sockets that the address stands for."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from coalmine_aggregator.model.receipts import Receipts
from coalmine_aggregator.receivers.admission import Admission
from coalmine_aggregator.receivers.datagrams import DatagramListener
from coalmine_aggregator.receivers.gather import Gather
from coalmine_aggregator.receivers.https import HttpIntake
from coalmine_aggregator.receivers.intake import Intake, Scratch
from coalmine_aggregator.receivers.limits import ReceiverLimits
from coalmine_aggregator.receivers.pickled import PickleIntake
from coalmine_aggregator.receivers.plaintext import LineIntake
from coalmine_aggregator.receivers.rejections import Rejections, Rejects
from coalmine_aggregator.receivers.streams import StreamListener
from coalmine_aggregator.receivers.table import SeriesTable
from coalmine_runtime.logs import get_logger
from coalmine_runtime.quantities import IPNetwork
from coalmine_wire.protocols import Protocol

FLUSH_AFTER_S = 0.01
"""What has arrived is decoded this much later at the latest."""

_BACKLOG = 4096  # connections that the kernel holds for us; it grants net.core.somaxconn at most

log = get_logger("aggregator")


class ListenError(Exception):
    """An address that cannot be listened on; one line that says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Where and how one protocol is received.

    An empty `host` is every address, IPv4 and IPv6; port 0 is any free one. `source` is the number of
    the receipt source. `allow_from` empty lets everybody in. `key`, where given, is verified: in front
    of every name with a dot, or for https as the user of basic authentication. `path` is https's.
    """

    protocol: Protocol
    host: str
    port: int
    source: int
    allow_from: tuple[IPNetwork, ...] = ()
    key: bytes = b""
    tls: ssl.SSLContext | None = None
    path: str = "/api/v1/sink"

    def __post_init__(self) -> None:
        if self.protocol.over_tls != (self.tls is not None):
            raise ValueError(f"{self.protocol} {'needs' if self.tls is None else 'has no'} TLS")
        if len(self.key) > MAX_KEY:
            raise ValueError(f"a key of {len(self.key)} bytes, at most {MAX_KEY}")


MAX_KEY = 120
"""Bytes of an API key."""


class Receiver:
    """Opens its sockets in `start` and reads them until `close`."""

    def __init__(
        self,
        listen: Listen,
        *,
        table: SeriesTable,
        sink: Callable[[Receipts], None],
        rejects: Rejects,
        limits: ReceiverLimits,
        now: Callable[[], float],
    ) -> None:
        self.listen = listen
        self._limits = limits
        self.rejections = Rejections(listen.source, str(listen.protocol), rejects)
        self._admission = Admission(listen.allow_from, limits)
        self._scratch = Scratch()
        self._timer: asyncio.TimerHandle | None = None
        self._listeners: list[StreamListener | DatagramListener] = []
        prefixed = listen.key and listen.protocol is not Protocol.HTTPS
        self.gather = Gather(
            listen.source,
            table=table,
            sink=sink,
            rejections=self.rejections,
            limits=limits,
            now=now,
            wake=self._flush_soon,
            prefix=listen.key + b"." if prefixed else b"",
        )

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where it listens; with the port that was found for port 0."""
        return [listener.socket.getsockname()[:2] for listener in self._listeners]

    @property
    def connections(self) -> int:
        """Open at the moment."""
        return self._admission.connections

    def accept(self) -> None:
        """Takes in new connections at once, where they would rather be collected for a moment."""
        for listener in self._listeners:
            if isinstance(listener, StreamListener):
                listener.accept()

    def owed(self) -> Callable[[], bool]:
        """Remembers what waits to be read now; the result tells whether it is still not all read."""
        each = [listener.owed() for listener in self._listeners]
        return lambda: any(still() for still in each)

    async def start(self) -> None:
        """Listens. Raises `ListenError`."""
        tls = self.listen.tls
        if tls is not None:
            # A canary never resumes: tickets would cost us, and clients that leave them unread a reset.
            tls.num_tickets = 0
            tls.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
        try:
            for bound in await _bind(self.listen):
                self._listeners.append(self._listener(bound))
        except OSError as error:
            self.close()
            where = f"{self.listen.host or '*'}:{self.listen.port}"
            raise ListenError(f"{self.listen.protocol} {where}: {error.strerror or error}") from None
        for listener in self._listeners:
            listener.start()
        for host, port in self.addresses:
            name = str(self.listen.protocol)
            log.info("aggregator.receiver.listening", receiver=name, host=host, port=port)

    def sweep(self, now_s: float) -> None:
        """What is to be done every second (`now_s`: monotonic)."""
        for listener in self._listeners:
            listener.sweep(now_s)
        self.rejections.tell(now_s)

    def flush(self) -> None:
        """Decodes and hands on what has been read. Never raises."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        try:
            self.gather.flush()
        except Exception as error:
            log.exception("aggregator.receiver.defect", error, receiver=self.listen.protocol)

    def close(self) -> None:
        """Stops listening, closes every connection, hands on what has been read."""
        for listener in self._listeners:
            listener.close()
        self.flush()

    def _flush_soon(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_AFTER_S, self.flush)

    def _listener(self, bound: socket.socket) -> StreamListener | DatagramListener:
        if self.listen.protocol is Protocol.UDP:
            return DatagramListener(
                bound, gather=self.gather, admission=self._admission, rejections=self.rejections
            )
        return StreamListener(
            bound,
            intake=self._intake,
            admission=self._admission,
            rejections=self.rejections,
            limits=self._limits,
            tls=self.listen.tls,
        )

    def _intake(self) -> Intake:
        if self.listen.protocol.pickled:
            return PickleIntake(self.gather, self.rejections, self._scratch)
        if self.listen.protocol is Protocol.HTTPS:
            return HttpIntake(
                self.gather,
                self.rejections,
                self._scratch,
                path=self.listen.path.encode(),
                key=self.listen.key,
                body_bytes=self._limits.body_bytes,
            )
        return LineIntake(self.gather)


async def _bind(listen: Listen) -> list[socket.socket]:
    kind = socket.SOCK_DGRAM if listen.protocol is Protocol.UDP else socket.SOCK_STREAM
    found = await asyncio.get_running_loop().getaddrinfo(
        listen.host or None, listen.port, type=kind, flags=socket.AI_PASSIVE
    )
    bound: list[socket.socket] = []
    port = listen.port
    try:
        for family, _, proto, _, address in dict.fromkeys(found):
            try:
                sock = socket.socket(family, kind | socket.SOCK_NONBLOCK, proto)
            except OSError:
                if len(found) > 1:  # a kernel without IPv6 still resolves to it
                    continue
                raise
            bound.append(sock)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if kind == socket.SOCK_STREAM:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((address[0], port))
            port = sock.getsockname()[1]
            if kind == socket.SOCK_STREAM:
                # Woken by the first bytes of a connection instead of by a handshake without any.
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 1)
                sock.listen(_BACKLOG)
    except OSError:
        for sock in bound:
            sock.close()
        raise
    return bound
