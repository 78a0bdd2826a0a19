"""Hears what agents say, as an aggregator would."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from coalmine_runtime.mqtt import BrokerSettings, BrokerUrl, Message, connect
from coalmine_wire.reports import (
    Birth,
    Report,
    State,
    decode_birth,
    decode_report,
    decode_state,
)
from coalmine_wire.topics import Kind, parse_topic

T = TypeVar("T")


class Ear:
    """What was heard, in order."""

    def __init__(self) -> None:
        self.births: list[Birth] = []
        self.states: list[State] = []
        self.reports: list[Report] = []
        self.retained: list[Birth | State] = []
        self._changed = asyncio.Event()

    def hear(self, message: Message) -> None:
        """Takes one message in."""
        topic = parse_topic(str(message.topic))
        assert topic is not None
        payload = message.payload
        assert isinstance(payload, bytes)
        if topic.kind is Kind.REPORT:
            self.reports.append(decode_report(payload))
        elif topic.kind is Kind.BIRTH:
            self.births.append(decode_birth(payload))
        else:
            self.states.append(decode_state(payload))
        if message.retain:
            self.retained.append(self.births[-1] if topic.kind is Kind.BIRTH else self.states[-1])
        self._changed.set()

    async def until(self, found: Callable[[Ear], T], deadline_s: float = 15) -> T:
        """The first true value of `found(self)`, asked after each message."""
        async with asyncio.timeout(deadline_s):
            while not (value := found(self)):
                self._changed.clear()
                await self._changed.wait()
        return value

    @property
    def slots(self) -> list[tuple[int, int]]:
        """(revision, slot) of every slot told, in the order told."""
        return [(report.revision, slot.slot) for report in self.reports for slot in report.slots]


@contextlib.asynccontextmanager
async def listening(port: int, fleet: str = "test") -> AsyncIterator[Ear]:
    """An ear on the broker at `port`, from when it has been granted its subscription."""
    broker = BrokerSettings(url=BrokerUrl("127.0.0.1", port, tls=False), fleet=fleet)
    ear = Ear()
    async with connect(broker, f"ear-{id(ear)}") as connection:
        await connection.subscribe(f"coalmine/v1/{fleet}/#")

        async def hear() -> None:
            async for message in connection.messages():
                ear.hear(message)

        task = asyncio.ensure_future(hear())
        try:
            yield ear
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
