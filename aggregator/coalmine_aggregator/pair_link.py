"""The way of two aggregators to each other: a retained topic each, at the broker that both use."""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
from collections.abc import Iterable, Sequence

import msgspec

from coalmine_aggregator.measuring import Measuring
from coalmine_aggregator.model.findings import Finding
from coalmine_aggregator.model.progress import Progress
from coalmine_aggregator.notify.notifier import Notifier
from coalmine_aggregator.paging.silence import Silence
from coalmine_aggregator.pair.pair import Pair
from coalmine_aggregator.pair.word import (
    MAX_SILENCE,
    MAX_SILENCES,
    Life,
    Word,
    WordError,
    decode,
    encode,
)
from coalmine_aggregator.store.paging_log import decode_silence, encode_silence
from coalmine_runtime.logs import get_logger
from coalmine_runtime.mqtt import BrokerError, BrokerSettings, Connection, Message, Will, connect
from coalmine_runtime.together import together
from coalmine_wire.topics import aggregator_topic

EVERY_S = 2.0
"""How often we say how we are, though nothing has changed."""

RETRY_S = (0.2, 2.0)

GOODBYE_S = 2.0
"""How long a stop waits for the broker to take it."""

_log = get_logger("pair")


class PairLink:
    """Speaks and listens while `run` runs. `silences` are those of earlier runs, over or not: one that
    was ended by hand must not come back from the other, which may not have heard of that yet."""

    def __init__(
        self,
        settings: BrokerSettings,
        context: ssl.SSLContext | None,
        pair: Pair,
        measuring: Measuring,
        notifier: Notifier,
        silences: Iterable[Silence],
    ) -> None:
        assert notifier.gate is not None
        self._settings = settings
        self._context = context
        self._pair = pair
        self._measuring = measuring
        self._notifier = notifier
        self._gate = notifier.gate
        self._own = aggregator_topic(settings.fleet, pair.name)
        self._theirs = aggregator_topic(settings.fleet, pair.peer)
        self._standing: dict[str, Silence] = {}
        # Ids of those that were ended by hand, with when they would have been over.
        self._ended = {each.id: each.ends_at for each in silences if each.ended_at is not None}
        self._rejected = 0
        self._connection: Connection | None = None
        self._stopped = False

    async def goodbye(self) -> None:
        """Before `run` is cancelled by order: the other takes over at once, and nobody is called."""
        self._stopped = True
        if self._connection is not None:
            with contextlib.suppress(BrokerError, TimeoutError):
                async with asyncio.timeout(GOODBYE_S):
                    await self._say(self._connection, self._pair.farewell(Life.STOPPED))

    def look(self, progress: Progress) -> Sequence[Finding]:
        """That the other is not well; see `Watcher`."""
        self._measuring.engine.claim(self._pair.claims())
        return self._pair.findings(progress.now)

    async def run(self) -> None:
        """Until it is cancelled."""
        nonce = random.randbytes(4).hex()  # noqa: S311
        identifier = f"coalmine-pair-{self._settings.fleet}-{self._pair.name}-{nonce}"
        last = encode(self._pair.farewell(Life.LOST))
        will = Will(self._own, last, qos=1, retain=True)
        wait, longest = RETRY_S
        while True:
            try:
                async with connect(self._settings, identifier, will, self._context) as connection:
                    await connection.subscribe(self._theirs)
                    _log.info("pair.connected", broker=self._settings.url, peer=self._pair.peer)
                    self._connection, wait = connection, RETRY_S[0]
                    await together(self._speak(connection), self._listen(connection))
            except BrokerError as error:
                _log.warning("pair.lost", broker=self._settings.url, error=error, retry_s=wait)
            finally:
                self._connection = None
            await asyncio.sleep(wait * random.uniform(0.5, 1.5))  # noqa: S311
            wait = min(longest, wait * 2)

    async def _speak(self, connection: Connection) -> None:
        while not self._stopped:
            self._gate.changed.clear()
            await self._say(connection, self._word())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVERY_S):
                    await self._gate.changed.wait()
        await asyncio.Event().wait()  # nothing more is said, and the goodbye may be under way

    async def _listen(self, connection: Connection) -> None:
        async for message in connection.messages():
            self._take(message)

    async def _say(self, connection: Connection, word: Word) -> None:
        await connection.publish(self._own, encode(word), retain=True)

    def _word(self) -> Word:
        now = self._measuring.now()
        standing = {silence.id: silence for silence in self._notifier.silences(now)}
        for id_, silence in self._standing.items():
            if id_ not in standing and silence.over_at > now:
                self._ended[id_] = silence.over_at
        self._standing = standing
        self._ended = {id_: over for id_, over in self._ended.items() if over > now}
        texts = [encode_silence(silence) for silence in list(standing.values())[-MAX_SILENCES:]]
        word = self._pair.word(self._measuring.engine.progress(now))
        return msgspec.structs.replace(
            word,
            silences=[text for text in texts if len(text) <= MAX_SILENCE],
            ended=list(self._ended)[-MAX_SILENCES:],
        )

    def _take(self, message: Message) -> None:
        payload = message.payload
        if not isinstance(payload, bytes) or not payload:
            return
        try:
            word = decode(payload)
        except WordError as error:
            self._reject(str(error))
            return
        now = self._measuring.now()
        self._pair.hear(word, now, kept=bool(message.retain))
        for number, by in self._pair.acknowledged():
            self._measuring.acknowledge(number, by)
        self._take_silences(word, now)
        self._measuring.engine.claim(self._pair.claims())
        self._gate.stir()

    def _take_silences(self, word: Word, now: float) -> None:
        known = {silence.id for silence in self._notifier.silences(now)}
        for id_ in word.ended:
            if id_ in known:
                self._notifier.end_silence(id_, f"aggregator {self._pair.peer}", now)
                known.discard(id_)
        for text in word.silences:
            try:
                silence = decode_silence(text)
                if silence.id in known or silence.id in self._ended or silence.over_at <= now:
                    continue
                if silence.id not in word.ended and silence.id not in self._standing:
                    self._notifier.put_silence(silence, now)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                self._reject(f"a silence: {error}")

    def _reject(self, why: str) -> None:
        self._rejected += 1
        # The first few say what is wrong.
        if self._rejected <= 10:
            _log.warning("pair.rejected", topic=self._theirs, why=why)
