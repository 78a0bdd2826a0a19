"""A store in trouble: what is awaited of it, and whether anything held up the loop meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from coalmine_aggregator.model.settled_slot import SettledSlot
from coalmine_aggregator.store.store import Store
from coalmine_runtime import clock
from tests.aggregator.store.samples import LOST, START, expecting, names, settled
from tests.servers.waiting import until

NAMES = names()
EVERY = expecting(range(len(NAMES)))

HELD_UP_S = 0.3
"""Longer than this nothing may hold up the loop, even where other work shares the machine."""


async def open_store(url: str) -> Store:
    store = await Store.open(url)
    store.follow(NAMES)
    return store


async def written(store: Store, deadline_s: float = 15.0) -> None:
    """Waits until nothing is left to write."""

    async def nothing_waits() -> bool:
        health = store.health()
        return health.waiting == 0 and not health.error

    await until(
        nothing_waits, deadline_s=deadline_s, what="all is written", explain=lambda: str(store.health())
    )


async def failing(store: Store) -> None:
    async def fails() -> bool:
        return bool(store.health().error)

    await until(fails, deadline_s=15.0, what="a commit failed")


def slots(count: int, first: int = START) -> list[SettledSlot]:
    return [settled(first + i, EVERY, {i % len(NAMES): LOST}) for i in range(count)]


class Heartbeat:
    """Beats as the measuring path ticks; `longest_s` is the longest that anything held it up."""

    def __init__(self) -> None:
        self.longest_s = 0.0

    async def beat(self) -> None:
        while True:
            began = clock.monotonic()
            await asyncio.sleep(0.01)
            self.longest_s = max(self.longest_s, clock.monotonic() - began - 0.01)


@contextlib.asynccontextmanager
async def beating() -> AsyncIterator[Heartbeat]:
    heart = Heartbeat()
    task = asyncio.create_task(heart.beat())
    try:
        yield heart
    finally:
        task.cancel()
