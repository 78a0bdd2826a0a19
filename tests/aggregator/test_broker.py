"""The embedded broker, spoken to by real clients: who comes in, who may write and read what."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from coalmine_aggregator.broker import BrokerStartError, EmbeddedBroker, Listener
from coalmine_runtime.mqtt import BrokerError, BrokerSettings, BrokerUrl, Connection, connect
from coalmine_runtime.quantities import Address
from coalmine_runtime.secret import Secret
from tests.conftest import Authority, Certificate

ANYWHERE = Address("127.0.0.1", 0)
BIRTH = "coalmine/v1/test/agent/a/birth"


@asynccontextmanager
async def running(listener: Listener) -> AsyncIterator[EmbeddedBroker]:
    broker = EmbeddedBroker(listener)
    await broker.start()
    try:
        yield broker
    finally:
        await broker.stop()


def own(broker: EmbeddedBroker) -> BrokerSettings:
    return BrokerSettings(
        url=BrokerUrl.parse(broker.own_url),
        username=broker.own_user,
        password=Secret(broker.own_password),
    )


def agent(broker: EmbeddedBroker, password: str | None = None) -> BrokerSettings:
    return BrokerSettings(
        url=BrokerUrl("127.0.0.1", broker.port, tls=False),
        password=Secret(password) if password else None,
    )


async def first(connection: Connection) -> bytes:
    async for message in connection.messages():
        assert isinstance(message.payload, bytes)
        return message.payload
    raise AssertionError


async def test_what_an_agent_retains_the_aggregator_reads() -> None:
    async with running(Listener(address=ANYWHERE, password=None)) as broker:
        async with connect(agent(broker), "agent-a") as writer:
            await writer.publish(BIRTH, b"here", retain=True)
        async with connect(own(broker), "reader") as reader:
            await reader.subscribe("coalmine/v1/test/agent/+/birth")
            assert await first(reader) == b"here"


async def test_an_agent_reads_nothing_and_writes_nowhere_else() -> None:
    async with running(Listener(address=ANYWHERE, password=None)) as broker:
        async with connect(own(broker), "reader") as reader, connect(agent(broker), "a") as writer:
            await reader.subscribe("#")
            with pytest.raises(BrokerError, match="refused the subscription"):
                await writer.subscribe("coalmine/v1/#")
            await writer.publish("elsewhere/x", b"stray")
            await writer.publish(BIRTH, b"here")
            assert await first(reader) == b"here"


async def test_a_password_keeps_others_out() -> None:
    async with running(Listener(address=ANYWHERE, password="hunter2")) as broker:
        async with connect(agent(broker, "hunter2"), "a") as writer:
            await writer.publish(BIRTH, b"here")
        for wrong in (None, "hunter3"):
            with pytest.raises(BrokerError, match=r"(?i)not authori"):
                async with connect(agent(broker, wrong), "b"):
                    pass
        impostor = BrokerSettings(
            url=BrokerUrl("127.0.0.1", broker.port, tls=False),
            username=broker.own_user,
            password=Secret("hunter2"),
        )
        with pytest.raises(BrokerError, match=r"(?i)not authori"):
            async with connect(impostor, "c"):
                pass


async def test_tls_for_agents(authority: Authority, loopback: Certificate) -> None:
    listener = Listener(
        address=ANYWHERE, password="pw", certificate=loopback.chain, private_key=loopback.key
    )
    async with running(listener) as broker:
        settings = BrokerSettings(
            url=BrokerUrl("127.0.0.1", broker.port, tls=True),
            password=Secret("pw"),
            ca_file=authority.ca_file,
        )
        async with connect(settings, "a") as writer, connect(own(broker), "reader") as reader:
            await reader.subscribe(BIRTH)
            await writer.publish(BIRTH, b"here")
            assert await first(reader) == b"here"


async def test_a_port_in_use_is_told_in_one_line() -> None:
    async with running(Listener(address=ANYWHERE, password=None)) as broker:
        second = EmbeddedBroker(Listener(address=Address("127.0.0.1", broker.port), password=None))
        with pytest.raises(BrokerStartError) as caught:
            await second.start()
        assert str(caught.value) == f"broker 127.0.0.1:{broker.port}: Address already in use"
        del caught, second
        gc.collect()  # a listener that was left open would warn, and fail the test
