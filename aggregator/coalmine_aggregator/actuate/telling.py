"""Tells somebody the full state: at every change, and again and again while nothing changes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from coalmine_aggregator.actuate.newest import Newest, out_by_service
from coalmine_aggregator.actuate.output import Standing
from coalmine_aggregator.actuate.rounds import Rounds
from coalmine_aggregator.actuate.state_document import cleared_document, state_document
from coalmine_aggregator.model.withdrawal import Wanted
from coalmine_runtime import clock

LEASE_SHARE = 3.0
"""While somebody is out it is told so often in a lease: a telling or two may go astray."""


class Telling:
    """What outputs share that hand on the whole state as one document.

    `deliver` hands a document on and returns once the other side has taken it; it raises as
    `rounds.TROUBLES` tells. Services that another aggregator decides on are left out, and those that
    have been stopped for longer than a lease; where that is all of them, nothing is told.
    """

    def __init__(
        self, name: str, fleet: str, every_s: float, deliver: Callable[[bytes], Awaitable[None]]
    ) -> None:
        self._name = name
        self._fleet = fleet
        self._every_s = every_s
        self._deliver = deliver
        self._newest = Newest()
        self._rounds = Rounds(name, self._tell, self._rest_s)
        self._turn = asyncio.Lock()  # one document at a time
        self._taken: dict[str, tuple[str, ...]] | None = None
        self._taken_at: float | None = None

    def show(self, wanted: Mapping[str, Wanted]) -> None:
        """See `Output.show`."""
        if self._newest.show(wanted, clock.boottime()):
            self._rounds.wake()

    async def run(self) -> None:
        """See `Output.run`."""
        await self._rounds.run()

    def standing(self) -> Standing:
        """See `Output.standing`: the other side holds what it took last."""
        return Standing(self._name, self._taken, self._taken_at, self._rounds.trouble)

    async def clear(self) -> None:
        """Tells that every withdrawal is over; raises as `deliver` does."""
        async with self._turn:
            at = clock.wall()
            await self._deliver(cleared_document(self._fleet, at))
            self._newest = Newest()
            self._taken, self._taken_at = {}, at

    def _rest_s(self) -> float:
        return min(self._every_s, self._newest.lease_s() / LEASE_SHARE)

    async def _tell(self) -> None:
        async with self._turn:
            now = clock.boottime()
            words = {
                service: word
                for service, word in self._newest.ours(now).items()
                if not self._newest.long_stopped(service, now)
            }
            if not words:
                self._taken = None
                return
            at = clock.wall()
            await self._deliver(state_document(words, self._fleet, at))
            self._taken, self._taken_at = out_by_service(words), at
