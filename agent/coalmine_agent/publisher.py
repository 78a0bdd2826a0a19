"""Tells the aggregator over MQTT: births, states, reports, and what had to wait in the spool.

Whoever calls `announce` and `report` never waits: what cannot be sent is kept. A report leaves at once
while the connection stands; one that is not acknowledged within `SPOOL_AFTER_S` is also written to the
spool, so that a broker that hangs costs nothing if the agent is killed meanwhile. After a reconnect the
births come first (those of waiting reports, then the present one), the state, and then waiting reports
from the front of the spool at a bounded rate, beside the fresh ones.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping

import msgspec

from coalmine_agent.exposition import Exposition
from coalmine_agent.identity import Identity
from coalmine_agent.report_parts import join, split
from coalmine_agent.spool import Spool
from coalmine_agent.steady_clock import SteadyClock
from coalmine_runtime import clock
from coalmine_runtime.logs import get_logger
from coalmine_runtime.mqtt import BrokerError, BrokerSettings, Connection, Message, Will, connect
from coalmine_wire.reports import (
    Birth,
    Life,
    Report,
    ReportError,
    SlotReport,
    decode_birth,
    encode,
)
from coalmine_wire.topics import Kind

log = get_logger("agent")

SPOOL_AFTER_S = 1.0
ACKNOWLEDGE_S = 10.0
"""A broker that does not acknowledge for so long is taken for gone."""

MAX_FRESH_IN_FLIGHT = 64
"""Reports sent and not acknowledged; further ones wait in the spool."""

REPLAY_REPORTS = 60
REPLAY_BYTES = 256 << 10
REPLAY_EVERY_S = 0.5
"""At most so many reports so often: a day comes in within 12 minutes."""

FIRST_RETRY_S = 0.5
LAST_RETRY_S = 10.0
STEADY_S = 5.0
"""A connection that held so long starts the next row of retries afresh."""


class Publisher:
    """One agent's voice. `run` holds the connection until `goodbye` or cancellation."""

    def __init__(
        self,
        identity: Identity,
        broker: BrokerSettings,
        context: ssl.SSLContext | None,
        spool: Spool,
    ) -> None:
        self._identity = identity
        self._broker = broker
        self._context = context
        self._spool = spool
        self._clock = SteadyClock()
        self._births: dict[int, bytes] = {}
        self._acknowledged: set[bytes] = set()
        self._revision = 0
        self._connection: Connection | None = None
        self._broken = asyncio.Event()
        self._broken_by = ""
        self._leaving = asyncio.Event()
        self._ended = False
        self._spooled = asyncio.Event()
        self._in_flight: set[asyncio.Task[None]] = set()
        self._hearers: Mapping[str, Callable[[bytes], None]] = {}
        self.connections = 0
        self.failures = 0
        self.acknowledged = 0
        self.replayed_slots = 0

    @property
    def connected(self) -> bool:
        """Whether the broker takes reports."""
        return self._connection is not None

    @property
    def in_flight(self) -> int:
        """Reports that wait for their acknowledgement."""
        return len(self._in_flight)

    @property
    def spool(self) -> Spool:
        """What waits."""
        return self._spool

    def announce(self, identity: Identity, birth: Birth) -> None:
        """Introduces a revision; its reports may follow. The first one stands before `run`."""
        self._identity = identity
        self._births = {
            revision: payload
            for revision, payload in self._births.items()
            if revision == birth.revision - 1
        }
        self._births[birth.revision] = encode(birth)
        self._revision = birth.revision
        # Of those nothing will be told any more; a reload a day would add up.
        self._acknowledged &= {*self._spool.births(), *self._births.values()}
        connection = self._connection
        if connection is not None:
            self._launch(self._tell_birth(connection, self._births[birth.revision]))

    def report(
        self, revision: int, slots: list[SlotReport], expiries: list[tuple[int, int]] | None = None
    ) -> None:
        """Sends slots that ended, or keeps them."""
        connection = self._connection
        whole = self._identity.report(revision, slots, clock.wall(), expiries or [])
        for report, payload in split(whole):
            if connection is None or len(self._in_flight) >= MAX_FRESH_IN_FLIGHT:
                self._keep(report)
            else:
                self._launch(self._tell(connection, report, payload))

    def hear(self, hearers: Mapping[str, Callable[[bytes], None]]) -> None:
        """Hands on what is said on topics, by topic, from now on and over every connection. A broker
        that does not let us read them is told in the log, and costs nothing else."""
        new = hearers.keys() - self._hearers.keys()
        self._hearers = dict(hearers)
        if self._connection is not None and new:
            self._launch(self._subscribe(self._connection, new))

    def move(self, broker: BrokerSettings, context: ssl.SSLContext | None) -> None:
        """Connects anew where the settings are others; what is told meanwhile waits.

        With the same settings only certificates may be new, which the next connection takes up.
        """
        changed = broker != self._broker
        self._broker, self._context = broker, context
        if changed:
            self._connection = None
            self._leaving.set()

    async def run(self) -> None:
        """Connects, again and again with growing and jittered pauses, until `goodbye`."""
        retry_s = FIRST_RETRY_S
        while not self._ended:
            began = clock.monotonic()
            try:
                await self._session()
                retry_s = FIRST_RETRY_S
                continue
            except BrokerError as error:
                self.failures += 1
                if clock.monotonic() - began > STEADY_S and self._broken_by:
                    retry_s = FIRST_RETRY_S
                pause_s = retry_s * random.uniform(0.5, 1)  # noqa: S311
                log.warning(
                    "agent.broker.lost" if self._broken_by else "agent.broker.unreachable",
                    broker=self._broker.url,
                    error=str(error) or type(error).__name__,
                    retry_in_s=round(pause_s, 2),
                    spooled=self._spool.records,
                )
            retry_s = min(retry_s * 2, LAST_RETRY_S)
            await _wait(self._leaving, pause_s)

    async def goodbye(self, last_slot: int, reason: str, timeout_s: float) -> bool:
        """Waits for what is under way, says goodbye, ends `run`; keeps what was not acknowledged.

        False where the broker did not hear it in time.
        """
        deadline = clock.monotonic() + timeout_s
        heard = False
        connection = self._connection
        if connection is not None:
            if self._in_flight:
                await asyncio.wait(self._in_flight, timeout=timeout_s / 2)
            state = self._identity.state(Life.GOODBYE, clock.wall(), last_slot=last_slot, reason=reason)
            left_s = max(deadline - clock.monotonic(), 0.05)
            try:
                topic = self._identity.topic(Kind.STATE)
                await connection.publish(topic, encode(state), retain=True, timeout_s=left_s)
                heard = True
            except BrokerError as error:
                log.warning("agent.goodbye.unheard", error=error)
        for task in self._in_flight:
            task.cancel()
        await asyncio.gather(*self._in_flight, return_exceptions=True)
        self._ended = True
        self._leaving.set()
        return heard

    def expose(self, out: Exposition) -> None:
        """Adds the families to an exposition."""
        spool = self._spool
        out.gauge("coalmine_agent_broker_connected", "1 while it is.", ({}, self.connected))
        out.counter(
            "coalmine_agent_broker_connections_total",
            "Connections that the broker accepted.",
            ({}, self.connections),
        )
        out.counter(
            "coalmine_agent_broker_failures_total",
            "Connections that failed or were lost.",
            ({}, self.failures),
        )
        out.counter(
            "coalmine_agent_reports_acknowledged_total",
            "Report messages that the broker acknowledged.",
            ({}, self.acknowledged),
        )
        out.counter(
            "coalmine_agent_replayed_slots_total",
            "Slots told from the spool.",
            ({}, self.replayed_slots),
        )
        out.gauge(
            "coalmine_agent_report_queue", "Reports sent, not acknowledged yet.", ({}, self.in_flight)
        )
        out.gauge("coalmine_agent_spool_reports", "Reports in the spool.", ({}, spool.records))
        out.gauge("coalmine_agent_spool_bytes", "Room they take.", ({}, spool.size_bytes))
        out.counter(
            "coalmine_agent_spool_dropped_total",
            "Reports that were given up.",
            ({"reason": "age"}, spool.dropped_for_age),
            ({"reason": "room"}, spool.dropped_for_room),
            ({"reason": "error"}, spool.dropped_for_errors),
        )

    async def _session(self) -> None:
        """One connection from beginning to end. Raises `BrokerError` where it ends by itself."""
        self._broken.clear()
        self._leaving.clear()
        self._broken_by = ""
        identity = self._identity
        will = Will(
            identity.topic(Kind.STATE),
            encode(identity.state(Life.LOST, clock.wall(), reason="connection lost")),
            qos=1,
            retain=True,
        )
        async with connect(self._broker, identity.client_id, will, self._context) as connection:
            await self._introduce(connection)
            self.connections += 1
            log.info("agent.broker.connected", broker=self._broker.url, spooled=self._spool.records)
            lost = asyncio.ensure_future(connection.lost(self._take))
            if self._hearers:
                self._launch(self._subscribe(connection, self._hearers))
            chores = [
                lost,
                asyncio.ensure_future(self._replay(connection)),
                asyncio.ensure_future(self._broken.wait()),
                asyncio.ensure_future(self._leaving.wait()),
            ]
            try:
                done, _ = await asyncio.wait(chores, return_when=asyncio.FIRST_COMPLETED)
            finally:
                self._connection = None
                # What was launched in this very turn begins, so that it can keep what it is to tell.
                await asyncio.sleep(0)
                for chore in [*chores, *self._in_flight]:
                    chore.cancel()
                # What was under way is kept: no acknowledgement will come any more.
                await asyncio.gather(*chores, *self._in_flight, return_exceptions=True)
            if self._leaving.is_set():
                return
            if lost in done:
                self._broken_by = str(lost.result())
            raise BrokerError(self._broken_by)

    async def _introduce(self, connection: Connection) -> None:
        """Births and state, each acknowledged before any report under them."""
        topic = self._identity.topic(Kind.BIRTH)
        for birth in list(self._spool.births()):
            if (
                birth != self._births[self._revision]
                and birth not in self._acknowledged
                and self._ours(birth)
            ):
                # Not retained: it must not stand in for the present one.
                await connection.publish(topic, birth, timeout_s=ACKNOWLEDGE_S)
        told = b""
        while told != (current := self._births[self._revision]):  # a reload may come in between
            await connection.publish(topic, current, retain=True, timeout_s=ACKNOWLEDGE_S)
            self._acknowledged.add(current)
            if not told:
                state = encode(self._identity.state(Life.ALIVE, clock.wall()))
                about = self._identity.topic(Kind.STATE)
                await connection.publish(about, state, retain=True, timeout_s=ACKNOWLEDGE_S)
            told = current
        self._connection = connection

    async def _subscribe(self, connection: Connection, topics: Iterable[str]) -> None:
        for topic in sorted(topics):
            try:
                await connection.subscribe(topic, qos=0)
            except BrokerError as error:
                log.warning("agent.subscription.failed", topic=topic, error=error)

    def _take(self, message: Message) -> None:
        hearer = self._hearers.get(str(message.topic))
        if hearer is not None and isinstance(message.payload, bytes):
            hearer(message.payload)

    def _ours(self, birth: bytes) -> bool:
        try:
            return decode_birth(birth).agent == self._identity.id
        except ReportError:
            return False

    async def _tell_birth(self, connection: Connection, birth: bytes) -> None:
        try:
            topic = self._identity.topic(Kind.BIRTH)
            await connection.publish(topic, birth, retain=True, timeout_s=ACKNOWLEDGE_S)
            self._acknowledged.add(birth)
        except BrokerError as error:
            self._break(connection, error)

    async def _tell(self, connection: Connection, report: Report, payload: bytes) -> None:
        topic = self._identity.topic(Kind.REPORT)
        sending = asyncio.ensure_future(connection.publish(topic, payload, timeout_s=ACKNOWLEDGE_S))
        kept = False
        try:
            await asyncio.wait({sending}, timeout=SPOOL_AFTER_S)
            if not sending.done():
                kept = True
                self._keep(report)
            await sending
            self.acknowledged += 1
        except BrokerError as error:
            if not kept:
                self._keep(report)
            self._break(connection, error)
        except asyncio.CancelledError:
            sending.cancel()
            if not kept:
                self._keep(report)
            raise

    def _keep(self, report: Report) -> None:
        birth = self._births.get(report.revision)
        if birth is None:
            log.warning("agent.report.orphan", revision=report.revision, slots=len(report.slots))
            return
        kept = msgspec.structs.replace(report, replayed=True)
        self._spool.append(max(slot.slot for slot in report.slots), encode(kept), birth)
        self._steady_now()  # so that it is known by the time that a broker is there
        self._spooled.set()

    def _break(self, connection: Connection, error: BrokerError) -> None:
        if connection is self._connection:
            self._broken_by = str(error) or type(error).__name__
            self._broken.set()

    async def _replay(self, connection: Connection) -> None:
        while True:
            now = self._steady_now()
            batch = self._spool.peek(now, max_reports=REPLAY_REPORTS, max_bytes=REPLAY_BYTES)
            if not batch.reports:
                self._spooled.clear()
                await self._spooled.wait()
                continue
            try:
                for report in join(batch.reports):
                    if report.agent != self._identity.id:
                        continue
                    report = msgspec.structs.replace(report, sent_at=clock.wall())
                    topic = self._identity.topic(Kind.REPORT)
                    await connection.publish(topic, encode(report), timeout_s=ACKNOWLEDGE_S)
                    self.replayed_slots += len(report.slots)
                self._spool.drop(batch)
            except BrokerError as error:
                self._break(connection, error)
                return
            if not self._spool.records:
                log.info("agent.spool.drained", slots=self.replayed_slots)
            await asyncio.sleep(REPLAY_EVERY_S)

    def _steady_now(self) -> float:
        return self._clock.now(clock.wall(), clock.boottime())

    def _launch(self, telling: Awaitable[None]) -> None:
        task = asyncio.ensure_future(telling)
        self._in_flight.add(task)
        task.add_done_callback(self._in_flight.discard)


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await event.wait()
