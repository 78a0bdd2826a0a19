"""Withdrawals through the embedded broker. Invariants: agents are sent them and nothing else; nobody
but the aggregator's own client can say who is withdrawn; who does not read holds nobody up."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator

import pytest
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler

from coalmine_aggregator import withdrawal_fanout
from coalmine_aggregator.bounded_broker import BoundedBroker
from coalmine_aggregator.broker import EmbeddedBroker, Listener
from coalmine_runtime.mqtt import BrokerError, BrokerUrl, connect
from coalmine_wire.topics import WithdrawnTopic
from tests.aggregator.test_bounded_broker import hello, packet, text
from tests.aggregator.test_broker import ANYWHERE, BIRTH, agent, first, own, running
from tests.conftest import Authority, Certificate
from tests.servers.waiting import until

INGEST = str(WithdrawnTopic("test", "ingest"))
QUERY = str(WithdrawnTopic("test", "query"))


@contextlib.asynccontextmanager
async def open_broker() -> AsyncIterator[EmbeddedBroker]:
    async with running(Listener(address=ANYWHERE, password=None)) as broker:
        yield broker


def fanout(broker: EmbeddedBroker) -> withdrawal_fanout.WithdrawalFanout:
    assert isinstance(broker._broker, BoundedBroker)
    return broker._broker._fanout


async def until_left(broker: EmbeddedBroker, client: str) -> None:
    assert isinstance(broker._broker, BoundedBroker)
    sessions = broker._broker._sessions

    async def left() -> bool:
        return client not in sessions

    await until(left, deadline_s=10, what=f"{client} left")


async def test_agents_hear_who_is_withdrawn_from_what_they_asked_for() -> None:
    async with open_broker() as broker, connect(own(broker), "own") as ours:
        async with connect(agent(broker), "a") as a, connect(agent(broker), "b") as b:
            await a.subscribe(INGEST)
            await b.subscribe(QUERY)
            await ours.publish(INGEST, b"ingest")
            await ours.publish(QUERY, b"query")
            assert await first(a) == b"ingest"
            assert await first(b) == b"query"


async def test_over_tls(authority: Authority, loopback: Certificate) -> None:
    listener = Listener(
        address=ANYWHERE, password="pw", certificate=loopback.chain, private_key=loopback.key
    )
    async with running(listener) as broker, connect(own(broker), "own") as ours:
        settings = dataclasses.replace(
            agent(broker, "pw"),
            url=BrokerUrl("127.0.0.1", broker.port, tls=True),
            ca_file=authority.ca_file,
        )
        async with connect(settings, "a") as a:
            await a.subscribe(INGEST)
            await ours.publish(INGEST, b"x" * 100_000)
            assert await first(a) == b"x" * 100_000


@pytest.mark.parametrize(
    "wrong",
    [
        "#",
        "coalmine/v1/test/#",
        "coalmine/v1/test/withdrawn/+",
        "coalmine/v1/+/withdrawn/ingest",
        BIRTH,
    ],
)
async def test_agents_may_ask_for_nothing_else(wrong: str) -> None:
    async with open_broker() as broker, connect(agent(broker), "a") as a:
        with pytest.raises(BrokerError, match="refused the subscription"):
            await a.subscribe(wrong)


async def test_an_agent_cannot_withdraw_anybody() -> None:
    async with open_broker() as broker, connect(own(broker), "own") as ours:
        async with connect(agent(broker), "victim") as victim, connect(agent(broker), "evil") as evil:
            await victim.subscribe(INGEST)
            await evil.publish(INGEST, b"forged")
            await evil.publish(INGEST, b"forged and kept", retain=True)
            await ours.publish(INGEST, b"true")
            assert await first(victim) == b"true"


async def test_nor_by_its_last_will() -> None:
    async with open_broker() as broker, connect(own(broker), "own") as ours:
        async with connect(agent(broker), "victim") as victim:
            await victim.subscribe(INGEST)
            flags = 0x02 | 0x04 | 0x08  # a clean session, with a will at QoS 1
            body = (
                text("MQTT")
                + bytes([4, flags])
                + b"\0\x3c"
                + text("evil")
                + text(INGEST)
                + text("forged")
            )
            reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
            writer.write(packet(0x10, body))
            assert await reader.readexactly(4) == packet(0x20, b"\0\0")
            writer.close()
            await until_left(broker, "evil")
            await ours.publish(INGEST, b"true")
            assert await first(victim) == b"true"


async def test_what_agents_say_still_arrives_while_others_come_and_go() -> None:
    async with open_broker() as broker, connect(own(broker), "own") as ours:
        await ours.subscribe("coalmine/v1/test/agent/+/report")

        async def visit(number: int) -> None:
            for turn in range(5):
                async with connect(agent(broker), f"v{number}") as visitor:
                    await visitor.subscribe(str(WithdrawnTopic("test", f"s{number}-{turn}")))

        async with connect(agent(broker), "a") as a:
            visiting = asyncio.gather(*(visit(number) for number in range(8)))
            for number in range(200):
                await a.publish("coalmine/v1/test/agent/a/report", b"%d" % number)
            heard = [await first(ours) for _ in range(200)]
            await visiting
        assert heard == [b"%d" % number for number in range(200)]


async def test_whoever_left_is_forgotten() -> None:
    async with open_broker() as broker, connect(own(broker), "own") as ours:
        async with connect(agent(broker), "a") as a:
            await a.subscribe(INGEST)
            assert fanout(broker)._listeners
        await until_left(broker, "a")
        assert not fanout(broker)._topics
        assert not fanout(broker)._listeners
        await ours.publish(INGEST, b"nobody")


async def test_whoever_is_back_while_its_old_session_is_stopped_hears(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with open_broker() as broker, connect(own(broker), "own") as ours:
        inner = broker._broker
        assert isinstance(inner, BoundedBroker)
        stop, clean_up = inner._stop_handler, inner._cleanup_session
        stopping, go_on, clean = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def stop_slowly(handler: BrokerProtocolHandler) -> None:
            if "a" not in inner._sessions:  # it is the session that is cleaned up
                stopping.set()
                await go_on.wait()
            await stop(handler)

        async def clean_up_and_tell(client_id: str) -> None:
            await clean_up(client_id)
            clean.set()

        monkeypatch.setattr(inner, "_stop_handler", stop_slowly)
        monkeypatch.setattr(inner, "_cleanup_session", clean_up_and_tell)
        async with connect(agent(broker), "a") as a:
            await a.subscribe(INGEST)
        async with asyncio.timeout(10):
            await stopping.wait()
        async with connect(agent(broker), "a") as a:
            await a.subscribe(INGEST)
            go_on.set()
            async with asyncio.timeout(10):
                await clean.wait()
                await ours.publish(INGEST, b"heard")
                assert await first(a) == b"heard"


async def test_an_agent_listens_to_so_many_services_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(withdrawal_fanout, "MAX_SERVICES", 2)
    async with open_broker() as broker, connect(agent(broker), "a") as a:
        for topic in (INGEST, QUERY, INGEST):
            await a.subscribe(topic)
        with pytest.raises(BrokerError, match="refused the subscription"):
            await a.subscribe(str(WithdrawnTopic("test", "third")))


async def test_who_does_not_read_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(withdrawal_fanout, "MAX_UNREAD_BYTES", 64 << 10)
    large = b"x" * (256 << 10)
    async with open_broker() as broker, connect(own(broker), "own") as ours:
        subscribe = packet(0x82, b"\0\1" + text(INGEST) + b"\0")
        _, stalled = await asyncio.open_connection("127.0.0.1", broker.port, limit=1024)
        stalled.write(hello("stalled") + subscribe)
        async with connect(agent(broker), "a") as a:
            await a.subscribe(INGEST)
            async with asyncio.timeout(30):
                while not fanout(broker).passed_over:
                    await ours.publish(INGEST, large)
                    assert await first(a) == large
            await ours.publish(INGEST, b"small")
            assert await first(a) == b"small"
        stalled.close()
