"""From MQTT to the engine: births, states and reports, decoded one by one.

What cannot be decoded is counted by kind and dropped; the link to the broker is kept, and tried anew
with jitter when it is lost.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from coalmine_runtime.logs import get_logger
from coalmine_runtime.mqtt import BrokerError, BrokerSettings, Message, connect
from coalmine_wire.reports import (
    Birth,
    Report,
    ReportError,
    State,
    decode_birth,
    decode_report,
    decode_state,
)
from coalmine_wire.topics import Kind, parse_topic, subscription

_log = get_logger("reports")

RETRY_S = (0.2, 5.0)
"""The first and the longest wait before the broker is tried again."""


class Heard(Protocol):
    """Who is told; the engine is one. `now` is the time at which the message was read."""

    def birth(self, birth: Birth, now: float) -> None:
        """An agent introduced itself."""

    def state(self, state: State, now: float) -> None:
        """An agent's life changed."""

    def report(self, report: Report, now: float) -> None:
        """An agent told how slots ended."""


class Reports:
    """The link to the broker. `connected` says if it stands, `rejected` counts what was refused."""

    def __init__(
        self,
        settings: BrokerSettings,
        heard: Heard,
        now: Callable[[], float],
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._settings = settings
        self._heard = heard
        self._now = now
        self._context = context
        self.connected = False
        self.received = 0
        self.rejected: Counter[str] = Counter()

    async def run(self) -> None:
        """Listens until it is cancelled."""
        identifier = f"coalmine-aggregator-{self._settings.fleet}-{random.randbytes(4).hex()}"  # noqa: S311
        wait, longest = RETRY_S
        while True:
            try:
                async with connect(self._settings, identifier, context=self._context) as connection:
                    for kind in (Kind.BIRTH, Kind.STATE, Kind.REPORT):
                        await connection.subscribe(subscription(self._settings.fleet, kind))
                    _log.info("reports.connected", broker=self._settings.url)
                    self.connected, wait = True, RETRY_S[0]
                    async for message in connection.messages():
                        self.take(message)
            except BrokerError as error:
                _log.warning("reports.lost", broker=self._settings.url, error=error, retry_s=wait)
            finally:
                self.connected = False
            # Many aggregators and agents must not come back in step.
            await asyncio.sleep(wait * random.uniform(0.5, 1.5))  # noqa: S311
            wait = min(longest, wait * 2)

    def take(self, message: Message) -> None:
        """Hands one message on, or counts why not."""
        topic = parse_topic(str(message.topic))
        payload = message.payload
        if topic is None or not isinstance(payload, bytes):
            self._reject("topic", str(message.topic), "not a topic of ours")
            return
        if not payload:
            return  # a retained message was cleared
        self.received += 1
        try:
            match topic.kind:
                case Kind.BIRTH:
                    birth = decode_birth(payload)
                    self._same(topic.agent, birth.agent)
                    self._heard.birth(birth, self._now())
                case Kind.STATE:
                    state = decode_state(payload)
                    self._same(topic.agent, state.agent)
                    self._heard.state(state, self._now())
                case Kind.REPORT:
                    report = decode_report(payload)
                    self._same(topic.agent, report.agent)
                    self._heard.report(report, self._now())
        except ReportError as error:
            self._reject(topic.kind, str(message.topic), str(error))

    @staticmethod
    def _same(topic: str, said: str) -> None:
        if topic != said:
            raise ReportError(f"says it is agent {said[:100]!r}")

    def _reject(self, kind: str, topic: str, why: str) -> None:
        self.rejected[kind] += 1
        # The first few say what is wrong; the counter goes on.
        if self.rejected[kind] <= 10:
            _log.warning("reports.rejected", kind=kind, topic=topic, why=why)
