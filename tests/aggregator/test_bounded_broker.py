"""What strangers and misbehaving clients can do to the embedded broker: nothing that others notice."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from typing import Any

import pytest

from coalmine_aggregator import bounded_broker
from coalmine_aggregator.bounded_broker import BoundedBroker
from coalmine_aggregator.broker import Listener
from coalmine_runtime.mqtt import BrokerError, connect
from tests.aggregator.test_broker import ANYWHERE, BIRTH, agent, first, own, running
from tests.servers.waiting import within


def text(value: str) -> bytes:
    return struct.pack(">H", len(value)) + value.encode()


def packet(kind: int, body: bytes, length: int | None = None) -> bytes:
    """An MQTT packet that may lie about its length."""
    left, head = len(body) if length is None else length, bytearray([kind])
    while True:
        left, digit = divmod(left, 128)
        head.append(digit | (128 if left else 0))
        if not left:
            return bytes(head) + body


def hello(identifier: str, *, clean: bool = True) -> bytes:
    flags = 2 if clean else 0
    return packet(0x10, text("MQTT") + bytes([4, flags]) + struct.pack(">H", 60) + text(identifier))


async def answer_of(port: int, data: bytes) -> bytes:
    """All that is sent to one who says `data`, until the broker ends the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_an_agent_is_sent_nothing_of_the_others() -> None:
    async with running(Listener(address=ANYWHERE, password=None)) as broker:
        async with connect(own(broker), "reader") as reader, connect(agent(broker), "a") as writer:
            await reader.subscribe("coalmine/v1/test/agent/+/birth")
            await writer.publish(BIRTH, b"here", retain=True)
            assert await first(reader) == b"here"
            # Its ping is answered after whatever else it is sent.
            said = await answer_of(broker.port, hello("b") + packet(0xC0, b"") + packet(0xE0, b""))
            assert said == packet(0x20, b"\0\0") + packet(0xD0, b"")


@pytest.mark.parametrize(
    "garbage",
    [b"\0" * 64, b"GET / HTTP/1.1\r\n\r\n", packet(0x10, b"\xff" * 40), packet(0x10, b"", 1 << 27)],
    ids=["zeros", "http", "nonsense", "endless"],
)
async def test_garbage_takes_up_no_place(garbage: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_broker, "CONNECT_S", 0.2)  # some of it might still become a packet
    listener = Listener(address=ANYWHERE, password=None, max_connections=3)
    async with running(listener) as broker:
        for _ in range(5):
            assert await answer_of(broker.port, garbage) == b""
        async with connect(agent(broker), "a"):
            pass


async def test_its_end_while_somebody_is_being_let_in_is_no_fault() -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    async with running(Listener(address=ANYWHERE, password=None)) as broker:
        assert broker._broker is not None
        before = len(broker._broker._serving)
        reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
        while len(broker._broker._serving) == before:  # noqa: ASYNC110 - bounded by the test's time
            await asyncio.sleep(0)
    with contextlib.suppress(ConnectionError):
        assert await within(reader.read(), 5) == b""
    writer.close()
    assert told == []


async def test_whoever_says_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_broker, "CONNECT_S", 0.05)
    async with running(Listener(address=ANYWHERE, password=None)) as broker:
        assert await answer_of(broker.port, b"") == b""


async def test_beyond_the_bound_nobody_is_let_in_and_within_it_again() -> None:
    listener = Listener(address=ANYWHERE, password=None, max_connections=1)
    async with running(listener) as broker:
        async with connect(agent(broker), "a") as writer:
            assert await answer_of(broker.port, hello("b")) == b""
            await writer.publish(BIRTH, b"here")
        # The place is free once the broker has noticed that its owner left.
        async with asyncio.timeout(5):
            while not await answer_of(broker.port, hello("b") + packet(0xE0, b"")):
                pass


@pytest.mark.parametrize("clean", [True, False])
async def test_a_stranger_does_not_push_out_an_agent(clean: bool) -> None:
    async with running(Listener(address=ANYWHERE, password="pw")) as broker:
        async with (
            connect(own(broker), "reader") as reader,
            connect(agent(broker, "pw"), "a") as writer,
        ):
            await reader.subscribe(BIRTH)
            for identifier in ("a", "reader"):
                refused = packet(0x20, b"\0\x05")
                assert await answer_of(broker.port, hello(identifier, clean=clean)) == refused
            await writer.publish(BIRTH, b"still here")
            assert await first(reader) == b"still here"


async def test_a_message_too_long_ends_its_connection_alone() -> None:
    async with running(Listener(address=ANYWHERE, password=None)) as broker:
        async with connect(own(broker), "reader") as reader, connect(agent(broker), "a") as writer:
            await reader.subscribe(BIRTH)
            endless = hello("b") + packet(0x30, text(BIRTH), 200 << 20)
            assert await answer_of(broker.port, endless) == packet(0x20, b"\0\0")
            await writer.publish(BIRTH, b"here")
            assert await first(reader) == b"here"


async def test_retained_messages_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_broker, "MAX_RETAINED", 2)
    topics = [f"coalmine/v1/test/agent/{name}/birth" for name in "abc"]
    async with running(Listener(address=ANYWHERE, password=None)) as broker:
        async with connect(agent(broker), "a") as writer:
            await writer.publish("coalmine/v1/test/agent/a/report", b"passing", retain=True)
            for topic in topics:
                await writer.publish(topic, b"here", retain=True)
            await writer.publish(topics[0], b"", retain=True)  # cleared: there is room again
            await writer.publish(topics[2], b"here", retain=True)
        async with connect(own(broker), "reader") as reader:
            await reader.subscribe("coalmine/v1/test/agent/+/+")
            heard = []
            async for message in reader.messages():
                heard.append(str(message.topic))
                if len(heard) == 2:
                    break
    assert sorted(heard) == topics[1:]


async def test_a_wrong_password_is_told() -> None:
    async with running(Listener(address=ANYWHERE, password="pw")) as broker:
        with pytest.raises(BrokerError, match=r"(?i)not authori"):
            async with connect(agent(broker, "other"), "a"):
                pass


async def test_what_is_not_handed_on_yet_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Agents that say more than the aggregator can hear wait; they are not remembered without end."""
    bound, count, size = 100_000, 3_000, 10_000
    monkeypatch.setattr(bounded_broker, "MAX_BACKLOG_BYTES", bound)
    hand_on = asyncio.Event()
    run_broadcast = BoundedBroker._run_broadcast

    async def held_up(self: BoundedBroker, tasks: Any) -> None:
        await hand_on.wait()
        await run_broadcast(self, tasks)

    monkeypatch.setattr(BoundedBroker, "_run_broadcast", held_up)
    async with running(Listener(address=ANYWHERE, password=None)) as broker:
        assert broker._broker is not None
        backlog = broker._broker._backlog
        async with connect(own(broker), "reader") as reader:
            await reader.subscribe(BIRTH)
            flood, writer = await asyncio.open_connection("127.0.0.1", broker.port)
            writer.write(hello("b") + packet(0x30, text(BIRTH) + bytes(size)) * count)
            assert await flood.readexactly(4) == packet(0x20, b"\0\0")
            async with asyncio.timeout(5):
                while backlog.bytes <= bound:  # noqa: ASYNC110
                    await asyncio.sleep(0)
            for _ in range(1_000):  # turns of the loop in which it could go on reading
                await asyncio.sleep(0)
            assert backlog.bytes < 10 * bound
            hand_on.set()
            heard = 0
            async for message in reader.messages():
                assert message.payload == bytes(size)
                heard += 1
                if heard == count:
                    break
            writer.close()
