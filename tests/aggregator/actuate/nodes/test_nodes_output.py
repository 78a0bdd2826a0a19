"""Nodes told through real brokers. Invariant: a node goes by what was decided last, for as long as
somebody decides."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coalmine_agent.node.withdrawal_lease import WithdrawalLease
from coalmine_aggregator.actuate.nodes.nodes_output import NodesOutput
from coalmine_aggregator.actuate.nodes.settings import NodesSettings
from coalmine_aggregator.broker import Listener
from coalmine_aggregator.model.withdrawal import Mode, Phase
from coalmine_runtime import clock
from coalmine_runtime.mqtt import BrokerSettings, BrokerUrl, connect
from coalmine_runtime.secret import Secret
from coalmine_wire import withdrawals
from coalmine_wire.topics import WithdrawnTopic
from coalmine_wire.withdrawals import Withdrawals, decode
from tests.aggregator.actuate.running import running, until_out, until_trouble
from tests.aggregator.actuate.words import withdrawal, word, words
from tests.aggregator.test_broker import ANYWHERE, agent, own
from tests.aggregator.test_broker import running as broker_running
from tests.servers.mosquitto import Mosquitto
from tests.servers.waiting import until

SETTINGS = NodesSettings(every=1.0)


class Node:
    """What the agent on web-3 hears."""

    def __init__(self) -> None:
        self.lease = WithdrawalLease("ingest", "web-3")
        self.heard: list[Withdrawals] = []

    async def listen(self, settings: BrokerSettings) -> None:
        async with connect(settings, "web-3") as connection:
            await connection.subscribe(str(WithdrawnTopic("test", "ingest")), qos=0)
            async for message in connection.messages():
                assert isinstance(message.payload, bytes)
                assert not message.retain
                self.heard.append(decode(message.payload))
                self.lease.hear(self.heard[-1], clock.boottime())

    async def until(self, phase: withdrawals.Phase | None, deadline_s: float = 15.0) -> None:
        async def so() -> bool:
            return bool(self.heard) and self.lease.phase(clock.boottime()) is phase

        await until(so, deadline_s=deadline_s, what=f"web-3 is {phase}", explain=lambda: "")


@contextlib.asynccontextmanager
async def listening(settings: BrokerSettings) -> AsyncIterator[Node]:
    node = Node()
    task = asyncio.create_task(node.listen(settings))
    try:
        yield node
    finally:
        task.cancel()
        await asyncio.wait([task])


def at(mosquitto: Mosquitto) -> BrokerSettings:
    return BrokerSettings(url=BrokerUrl("127.0.0.1", mosquitto.port, tls=False), fleet="test")


@pytest.fixture
async def mosquitto(tmp_path: Path) -> AsyncIterator[Mosquitto]:
    server = Mosquitto(tmp_path / "mosquitto")
    await server.start()
    yield server
    if server.running:
        await server.stop()


async def test_through_the_embedded_broker() -> None:
    async with broker_running(Listener(address=ANYWHERE, password=None)) as broker:
        link = dataclasses.replace(own(broker), fleet="test")
        output = NodesOutput(SETTINGS, link, None, ["ingest"])
        async with listening(agent(broker)) as node, running(output, word()) as say:
            await until_out(output)
            say(word(withdrawal(phase=Phase.DRAIN)))
            await until_out(output, "web-3")
            await node.until(withdrawals.Phase.DRAIN)
            say(word("web-3"))
            await node.until(withdrawals.Phase.DOWN)
            say(word("web-2"))
            await node.until(None)


@pytest.mark.parametrize("mode", [Mode.DRY_RUN, Mode.STOPPED])
async def test_what_was_said_is_taken_back(mosquitto: Mosquitto, mode: Mode) -> None:
    output = NodesOutput(SETTINGS, at(mosquitto), None, ["ingest"])
    async with listening(at(mosquitto)) as node, running(output, word("web-3")) as say:
        await node.until(withdrawals.Phase.DOWN)
        say(word("web-3", mode=mode))
        await node.until(None)
        assert node.lease.heard(clock.boottime()) is (mode is Mode.DRY_RUN)


async def test_the_big_switch_is_told_for_a_lease_and_no_longer(mosquitto: Mosquitto) -> None:
    output = NodesOutput(SETTINGS, at(mosquitto), None, ["ingest"])
    stopped = word("web-3", mode=Mode.STOPPED, lease_s=1.0)
    async with listening(at(mosquitto)) as node, running(output, stopped):
        await until_out(output)
        said = len(node.heard)
        await asyncio.sleep(2.5)
        quiet = len(node.heard)
        await asyncio.sleep(1.5)
        assert len(node.heard) == quiet <= said + 4


async def test_on_standby_nothing_is_said(mosquitto: Mosquitto) -> None:
    output = NodesOutput(SETTINGS, at(mosquitto), None, ["ingest"])
    async with listening(at(mosquitto)) as node, running(output, word("web-3")) as say:
        await node.until(withdrawals.Phase.DOWN)
        say(word(mode=Mode.STANDBY))
        await asyncio.sleep(0.2)
        said = len(node.heard)
        await asyncio.sleep(1.5)
        assert len(node.heard) == said
        assert node.lease.phase(clock.boottime()) is withdrawals.Phase.DOWN


async def test_where_nothing_is_decided_any_more_nothing_is_said(mosquitto: Mosquitto) -> None:
    output = NodesOutput(SETTINGS, at(mosquitto), None, ["ingest"])
    once = words(word("web-3", lease_s=5.0))
    task = asyncio.create_task(output.run())
    async with listening(at(mosquitto)) as node:
        async with asyncio.timeout(10):
            while not node.heard:
                output.show(words(word(lease_s=5.0)))
                await asyncio.sleep(0.05)
        output.show(once)
        await node.until(withdrawals.Phase.DOWN)

        async def ended() -> bool:
            output.show(once)  # again and again, and never decided anew
            return node.lease.phase(clock.boottime()) is None

        await until(ended, deadline_s=15, what="the lease ends")
        assert sum(bool(each.nodes) for each in node.heard) == 1
        assert output.standing().out is None
    task.cancel()
    await asyncio.wait([task])


async def test_a_broker_that_dies_and_comes_back(mosquitto: Mosquitto) -> None:
    output = NodesOutput(SETTINGS, at(mosquitto), None, ["ingest"])
    async with running(output, word("web-3")):
        await until_out(output, "web-3")
        await mosquitto.kill()
        await until_trouble(output, "Connection refused")
        assert output.standing().out is None
        await mosquitto.start()
        async with listening(at(mosquitto)) as node:
            await node.until(withdrawals.Phase.DOWN)
        await until_trouble(output, "")


async def test_the_documented_rights_let_nobody_else_speak(tmp_path: Path) -> None:
    page = (Path(__file__).parents[4] / "docs" / "remediation" / "health.md").read_text()
    rights = re.search(r"^user coalmine-a\n(?:.+\n|\n)+?(?=```)", page, re.MULTILINE)
    assert rights is not None
    users = ("coalmine-a", "web-3", "evil")
    mosquitto = Mosquitto(
        tmp_path, passwords=dict.fromkeys(users, "pw"), rights=rights[0].replace("prod", "test")
    )
    await mosquitto.start()
    a, node, evil = (
        dataclasses.replace(at(mosquitto), username=user, password=Secret("pw")) for user in users
    )
    output = NodesOutput(SETTINGS, a, None, ["ingest"])
    async with listening(node) as heard, running(output, word("web-3")):
        await heard.until(withdrawals.Phase.DOWN)
        with contextlib.suppress(OSError):  # told or not, it is not handed on
            await NodesOutput(SETTINGS, evil, None, ["ingest"]).clear()
        said = len(heard.heard)
        await heard.until(withdrawals.Phase.DOWN)

        async def more() -> bool:
            return len(heard.heard) >= said + 2

        await until(more, deadline_s=10, what="it goes on to be told")
        assert len({each.sender for each in heard.heard}) == 1
    await mosquitto.stop()


async def test_cleared_from_a_process_of_its_own(mosquitto: Mosquitto) -> None:
    output = NodesOutput(SETTINGS, at(mosquitto), None, ["ingest"])
    async with listening(at(mosquitto)) as node:
        async with running(output, word("web-3")):
            await node.until(withdrawals.Phase.DOWN)
        await NodesOutput(SETTINGS, at(mosquitto), None, ["other", "ingest"]).clear()
        await node.until(None)
    await mosquitto.kill()
    with pytest.raises(OSError, match="Connection refused"):
        await output.clear()
    with pytest.raises(OSError, match="embedded broker"):
        await NodesOutput(SETTINGS, None, None, ["ingest"]).clear()
