"""Waiting for a condition of a foreign process, which offers nothing to wait on but its answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from coalmine_runtime import clock

T = TypeVar("T")

POLL_S = 0.05


async def within(awaitable: Awaitable[T], deadline_s: float) -> T:
    """Raises TimeoutError after the deadline."""
    async with asyncio.timeout(deadline_s):
        return await awaitable


async def cancelled(task: asyncio.Task[None], turns: int) -> bool:
    """Cancels it after so many turns of the loop; whether that ended it."""
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task], timeout=5.0)
    return task.cancelled()


async def until(
    condition: Callable[[], Awaitable[T]],
    *,
    deadline_s: float,
    what: str,
    explain: Callable[[], str] = lambda: "",
) -> T:
    """The first true value of `condition`.

    AssertionError with `what` and `explain()` after the deadline, which also cuts off a condition
    that itself takes long.
    """
    end = clock.monotonic() + deadline_s
    last: T | None = None
    while (left := end - clock.monotonic()) > 0:
        try:
            last = await within(condition(), left)
        except TimeoutError:
            break
        if last:
            return last
        await asyncio.sleep(POLL_S)
    raise AssertionError(f"not within {deadline_s} s: {what}; last seen {last!r}\n{explain()}")
