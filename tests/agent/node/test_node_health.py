"""An agent on a node as a process: a broker says who is withdrawn, a balancer asks. Invariant: the node
is out for as long as that is said, and never because somebody died."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coalmine_aggregator.demo.ports import free_port
from coalmine_runtime import clock
from coalmine_runtime.mqtt import BrokerSettings, BrokerUrl, Connection, connect
from coalmine_wire.topics import WithdrawnTopic
from coalmine_wire.withdrawals import Phase, Withdrawals, Withdrawn, Word, encode
from tests.agent.service import AgentService, configuration, get
from tests.servers.mosquitto import Mosquitto
from tests.servers.waiting import until

UP, DRAIN, DOWN = b"up 100%\n", b"up 0%\n", b"down #coalmine\n"


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Mosquitto]:
    mosquitto = Mosquitto(tmp_path / "mosquitto")
    await mosquitto.start()
    yield mosquitto
    await mosquitto.stop()


class Voice:
    """An aggregator, as far as nodes hear it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._serial = 0

    async def say(
        self, phase: Phase | None, lease_s: float = 60, service: str = "s", mode: Word = Word.ACTING
    ) -> None:
        self._serial += 1
        told = Withdrawals(
            service=service,
            sender="voice",
            serial=self._serial,
            at=clock.wall(),
            lease_s=lease_s,
            mode=mode,
            nodes=() if phase is None else (Withdrawn("web_3", phase, clock.wall()),),
        )
        await self._connection.publish(str(WithdrawnTopic("test", service)), encode(told))


@contextlib.asynccontextmanager
async def speaking(broker: Mosquitto) -> AsyncIterator[Voice]:
    settings = BrokerSettings(url=BrokerUrl("127.0.0.1", broker.port, tls=False), fleet="test")
    async with connect(settings, "voice") as connection:
        yield Voice(connection)


class Node:
    """The agent on web_3, watching `s` and `t`."""

    def __init__(self, folder: Path, broker: Mosquitto) -> None:
        self.http, self.check, self.check_s = free_port(), free_port(), free_port()
        self.config = configuration(
            broker.port,
            agent={"location": "on-machine", "region": "r", "zone": "z", "host": "Web.3"},
            services={"s": {"tcp": "127.0.0.1:1"}, "t": {"tcp": "127.0.0.1:1"}},
            health={
                "listen": f"127.0.0.1:{self.http}",
                "agent_check": {
                    "listen": f"127.0.0.1:{self.check}",
                    "services": {"s": f"127.0.0.1:{self.check_s}"},
                },
            },
        )
        self.agent = AgentService(folder, self.config)

    async def start(self) -> None:
        since = len(self.agent.text())
        await self.agent.start()
        await self.agent.until_logged("agent.broker.connected", since=since)

    async def word(self, name: bytes = b"s\n") -> bytes:
        return await asked(self.check, name)

    async def until(self, word: bytes, name: bytes = b"s\n", deadline_s: float = 10) -> None:
        async def said() -> bool:
            return await self.word(name) == word

        await until(said, deadline_s=deadline_s, what=f"{word!r} is said", explain=self.agent.tail)


async def asked(port: int, name: bytes = b"") -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(name)
    answer = await reader.read()
    writer.close()
    return answer


async def until_heard(voice: Voice, node: Node, phase: Phase | None, word: bytes) -> None:
    """Says it until it is heard: the subscription may still be on its way."""

    async def said() -> bool:
        await voice.say(phase)
        return await node.word() == word

    await until(said, deadline_s=10, what=f"{word!r} is said", explain=node.agent.tail)


async def until_reported(node: Node) -> None:
    async def reported() -> bool:
        _, metrics = await node.agent.get("/metrics")
        return re.search(rb"reports_acknowledged_total [2-9]", metrics) is not None

    await until(reported, deadline_s=10, what="reports leave", explain=node.agent.tail)


async def test_it_answers_as_it_was_told(tmp_path: Path, broker: Mosquitto) -> None:
    node = Node(tmp_path, broker)
    await node.start()
    async with speaking(broker) as voice:
        assert await node.word() == UP
        assert await get(node.http, "/health/s") == (
            200,
            b'{"status":"up","service":"s","node":"web_3","heard":false}\n',
        )
        await until_heard(voice, node, Phase.DRAIN, DRAIN)
        assert (await get(node.http, "/health/s", "HEAD"))[0] == 503
        await until_heard(voice, node, Phase.DOWN, DOWN)
        status, body = await get(node.http, "/health/s")
        assert (status, json.loads(body)["status"]) == (503, "down")
        assert await asked(node.check_s) == DOWN  # nothing needs to be named there
        assert await node.word(b"t\n") == await node.word(b"") == await node.word(b"nonsense\n") == UP
        assert (await get(node.http, "/health/t"))[0] == 200
        assert (await get(node.http, "/health/u"))[0] == 404
        _, metrics = await node.agent.get("/metrics")
        assert b'coalmine_agent_node_out{service="s"} 1' in metrics
        await voice.say(Phase.DOWN, mode=Word.CLEARED)
        await node.until(UP)
    await node.agent.stop()


async def test_silence_returns_it_after_a_lease(tmp_path: Path, broker: Mosquitto) -> None:
    node = Node(tmp_path, broker)
    await node.start()
    async with speaking(broker) as voice:
        await until_heard(voice, node, Phase.DOWN, DOWN)
        await voice.say(Phase.DOWN, lease_s=1)
        await broker.kill()
        await node.until(UP, deadline_s=15)
        await broker.start()
    async with speaking(broker) as voice:
        await until_heard(voice, node, Phase.DOWN, DOWN)  # heard again over the new connection
    await node.agent.kill()


async def test_a_reload_keeps_what_holds_and_hears_of_more(tmp_path: Path, broker: Mosquitto) -> None:
    node = Node(tmp_path, broker)
    await node.start()
    async with speaking(broker) as voice:
        await until_heard(voice, node, Phase.DOWN, DOWN)
        more = {**node.config["services"], "more": {"tcp": "127.0.0.1:1"}}
        node.agent.write({**node.config, "services": more})
        node.agent.signal(signal.SIGHUP)
        await node.agent.until_logged("agent.reload.done")
        assert await node.word() == DOWN
        assert (await get(node.http, "/health/more"))[0] == 200

        async def said() -> bool:
            await voice.say(Phase.DRAIN, service="more")
            return await node.word(b"more\n") == DRAIN

        await until(said, deadline_s=10, what="the new service is heard of", explain=node.agent.tail)
        node.agent.write({**node.config, "health": {"listen": f"127.0.0.1:{free_port()}"}})
        node.agent.signal(signal.SIGHUP)
        await node.agent.until_logged("health: changing it")
    await node.agent.kill()


async def test_its_last_words_undo_what_it_said(tmp_path: Path, broker: Mosquitto) -> None:
    node = Node(tmp_path, broker)
    await node.start()
    async with speaking(broker) as voice:
        await until_heard(voice, node, Phase.DOWN, DOWN)
        node.agent.signal(signal.SIGTERM)
        await node.until(UP, deadline_s=2)
        assert await node.agent.wait(8) == 0
    await node.start()
    assert await node.word() == UP  # and nobody has said otherwise yet
    began = clock.monotonic()
    node.agent.signal(signal.SIGTERM)
    assert await node.agent.wait(5) == 0
    assert clock.monotonic() - began < 2  # nobody needs to be told


async def test_its_last_word_is_that_it_is_up_whatever_it_still_hears(
    tmp_path: Path, broker: Mosquitto
) -> None:
    """Aggregators go on speaking while it says goodbye."""
    node = Node(tmp_path, broker)
    await node.start()
    async with speaking(broker) as voice:
        await until_heard(voice, node, Phase.DOWN, DOWN)
        await until_reported(node)  # so that there is a slot that it lets end
        node.agent.signal(signal.SIGTERM)
        last = DOWN
        with contextlib.suppress(OSError):
            while True:
                await voice.say(Phase.DOWN)
                last = await node.word() or last
        assert await node.agent.wait(8) == 0
    assert last == UP


async def test_a_broker_that_lets_it_hear_nothing_costs_no_report(tmp_path: Path) -> None:
    rights = "pattern write coalmine/v1/test/agent/%u/#\n"
    mosquitto = Mosquitto(tmp_path / "closed", passwords={"web_3": "pw", "all": "pw"}, rights=rights)
    await mosquitto.start()
    node = Node(tmp_path, mosquitto)
    node.config["broker"]["password"] = "pw"
    node.agent.write(node.config)
    await node.start()
    await until_reported(node)
    assert await node.word() == UP
    await node.agent.kill()
    await mosquitto.stop()
