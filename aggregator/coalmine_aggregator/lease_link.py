"""The way of two aggregators to agree which of them acts: one topic at the broker that both use."""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from coalmine_aggregator.model.pin import PinChange
from coalmine_aggregator.remediate.lease import EVERY_S, Lease
from coalmine_aggregator.remediate.lease_word import LeaseWord, LeaseWordError, decode, encode, said
from coalmine_runtime import clock
from coalmine_runtime.logs import get_logger
from coalmine_runtime.mqtt import BrokerError, BrokerSettings, Connection, Message, connect
from coalmine_runtime.together import together
from coalmine_wire.topics import lease_topic

RETRY_S = (0.2, 2.0)

GOODBYE_S = 2.0
"""How long a stop waits for the broker to take it."""

_log = get_logger("lease")


class Said(NamedTuple):
    """What the other is to know: who pulled the big switch here and why, the newest word on every node,
    and what is remembered of decisions, JSON by service."""

    stopped_by: str
    stopped_why: str
    pins: Sequence[PinChange]
    memory: Mapping[str, str]


class Board(Protocol):
    """Whoever decides. Nothing here waits."""

    def said(self) -> Said:
        """What the other is to know now."""

    def heard(self, word: LeaseWord) -> None:
        """The other said something."""


class LeaseLink:
    """Speaks and listens while `run` runs. Times are those of the clock that goes on while the machine
    is suspended."""

    def __init__(
        self, settings: BrokerSettings, context: ssl.SSLContext | None, name: str, peer: str
    ) -> None:
        self.peer = peer
        self._settings = settings
        self._context = context
        self._name = name
        self._process = random.randbytes(8).hex()  # noqa: S311
        self._lease = Lease(yields=name > peer)
        self._topic = lease_topic(settings.fleet)
        self._board: Board | None = None
        self._connection: Connection | None = None
        self._changed = asyncio.Event()
        self._rejected = 0
        self._holds = False

    def holds(self) -> bool:
        """Whether this aggregator acts, now."""
        holds = self._lease.holds(clock.boottime())
        if holds is not self._holds:
            self._holds = holds
            _log.warning("lease.taken" if holds else "lease.lost", peer=self.peer)
        return holds

    def trouble(self) -> str:
        """Why nothing can be done from here, in a sentence; empty where all is well."""
        return self._lease.trouble(clock.boottime())

    def stir(self) -> None:
        """There is something new to say."""
        self._changed.set()

    async def goodbye(self) -> None:
        """Before `run` is cancelled by order: the other takes over at once."""
        self._lease.let_go()
        if self._connection is not None and self._board is not None:
            with contextlib.suppress(BrokerError, TimeoutError):
                async with asyncio.timeout(GOODBYE_S):
                    await self._say(self._connection, self._board)

    async def run(self, board: Board) -> None:
        """Until it is cancelled."""
        self._board = board
        wait, longest = RETRY_S
        while True:
            try:
                async with self._connected() as connection:
                    _log.info("lease.connected", broker=self._settings.url)
                    self._connection, wait = connection, RETRY_S[0]
                    await together(self._speak(connection, board), self._listen(connection, board))
            except BrokerError as error:
                _log.warning("lease.link_lost", broker=self._settings.url, error=error, retry_s=wait)
            finally:
                self._connection = None
                self._lease.disconnected()
            await asyncio.sleep(wait * random.uniform(0.5, 1.5))  # noqa: S311
            wait = min(longest, wait * 2)

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[Connection]:
        identifier = f"coalmine-lease-{self._settings.fleet}-{self._name}-{self._process}"
        async with connect(self._settings, identifier, None, self._context) as connection:
            await connection.subscribe(self._topic)
            self._lease.connected(clock.boottime())
            yield connection

    async def _speak(self, connection: Connection, board: Board) -> None:
        while True:
            self._changed.clear()
            await self._say(connection, board)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVERY_S):
                    await self._changed.wait()

    async def _say(self, connection: Connection, board: Board) -> None:
        said_now = board.said()
        number, claims = self._lease.say(clock.boottime())
        word = LeaseWord(
            aggregator=self._name,
            process=self._process,
            number=number,
            claims=claims,
            stopped_by=said_now.stopped_by[:1_000],
            stopped_why=said_now.stopped_why[:1_000],
            pins=[said(each) for each in said_now.pins],
            memory=dict(said_now.memory),
        )
        await connection.publish(self._topic, encode(word))

    async def _listen(self, connection: Connection, board: Board) -> None:
        async for message in connection.messages():
            self._take(message, board)

    def _take(self, message: Message, board: Board) -> None:
        payload = message.payload
        # What is retained there is of an unknown time, and nobody of ours retains anything.
        if message.retain or not isinstance(payload, bytes):
            return
        try:
            word = decode(payload)
        except LeaseWordError as error:
            self._reject(str(error))
            return
        now = clock.boottime()
        if word.process == self._process:
            self._lease.came_back(word.number, now)
        elif word.aggregator not in (self._name, self.peer):
            self._reject(f'of "{word.aggregator[:100]}", who is neither of the two')
        else:
            self._lease.heard(f"{word.aggregator}/{word.process}", word.claims, now)
            if word.aggregator == self.peer:
                board.heard(word)

    def _reject(self, why: str) -> None:
        self._rejected += 1
        # The first few say what is wrong.
        if self._rejected <= 10:
            _log.warning("lease.rejected", topic=self._topic, why=why)
