"""Hands withdrawals on to the agents who listen, past the queue of everything else.

It is all that agents are ever sent, so it may not become a way to hold the broker up: what agents
subscribe to is looked up and never searched, a message leaves at once and at QoS 0 (the next one says
the whole state again), and whoever does not read is passed over.
"""

from __future__ import annotations

from amqtt.adapters import StreamWriterAdapter
from amqtt.mqtt.constants import QOS_0
from amqtt.mqtt.publish import PublishPacket

MAX_SERVICES = 64
"""Services that one agent may listen to."""

MAX_UNREAD_BYTES = 256 << 10
"""An agent with more than this on its way to it is passed over."""


class OfferingWriter(StreamWriterAdapter):
    """Takes what can be had without waiting."""

    def offer(self, data: bytes) -> bool:
        """Writes whole packets, or nothing where the other end has not read what was written before."""
        transport = self._writer.transport
        if transport.is_closing() or transport.get_write_buffer_size() > MAX_UNREAD_BYTES:
            return False
        self._writer.write(data)
        return True


class WithdrawalFanout:
    """Who listens to which topic, by client identifier."""

    def __init__(self) -> None:
        self._listeners: dict[str, dict[str, OfferingWriter]] = {}
        self._topics: dict[str, set[str]] = {}
        self.passed_over = 0
        """Messages that an agent was not sent because it does not read."""

    def add(self, topic: str, client: str, writer: OfferingWriter) -> bool:
        """False where the client listens to too many."""
        topics = self._topics.setdefault(client, set())
        if topic not in topics and len(topics) >= MAX_SERVICES:
            return False
        topics.add(topic)
        self._listeners.setdefault(topic, {})[client] = writer
        return True

    def remove(self, client: str, topic: str | None = None) -> bool:
        """Ends one subscription of a client, or all of them; whether there was any."""
        known = self._topics.get(client, set())
        ended = known & {topic} if topic is not None else set(known)
        for each in ended:
            known.discard(each)
            listeners = self._listeners[each]
            del listeners[client]
            if not listeners:
                del self._listeners[each]
        if not known:
            self._topics.pop(client, None)
        return bool(ended)

    def tell(self, topic: str, data: bytes) -> None:
        """Sends a message to all who listen to its topic."""
        listeners = self._listeners.get(topic)
        if not listeners:
            return
        packet = PublishPacket.build(topic, data, None, False, QOS_0, False).to_bytes()
        for writer in listeners.values():
            if not writer.offer(packet):
                self.passed_over += 1
