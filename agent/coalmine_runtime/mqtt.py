"""The one module that imports aiomqtt: a connection to the broker, told apart from its library.

What aiomqtt 2.5 does not see to, and this module does:

- It connects in a thread and cannot be cancelled there: a connection that completes after its task
  was cancelled, or after its CONNACK timed out, would live on unseen under the same identifier and
  push the next one out. Here it is closed as soon as it exists.
- It arms the socket for writing one turn of the loop after it is told to, by descriptor: where the
  socket was closed in that turn, the descriptor may be another connection's by then. Here the turn
  first asks whether the socket is still the client's, and writes at once, which mostly saves arming.
- It waits by `asyncio.wait_for`, which in Python 3.11 loses a cancellation that comes with the answer.
- It asks how connecting ended where that was cancelled, and so raises as the connection is closed.
- A connection lost outside of a call is noticed by readers of messages only: `Connection.lost()`.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import math
import re
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple, TypeVar

import aiomqtt
from aiomqtt.exceptions import MqttConnectError

from coalmine_runtime.settings import Seconds, Secret, SettingError, setting
from coalmine_runtime.tls import TlsClientSettings, client_context
from coalmine_runtime.url import split_url
from coalmine_wire.topics import is_topic_part

T = TypeVar("T")

__all__ = [
    "BrokerError",
    "BrokerSettings",
    "BrokerUrl",
    "Connection",
    "Message",
    "Will",
    "connect",
    "tls_context",
]

PORT = 1883
TLS_PORT = 8883

CONNECT_TIMEOUT_S = 10.0
"""For the broker's CONNACK; the TCP and TLS handshakes have 5 s each of their own."""

MAX_IN_FLIGHT = 200
"""Messages sent and not acknowledged yet; more wait in the client, in order."""

BrokerError = aiomqtt.MqttError
"""A connection that failed or was lost, a message that was not acknowledged in time."""

Message = aiomqtt.Message

Will = aiomqtt.Will


class BrokerUrl(NamedTuple):
    """`mqtt://host[:port]` or `mqtts://host[:port]`."""

    host: str
    port: int
    tls: bool

    @classmethod
    def parse(cls, text: str) -> BrokerUrl:
        """Raises ValueError, without repeating a password that stands in the URL."""
        url = split_url(text, schemes=("mqtt", "mqtts"), example="mqtts://broker.example:8883")
        if url.path not in ("", "/") or url.query:
            raise ValueError(f'expected only host and port in "{text}"')
        tls = url.scheme == "mqtts"
        return cls(url.host, url.port or (TLS_PORT if tls else PORT), tls)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class BrokerSettings(TlsClientSettings):
    """Where the broker is and who connects."""

    url: BrokerUrl = setting("Broker, mqtt://host:port or mqtts://host:port")
    fleet: str = setting("Fleet that agents and aggregator share, part of every topic", "default")
    username: str = setting(
        "User name for the broker; the agent's id where only a password is given", ""
    )
    password: Secret | None = setting("Password for the broker", None)
    keepalive: Seconds = setting("Silence after which the other end is asked whether it lives", 15.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not is_topic_part(self.fleet):
            raise SettingError("fleet", f'"{self.fleet}" has characters other than a-z 0-9 _ . -')
        if not 5 <= self.keepalive <= 3600:
            raise SettingError("keepalive", "must be from 5s to 1h")
        if not self.url.tls and (self.ca_file is not None or self.certificate_file is not None):
            raise SettingError("url", "certificates need mqtts://")
        if self.server_name:
            raise SettingError("server_name", "a broker is verified by the host of its URL")


def tls_context(settings: BrokerSettings) -> ssl.SSLContext | None:
    """How the broker is verified; None where it is spoken to in the clear. Raises `SettingError`."""
    if not settings.url.tls:
        return None
    context = client_context(settings)
    context.sslsocket_class = _TidySocket
    return context


class _TidySocket(ssl.SSLSocket):
    """Closed when its handshake fails, which the library leaves to the garbage collector."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


class Connection:
    """A live connection. Made by `connect`."""

    def __init__(self, client: _Client) -> None:
        self._client = client

    async def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False, timeout_s: float = 10
    ) -> None:
        """Returns when the broker has acknowledged it (at QoS 0: when it was handed over).

        Several may be under way; they leave in the order of the calls. Raises `BrokerError`.
        """
        try:
            await self._client.publish(topic, payload, qos, retain, timeout=timeout_s)
        except (OSError, ValueError) as error:
            raise BrokerError(str(error)) from None

    async def subscribe(self, topic: str, *, qos: int = 1) -> None:
        """Asks for the messages of a topic filter. Raises `BrokerError`, also when it is refused."""
        granted = await self._client.subscribe(topic, qos)
        if any(code >= 0x80 for code in map(_code, granted)):
            raise BrokerError(f"the broker refused the subscription to {topic}")

    async def messages(self) -> AsyncGenerator[Message, None]:
        """What arrives. Raises `BrokerError` when the connection is lost."""
        async for message in self._client.messages:
            yield message

    def drop(self) -> None:
        """Closes the connection at once."""
        self._client.drop()

    async def lost(self, take: Callable[[Message], object] = lambda _: None) -> BrokerError:
        """Returns the reason once the connection is lost; what arrives until then goes to `take`, or is
        dropped."""
        try:
            async for message in self._client.messages:
                take(message)
        except BrokerError as error:
            return error.__cause__ if isinstance(error.__cause__, BrokerError) else error
        raise AssertionError("messages end with an error")


@contextlib.asynccontextmanager
async def connect(
    settings: BrokerSettings,
    identifier: str,
    will: Will | None = None,
    context: ssl.SSLContext | None = None,
) -> AsyncIterator[Connection]:
    """Connects, and on leaving disconnects politely (so that the last will is not sent).

    `context` is what `tls_context(settings)` gave earlier: reading certificates takes milliseconds.
    Raises `BrokerError` where the broker is unreachable or refuses, and `SettingError` where a file
    of the TLS settings is no certificate or key.
    """
    client = _Client(
        settings.url.host,
        settings.url.port,
        identifier=identifier,
        username=settings.username or (identifier if settings.password else None),
        password=settings.password.reveal() if settings.password else None,
        will=will,
        keepalive=round(settings.keepalive),
        timeout=CONNECT_TIMEOUT_S,
        max_inflight_messages=MAX_IN_FLIGHT,
        max_queued_incoming_messages=100_000,
        tls_context=context or tls_context(settings),
        logger=_logger,
    )
    # The client warns from this many calls on; ours are bounded where they are made.
    client.pending_calls_threshold = 10 * MAX_IN_FLIGHT
    entering = asyncio.ensure_future(client.__aenter__())
    try:
        await asyncio.shield(entering)
    except asyncio.CancelledError:
        entering.add_done_callback(client.drop)
        raise
    except (BrokerError, OSError, ValueError) as error:
        client.drop()
        raise BrokerError(_reason(error)) from None
    try:
        yield Connection(client)
    finally:
        try:
            await client.__aexit__(None, None, None)
        except BrokerError:
            pass  # it is gone already, which is all that was wanted
        finally:
            client.drop()


_logger = logging.getLogger("coalmine.mqtt.client")
# The library logs each lost connection as an error; who holds the connection tells it better.
_logger.setLevel(logging.CRITICAL)


class _Client(aiomqtt.Client):
    async def _wait_for(self, fut: Awaitable[T], timeout: float | None) -> T:  # noqa: ASYNC109
        """The library's, but that no cancellation is lost that comes with what is waited for, as
        `asyncio.wait_for` does in Python 3.11."""
        limit = self.timeout if timeout is None else timeout
        try:
            async with asyncio.timeout(None if limit == math.inf else limit):
                return await fut
        except TimeoutError:
            raise BrokerError("Operation timed out") from None

    def drop(self, entering: asyncio.Future[Any] | None = None) -> None:
        """Closes whatever is left of the connection."""
        for future in (self._connected, self._disconnected, entering):
            if future is not None and future.done() and not future.cancelled():
                future.exception()  # told elsewhere; unread it would be logged when collected
        if self._client.socket() is not None:
            self._client.disconnect()
            self._client.loop_write()
            self._client._sock_close()  # where the goodbye could not be written at once
        if self._misc_task is not None:
            self._misc_task.cancel()

    def _on_disconnect(self, *told: Any) -> None:
        if not self._connected.cancelled():
            super()._on_disconnect(*told)

    def _on_socket_register_write(self, client: Any, userdata: Any, sock: Any) -> None:
        del userdata

        def write() -> None:
            if client.socket() is not sock:
                return
            try:
                client.loop_write()
                if client.socket() is sock and client.want_write():
                    self._loop.add_writer(sock.fileno(), write)
            except Exception as error:
                if not self._disconnected.done():
                    self._disconnected.set_exception(error)

        # From the thread that connects, or from the loop: the next turn of the loop writes.
        self._loop.call_soon_threadsafe(write)


def _reason(error: Exception) -> str:
    """Why there is no connection, in words: `Connection refused`, `the broker says: Not authorized`."""
    text = re.sub(r"^\[(Errno |code:)-?\d+\] ", "", str(error)) or type(error).__name__
    return f"the broker says: {text}" if isinstance(error, MqttConnectError) else text


def _code(granted: Any) -> int:
    return int(granted.value if hasattr(granted, "value") else granted)
