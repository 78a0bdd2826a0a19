"""One attempt at a time against real listeners, with the runner's deadline but without its schedule."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from coalmine_agent.attempt import Attempt
from coalmine_agent.plan import EndpointPlan, TlsPlan
from coalmine_agent.reactor import Reactor
from coalmine_agent.resolver import Resolver
from coalmine_agent.tally import Tally
from coalmine_agent.target import Target
from coalmine_runtime.clock import monotonic
from coalmine_wire.protocols import Protocol
from coalmine_wire.reports import Outcome, Step

SLOT = 1_763_608_320
NAME = "canary.ingest.external.eu-west-1.eu-west-1a.host.x"

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def plan_for(
    protocol: Protocol,
    port: int,
    *,
    host: str = "127.0.0.1",
    tls: ssl.SSLContext | None = None,
    server_name: str = "localhost",
    phase_ms: int = 0,
    key: str = "",
) -> EndpointPlan:
    """An endpoint at `host`:`port`."""
    return EndpointPlan(
        service="ingest",
        protocol=protocol,
        variant="",
        host=host,
        port=port,
        series_name=NAME,
        phase_ms=phase_ms,
        key=key,
        tls=TlsPlan(tls, server_name) if tls else None,
        path="/api/v1/sink",
        authorization="Basic a2V5Og==",
    )


@dataclass
class Ended:
    """An attempt's outcome, how long it took, and the end of the certificate that it saw."""

    outcome: Outcome
    took_s: float
    expires_at: int

    def us(self, step: Step) -> int:
        """The duration of a step, -1 if it was not taken."""
        return self.outcome.steps_us[step]


async def attempt(
    plan: EndpointPlan,
    *,
    deadline_s: float = 1.0,
    target: Target | None = None,
    reactor: Reactor | None = None,
    resolver: Resolver | None = None,
) -> Ended:
    """One attempt, to its end, to the plan's target unless another is given.

    With a `reactor` of the caller's many can be under way.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()
    own = Reactor(loop) if reactor is None else reactor
    names = Resolver() if resolver is None else resolver
    began = monotonic()
    one = Attempt(
        target or Target(0, plan),
        Tally(1, SLOT, endpoints=1, probes=0),
        deadline=began + deadline_s,
        reactor=own,
        ended=lambda _: ended.set_result(None),
    )

    def at_deadline() -> None:
        if one.verdict is None:
            one.expire()

    timer = loop.call_later(deadline_s, at_deadline)
    one.begin(names)
    await ended
    took_s = monotonic() - began
    timer.cancel()
    if reactor is None:
        assert own.watched == 0
        own.close()
    if resolver is None:
        await names.close()
    return Ended(one.outcome(), took_s, one.expires_at)


@dataclass
class Served:
    """A listener of a test: its port, and what its connections sent, as they ended."""

    port: int
    received: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)


@contextlib.asynccontextmanager
async def listener(
    handler: Handler | None = None, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Served]:
    """Serves `handler`, or reads each connection to its end and closes it."""
    served = Served(0)
    connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if handler is not None:
                await handler(reader, writer)
            else:
                await served.received.put(await reader.read())
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections[asyncio.get_running_loop().create_task(serve(reader, writer))] = writer

    server = await asyncio.start_server(connected, host, 0, ssl=tls)
    served.port = server.sockets[0].getsockname()[1]
    try:
        yield served
    finally:
        # What is accepted becomes a connection some turns of the loop later, and asyncio loses it if
        # the server was closed meanwhile.
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        await asyncio.gather(*map(_close, connections.values()))


_TURNS = 10


async def _close(writer: asyncio.StreamWriter) -> None:
    # The asyncio of Python 3.11.2 fails to abort a TLS transport that has lost its connection already.
    with contextlib.suppress(AttributeError):
        writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


@contextlib.contextmanager
def silent_socket(*, accepts: int = 128) -> Iterator[socket.socket]:
    """A listening TCP socket that nobody accepts from."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(accepts)
        sock.setblocking(False)
        yield sock


@contextlib.contextmanager
def black_hole() -> Iterator[int]:
    """The port of a listener whose queue is full: connections to it get no answer at all."""
    with contextlib.ExitStack() as stack:
        sock = stack.enter_context(silent_socket(accepts=0))
        for _ in range(2):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(sock.getsockname())
        yield sock.getsockname()[1]


def closed_port(kind: socket.SocketKind = socket.SOCK_STREAM, host: str = "127.0.0.1") -> int:
    """A port that nobody listens on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, kind) as sock:
        sock.bind((host, 0))
        port: int = sock.getsockname()[1]
        return port
