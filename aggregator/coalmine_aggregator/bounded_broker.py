"""amqtt's broker with the bounds that it lacks: one stranger, or a whole fleet at once, harms nobody.

What amqtt 0.12 does otherwise, and this does not:

- Every client that connects is sent all retained messages that anybody has subscribed to: other
  agents' births go to each agent, a thousand agents cost a million messages.
- It deletes or takes over the session of a client's identifier before it looks at the password.
- A connection whose first packet is nonsense is never given back: after `max_connections` of them
  nobody is let in. One that says nothing at all is waited for without end.
- A shutdown leaves those alone who are just being let in; they run on in a loop that ends.
- Packets (256 MiB each), retained messages, sessions of clients that left and
  messages that it has not handed on yet are kept without bound.
- A last will goes out whatever its topic, past the rules of who may write what.
- Each message is held against each filter, and a filter that comes or goes meanwhile loses the message:
  what agents subscribe to is therefore kept apart (`withdrawal_fanout.py`).
"""

from __future__ import annotations

import asyncio
from typing import Any

from amqtt.adapters import ReaderAdapter, StreamReaderAdapter, WriterAdapter
from amqtt.broker import Broker
from amqtt.contexts import Action, BrokerConfig, ListenerConfig
from amqtt.errors import AMQTTError
from amqtt.mqtt.connack import NOT_AUTHORIZED, ConnackPacket
from amqtt.mqtt.constants import QOS_0
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler
from amqtt.session import Session

from coalmine_aggregator.withdrawal_fanout import OfferingWriter, WithdrawalFanout
from coalmine_runtime.logs import get_logger
from coalmine_wire.reports import MAX_PAYLOAD
from coalmine_wire.topics import Kind, parse_topic, parse_withdrawn_topic

_log = get_logger("broker")

CONNECT_S = 10.0
"""A client introduces itself within this, or is cut off."""

MAX_PACKET = MAX_PAYLOAD + 1024
"""Bytes read at once: the longest message of ours, its topic beside it."""

MAX_RETAINED = 400_000
"""Retained messages: a birth and a state for each agent of the largest roster."""

MAX_RETAINED_BYTES = 64 << 20

MAX_BACKLOG_BYTES = 16 << 20
"""Messages read and not handed on; past it, agents are not read any further."""

OWN_LISTENER = "default"
"""The name of the listener on which our own client connects."""

_LOOK_S = 0.01
_REFUSED = 0x80


class BoundedBroker(Broker):
    """`reader` is the user who alone is sent what agents say, and who alone may say who is withdrawn:
    that is all that agents are sent."""

    reader = ""
    refused = 0
    """Connections that were cut off before they were let in."""

    def __init__(self, config: BrokerConfig) -> None:
        super().__init__(config)
        self._backlog = self._broadcast_queue = _Backlog()
        self._fanout = WithdrawalFanout()
        self._retained_bytes = 0
        self._unretained = 0
        self._serving: set[asyncio.Task[Any]] = set()

    async def stream_connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
    ) -> None:
        """Somebody connected."""
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        server = self._servers[listener_name]
        if server.semaphore is not None and server.semaphore.locked():
            self._refuse(f"{server.max_connections} connections are open")
            writer.close()
            return
        # Our own client acknowledges what is handed on: it is always read, or nothing would move.
        backlog = None if listener_name == OWN_LISTENER else self._backlog
        bounded = _BoundedReader(reader, backlog)
        try:
            await self._client_connected(listener_name, bounded, OfferingWriter(writer))
        except asyncio.CancelledError:
            # Whoever cancels ends all; asyncio of Python 3.11 takes it for a fault where it gets out.
            writer.transport.abort()

    async def end_of_serving(self) -> None:
        """After a shutdown, which forgets who was still being let in: nobody is served any more."""
        for task in self._serving:
            task.cancel()
        if self._serving:
            await asyncio.wait(self._serving)

    async def _initialize_client_session(
        self, reader: ReaderAdapter, writer: WriterAdapter, remote_address: str, remote_port: int
    ) -> tuple[BrokerProtocolHandler, Session]:
        try:
            async with asyncio.timeout(CONNECT_S):
                handler, session = await BrokerProtocolHandler.init_from_connect(
                    reader, writer, self.plugins_manager
                )
                if not await self._authenticate(session, ListenerConfig()):
                    await ConnackPacket.build(0, NOT_AUTHORIZED).to_stream(writer)
                    raise AMQTTError("not authorised")
        except Exception as error:  # whatever its first bytes led amqtt's decoders to
            self._refuse(str(error) or type(error).__name__)
            await _close(writer)
            raise AMQTTError(str(error)) from None
        # Nobody's session outlives its connection: agents only publish, and we subscribe anew.
        session.clean_session = True
        session.parent = 0
        assert session.client_id is not None
        await self._delete_session(session.client_id)
        return handler, session

    async def _publish_retained_messages_for_subscription(
        self, subscription: tuple[str, int], session: Session
    ) -> None:
        if session.username == self.reader:
            await super()._publish_retained_messages_for_subscription(subscription, session)

    async def add_subscription(self, subscription: tuple[str, int], session: Session) -> int:
        """What is granted: the QoS, or a refusal."""
        topic, _ = subscription
        if session.username == self.reader:
            return int(await super().add_subscription(subscription, session))
        handler = self._get_handler(session)
        if (
            handler is None
            or not isinstance(handler.writer, OfferingWriter)
            or not await self._topic_filtering(session, topic, Action.SUBSCRIBE)
            or not self._fanout.add(topic, str(session.client_id), handler.writer)
        ):
            return _REFUSED
        return int(QOS_0)

    def _del_subscription(self, a_filter: str, session: Session) -> int:
        if self._fanout.remove(str(session.client_id), a_filter):
            return 1
        return int(super()._del_subscription(a_filter, session))

    async def _delete_session(self, client_id: str) -> None:
        self._fanout.remove(client_id)
        await super()._delete_session(client_id)

    async def _cleanup_session(self, client_id: str) -> None:
        # At once: while what is left of the session is stopped, the same client may be back already.
        self._fanout.remove(client_id)
        await super()._cleanup_session(client_id)

    async def _broadcast_message(
        self,
        session: Session | None,
        topic: str | None,
        data: bytes | bytearray | None,
        force_qos: int | None = None,
    ) -> None:
        if topic is None or parse_withdrawn_topic(topic) is None:
            await super()._broadcast_message(session, topic, data, force_qos)
        elif session is not None and session.username == self.reader:
            self._fanout.tell(topic, bytes(data or b""))

    async def retain_message(
        self,
        source_session: Session | None,
        topic_name: str | None,
        data: bytes | bytearray | None,
        qos: int | None = None,
    ) -> None:
        """Keeps births and states, as far as the bounds allow; forgets them where `data` is empty."""
        topic = parse_topic(topic_name or "")
        if topic is None or topic.kind is Kind.REPORT:
            return
        assert topic_name is not None
        before = self._retained_messages.get(topic_name)
        size = self._retained_bytes + len(data or b"") - (len(before.data) if before else 0)
        full = size > MAX_RETAINED_BYTES or (
            before is None and len(self._retained_messages) >= MAX_RETAINED
        )
        if data and full:
            self._unretained += 1
            if (
                self._unretained & (self._unretained - 1) == 0
            ):  # at powers of two, lest a log is flooded
                _log.error("broker.retained.full", topic=topic_name, refused=self._unretained)
            return
        self._retained_bytes = size
        # A copy without spare room, and without the session, which would never be forgotten.
        await super().retain_message(None, topic_name, bytes(data or b""), qos)

    def _refuse(self, why: str) -> None:
        self.refused += 1
        if self.refused & (self.refused - 1) == 0:
            _log.warning("broker.connection.refused", why=why[:200], refused=self.refused)


class _Backlog(asyncio.Queue[dict[str, Any]]):
    """Messages on their way, and how many bytes they hold."""

    bytes = 0

    def _put(self, item: dict[str, Any]) -> None:
        self.bytes += len(item["data"] or b"")
        super()._put(item)

    def _get(self) -> dict[str, Any]:
        item: dict[str, Any] = super()._get()
        self.bytes -= len(item["data"] or b"")
        return item


class _BoundedReader(StreamReaderAdapter):
    """Reads no more at once than a message of ours may need, and nothing while `backlog` is full."""

    def __init__(self, reader: asyncio.StreamReader, backlog: _Backlog | None) -> None:
        super().__init__(reader)
        self._backlog = backlog

    async def read(self, n: int = -1) -> bytes:
        if n > MAX_PACKET:
            raise ConnectionError(f"a packet of {n} bytes, at most {MAX_PACKET}")
        # Looked at by the clock: all agents would be woken by one event, for the room of a message.
        while self._backlog is not None and self._backlog.bytes > MAX_BACKLOG_BYTES:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_S)
        data: bytes = await super().read(n)
        return data


async def _close(writer: WriterAdapter) -> None:
    try:
        async with asyncio.timeout(CONNECT_S):
            await writer.close()
    except (OSError, TimeoutError):
        pass  # gone already, or it does not take our answer
