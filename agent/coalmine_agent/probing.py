"""The null sink's probes: attempts like any other, in each slot, good once they are sent and heard."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from coalmine_agent.attempt import SENT, Attempt
from coalmine_agent.null_sink import NullSink
from coalmine_runtime.clock import monotonic
from coalmine_runtime.logs import get_logger
from coalmine_wire.protocols import Protocol
from coalmine_wire.slots import DEADLINE_S

if TYPE_CHECKING:
    from coalmine_agent.reactor import Reactor
    from coalmine_agent.resolver import Resolver
    from coalmine_agent.tally import Tally

log = get_logger("agent")

_Key = tuple[Protocol, int]


class Probing:
    """Starts probes and tells how they ended: `ended(tally, ok)`, at most a second later.

    `under_way` takes the attempts, for their deadlines.
    """

    def __init__(
        self,
        reactor: Reactor,
        resolver: Resolver,
        under_way: deque[Attempt],
        *,
        udp: bool,
        ended: Callable[[Tally, bool], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._reactor = reactor
        self._resolver = resolver
        self._under_way = under_way
        self._ended = ended
        self._sink = NullSink(reactor, udp=udp, heard=self._heard)
        self._sending: dict[_Key, Attempt] = {}
        self._heard_of: set[_Key] = set()  # of those: the line is there already
        self._sent: dict[_Key, Attempt] = {}  # the line is still to come

    @property
    def each(self) -> int:
        """How many probes a slot has."""
        return len(self._sink.targets)

    def start(self, tally: Tally) -> None:
        """Starts a slot's probes."""
        now = monotonic()
        for target in self._sink.targets:
            attempt = Attempt(
                target,
                tally,
                deadline=now + DEADLINE_S,
                reactor=self._reactor,
                ended=self._attempt_ended,
            )
            self._under_way.append(attempt)
            self._sending[target.plan.protocol, tally.slot] = attempt
            attempt.begin(self._resolver)

    def close(self) -> None:
        """Stops listening."""
        self._sink.close()

    def _attempt_ended(self, attempt: Attempt) -> None:
        key = (attempt.target.plan.protocol, attempt.slot)
        self._sending.pop(key, None)
        heard = key in self._heard_of
        self._heard_of.discard(key)
        if attempt.verdict is SENT and not heard:
            self._sent[key] = attempt
            left_s = max(attempt.deadline - monotonic(), 0.0)
            self._loop.call_later(left_s, self._unheard, key)
            return
        self._probed(attempt, ok=heard)

    def _heard(self, protocol: Protocol, slot: int) -> None:
        key = (protocol, slot)
        attempt = self._sent.pop(key, None)
        if attempt is not None:
            self._probed(attempt, ok=True)
        elif (sending := self._sending.get(key)) is not None:
            self._heard_of.add(key)
            if protocol is Protocol.UDP:
                sending.expire()  # it arrived: there is no refusal to wait for

    def _unheard(self, key: _Key) -> None:
        attempt = self._sent.pop(key, None)
        if attempt is not None:
            self._probed(attempt, ok=False)

    def _probed(self, attempt: Attempt, *, ok: bool) -> None:
        if not ok:
            log.warning(
                "agent.null_sink.failed",
                slot=attempt.slot,
                protocol=attempt.target.plan.protocol,
                error=attempt.error or "nothing came in",
            )
        self._ended(attempt.tally, ok)
