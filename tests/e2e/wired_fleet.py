"""A small fleet in the test's own process that says over real sockets what agents say.

Births and reports go through a real broker, datapoints over TCP to the receivers of one aggregator or
of several. The agents of regions that are `broken` report that they sent, and nothing of that arrives.
It costs no processes, so that several aggregators can be killed at once, and it goes on whether or not
anybody listens.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from types import TracebackType

from coalmine_runtime import clock
from coalmine_runtime.mqtt import BrokerSettings, BrokerUrl, Connection, connect
from coalmine_runtime.secret import Secret
from coalmine_wire.plaintext import encode_line
from coalmine_wire.protocols import Protocol
from coalmine_wire.reports import Birth, Endpoint, Outcome, Report, SlotReport, Verdict, encode
from coalmine_wire.series import Location
from coalmine_wire.slots import slot_of
from coalmine_wire.topics import Kind, Topic
from tests.e2e.fleet import SERVICE

SEND_S = 0.1
"""When in a second the datapoints leave, and reports a little after them."""

REGIONS = ("region-0", "region-1")
"""Where agents stand. Were all broken, a receiver that has just started would take it for its own fault
for a while."""


class WiredFleet:
    """`size` agents of a fleet by that name, in two regions, each with one endpoint, tcp. All of them
    are one user of the broker, where it asks for a `password`.

    Use as an async context manager."""

    def __init__(
        self,
        name: str,
        *,
        broker_port: int,
        tcp_ports: Sequence[int],
        size: int = 6,
        password: str = "",
    ) -> None:
        self.name = name
        self.broken: set[str] = set()
        self._broker = f"mqtt://127.0.0.1:{broker_port}"
        self._lines: dict[int, asyncio.StreamWriter | None] = dict.fromkeys(tcp_ports)
        self._password = Secret(password) if password else None
        self._births = [_birth(number, slot_of(clock.wall()) + 2) for number in range(size)]
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> WiredFleet:
        self._task = asyncio.create_task(self._run(), name=f"fleet-{self.name}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        if self._task.done():
            self._task.result()
        self._task.cancel()
        await asyncio.wait([self._task])
        for writer in self._lines.values():
            if writer is not None:
                writer.transport.abort()

    async def _run(self) -> None:
        user = f"wired-{self.name}"
        settings = BrokerSettings(
            url=BrokerUrl.parse(self._broker), fleet=self.name, username=user, password=self._password
        )
        async with connect(settings, user) as connection:
            for birth in self._births:
                topic = str(Topic(self.name, birth.agent, Kind.BIRTH))
                await connection.publish(topic, encode(birth), retain=True)
            while True:
                await asyncio.sleep(1.0 + SEND_S - clock.wall() % 1.0)
                await self._second(connection, slot_of(clock.wall()))

    async def _second(self, connection: Connection, slot: int) -> None:
        await self._send(slot)
        told = []
        for birth in self._births:
            outcomes = [Outcome(0, Verdict.SENT)] if slot >= birth.first_slot else []
            report = Report(
                birth.agent, birth.boot, birth.revision, clock.wall(), [SlotReport(slot, outcomes)]
            )
            topic = str(Topic(self.name, birth.agent, Kind.REPORT))
            told.append(connection.publish(topic, encode(report)))
        await asyncio.gather(*told)

    async def _send(self, slot: int) -> None:
        lines = b"".join(
            encode_line(series.name().encode(), slot)
            for birth in self._births
            if birth.region not in self.broken
            for series in birth.series()
        )
        # While an aggregator is away nobody listens, and nothing is held against anybody.
        for port, writer in self._lines.items():
            with contextlib.suppress(OSError):
                if writer is None or writer.transport.is_closing():
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    self._lines[port] = writer
                writer.write(lines)
                await writer.drain()


def _birth(number: int, first_slot: int) -> Birth:
    region = REGIONS[number % len(REGIONS)]
    return Birth(
        agent=f"canary-{number}",
        boot=f"boot-{first_slot}",
        revision=1,
        first_slot=first_slot,
        location=Location.EXTERNAL,
        region=region,
        zone=f"{region}-a",
        host=f"canary-{number}",
        endpoints=[Endpoint(SERVICE, Protocol.TCP, round(1000 * SEND_S))],
    )
