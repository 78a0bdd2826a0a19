"""Tells the agents on the nodes who is withdrawn, through the MQTT broker that they report to."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import random
import ssl
from collections.abc import Mapping, Sequence

from coalmine_aggregator.actuate.newest import Newest
from coalmine_aggregator.actuate.nodes.settings import NodesSettings
from coalmine_aggregator.actuate.nodes.state import cleared, state_of
from coalmine_aggregator.actuate.output import Standing
from coalmine_aggregator.actuate.rounds import sentence
from coalmine_aggregator.model.withdrawal import Wanted
from coalmine_runtime import clock
from coalmine_runtime.logs import get_logger
from coalmine_runtime.mqtt import BrokerError, BrokerSettings, Connection, connect
from coalmine_wire.topics import WithdrawnTopic
from coalmine_wire.withdrawals import Withdrawals, encode

RETRY_S = (0.2, 2.0)

ACKNOWLEDGE_S = 5.0
"""A broker that does not take a message for so long is taken for gone."""

_log = get_logger("actuate")


class NodesOutput:
    """`link` is how to reach the broker, None where that is the embedded one of another process: then
    there is nothing but `clear`, which fails. `services` are those that may be spoken of.

    A word is told again only where it was decided again: were the decisions to hang, what nodes heard
    last would run out. `out` of its standing is what the broker took; whether a node hears it shows in
    what the node answers.
    """

    name = "nodes"

    def __init__(
        self,
        settings: NodesSettings,
        link: BrokerSettings | None,
        context: ssl.SSLContext | None,
        services: Sequence[str],
    ) -> None:
        self._every_s = settings.every
        self._link = link
        self._context = context
        self._services = tuple(services)
        self._newest = Newest()
        self._told_at: dict[str, float] = {}
        self._changed = asyncio.Event()
        self._sender = f"a-{os.urandom(6).hex()}"
        self._serial = 0
        self._out: dict[str, tuple[str, ...]] = {}
        self._confirmed_at: float | None = None
        self._known_until = -math.inf  # on the clock that never steps
        self._trouble = ""

    def show(self, wanted: Mapping[str, Wanted]) -> None:
        """See `Output`."""
        if self._newest.show(wanted, clock.boottime()):
            self._changed.set()

    def standing(self) -> Standing:
        """See `Output`."""
        known = clock.boottime() < self._known_until and not self._trouble
        return Standing(
            self.name, dict(self._out) if known else None, self._confirmed_at, self._trouble
        )

    async def run(self) -> None:
        """See `Output`."""
        assert self._link is not None
        wait_s, longest_s = RETRY_S
        while True:
            try:
                async with connect(self._link, self._identifier(), context=self._context) as connection:
                    _log.info("actuate.nodes.connected", broker=self._link.url)
                    wait_s = RETRY_S[0]
                    await self._speak(connection)
            except BrokerError as error:
                trouble = sentence(error)
                if trouble != self._trouble:
                    _log.warning("actuate.failed", output=self.name, error=trouble)
                self._trouble = trouble
            await asyncio.sleep(wait_s * random.uniform(0.5, 1.5))  # noqa: S311
            wait_s = min(longest_s, wait_s * 2)

    async def clear(self) -> None:
        """See `Output`."""
        if self._link is None:
            raise OSError(
                "the embedded broker takes withdrawals from its own aggregator alone; without it they "
                "end within their lease"
            )
        try:
            async with connect(self._link, self._identifier(), context=self._context) as connection:
                for service in self._services:
                    self._serial += 1
                    told = cleared(service, self._sender, self._serial, clock.wall())
                    await self._publish(connection, told)
        except BrokerError as error:
            raise OSError(f"broker {self._link.url}: {error}") from None

    async def _speak(self, connection: Connection) -> None:
        while True:
            self._changed.clear()
            for wanted in self._due(clock.boottime()):
                self._serial += 1
                await self._publish(connection, state_of(wanted, self._sender, self._serial))
                self._told_at[wanted.service] = wanted.at
                self._out[wanted.service] = tuple(each.node for each in wanted.effective)
                self._confirmed_at = clock.wall()
                self._known_until = clock.boottime() + wanted.lease_s
            self._trouble = ""
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._every_s):
                    await self._changed.wait()

    def _due(self, now: float) -> list[Wanted]:
        """What is to be said now: each word that was decided since it was last said."""
        return [
            wanted
            for service, wanted in self._newest.ours(now).items()
            if wanted.at != self._told_at.get(service) and not self._newest.long_stopped(service, now)
        ]

    async def _publish(self, connection: Connection, told: Withdrawals) -> None:
        assert self._link is not None
        topic = str(WithdrawnTopic(self._link.fleet, told.service))
        await connection.publish(topic, encode(told), timeout_s=ACKNOWLEDGE_S)

    def _identifier(self) -> str:
        return f"coalmine-nodes-{os.urandom(4).hex()}"
