"""Where notices wait while the other aggregator of a pair may tell them."""

from __future__ import annotations

import asyncio
import contextlib

from coalmine_aggregator.model.alerts import Transition
from coalmine_aggregator.pair.pair import Notice, Pair, Verdict
from coalmine_aggregator.store.pending import TOLD_BY, Delivery
from coalmine_runtime import clock

LOOK_S = 1.0
"""How often what waits is looked at, though nothing was heard."""


class Gate:
    """`changed` is set when the other aggregator is to hear something new at once."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self._news = asyncio.Event()
        self.changed = asyncio.Event()
        self.told_by = f"{TOLD_BY}{pair.peer}"

    def verdict(self, delivery: Delivery) -> Verdict:
        """Whether it may leave now."""
        return self._pair.verdict(_notice(delivery), clock.wall())

    def told(self, delivery: Delivery) -> None:
        """It was taken, or the other has told it."""
        by_us = delivery.delivered_at is not None
        self._pair.told(_notice(delivery), clock.wall(), by_us=by_us)
        self.changed.set()

    def note(self, transition: Transition) -> None:
        """Something became of an alert."""
        self._pair.note(transition)
        self.changed.set()

    def stir(self) -> None:
        """Something was heard of the other: what waits is looked at."""
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def news(self) -> None:
        """Returns when it is time to look again."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                await self._news.wait()


def _notice(delivery: Delivery) -> Notice:
    return Notice(
        delivery.transition,
        delivery.receiver,
        delivery.target,
        delivery.step,
        delivery.repeat,
        delivery.made_at,
    )
