"""The lease over a real broker: one acts, the other follows, and without the broker nobody does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coalmine_aggregator.lease_link import LeaseLink, Said
from coalmine_aggregator.model.pin import PinChange, PinState
from coalmine_aggregator.remediate.lease import FENCE_S, TAKE_S
from coalmine_aggregator.remediate.lease_word import LeaseWord
from coalmine_runtime.mqtt import BrokerSettings, BrokerUrl, connect
from coalmine_wire.topics import lease_topic
from tests.servers.mosquitto import Mosquitto
from tests.servers.waiting import until

PIN = PinChange("ingest", "web-1", PinState.OUT, "ada", "disk", 5.0)
PATIENCE_S = TAKE_S + 20.0


class Deciding:
    """What would be decided: says its memory, keeps what it heard."""

    def __init__(self, memory: str) -> None:
        self.now = Said("", "", [PIN], {"ingest": memory})
        self.words: list[LeaseWord] = []

    def said(self) -> Said:
        return self.now

    def heard(self, word: LeaseWord) -> None:
        self.words.append(word)


class Side:
    """One aggregator's link, running."""

    def __init__(self, url: str, name: str, peer: str) -> None:
        settings = BrokerSettings(url=BrokerUrl.parse(url), fleet="prod")
        self.board = Deciding(f"of {name}")
        self.link = LeaseLink(settings, None, name, peer)
        self.task = asyncio.create_task(self.link.run(self.board))

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Mosquitto]:
    server = Mosquitto(tmp_path / "mosquitto")
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def pair(broker: Mosquitto) -> AsyncIterator[tuple[Side, Side]]:
    sides = (
        Side(f"mqtt://127.0.0.1:{broker.port}", "a", "b"),
        Side(f"mqtt://127.0.0.1:{broker.port}", "b", "a"),
    )
    yield sides
    for side in sides:
        await side.end()


async def holds(side: Side, other: Side) -> None:
    """Waits until this side acts; all the while never both do."""

    async def it_does() -> bool:
        both = side.link.holds(), other.link.holds()
        assert both != (True, True)
        return both[0]

    await until(it_does, deadline_s=PATIENCE_S, what="it acts", explain=side.link.trouble)


async def test_one_acts_the_other_knows_what_it_knows_and_takes_over(pair: tuple[Side, Side]) -> None:
    a, b = pair
    await holds(a, b)

    async def heard() -> bool:
        return any(word.claims for word in b.board.words)

    await until(heard, deadline_s=PATIENCE_S, what="the second heard the first")
    word = b.board.words[-1]
    assert (word.memory, word.changes) == ({"ingest": "of a"}, [PIN])
    await a.link.goodbye()
    assert not a.link.holds()
    await holds(b, a)


async def test_one_that_dies_is_followed_after_its_time(pair: tuple[Side, Side]) -> None:
    a, b = pair
    await holds(a, b)
    await a.end()
    await holds(b, a)


async def test_without_the_broker_nobody_acts_and_it_is_said(
    broker: Mosquitto, pair: tuple[Side, Side]
) -> None:
    a, b = pair
    await holds(a, b)
    await broker.kill()

    async def nobody() -> bool:
        return not (a.link.holds() or b.link.holds())

    await until(nobody, deadline_s=FENCE_S + 10.0, what="nobody acts")
    assert "not reached" in a.link.trouble()
    await broker.start()
    await holds(a, b)
    assert a.link.trouble() == ""


async def test_what_neither_of_the_two_said_now_is_refused(
    broker: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    settings = BrokerSettings(url=BrokerUrl.parse(f"mqtt://127.0.0.1:{broker.port}"), fleet="prod")
    stranger = b'{"aggregator":"c","process":"x","number":1,"claims":true}'
    async with connect(settings, "somebody") as connection:
        # Of an unknown time: it comes with the subscription, before all that is said below.
        await connection.publish(lease_topic("prod"), stranger.replace(b'"c"', b'"b"'), retain=True)
    a = Side(f"mqtt://127.0.0.1:{broker.port}", "a", "b")
    try:
        async with connect(settings, "somebody") as connection:

            async def both_refused() -> bool:
                await connection.publish(lease_topic("prod"), stranger)
                await connection.publish(lease_topic("prod"), b"{}")
                said = " ".join(str(vars(record)) for record in caplog.records)
                return "neither of the two" in said and "missing required field" in said

            await until(both_refused, deadline_s=PATIENCE_S, what="both are refused")
        assert a.board.words == []
    finally:
        await a.end()
