"""Together: one ends all, and whenever it is told to end it does."""

from __future__ import annotations

import asyncio

import pytest

from coalmine_runtime.together import together
from tests.servers.waiting import cancelled


class LostError(Exception):
    pass


async def goes_on(ended: list[str]) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        for _ in range(2):  # what a polite end takes
            await asyncio.sleep(0)
        ended.append("it")


async def lost(when: asyncio.Event) -> None:
    await when.wait()
    raise LostError


async def test_one_that_fails_ends_the_others() -> None:
    ended: list[str] = []
    now = asyncio.Event()
    now.set()
    with pytest.raises(LostError):
        await together(goes_on(ended), lost(now))
    assert ended == ["it"]


async def test_one_that_is_done_ends_the_others() -> None:
    ended: list[str] = []
    await together(goes_on(ended), asyncio.sleep(0))
    assert ended == ["it"]


@pytest.mark.parametrize("turns", range(10))
async def test_a_cancellation_beside_a_failure_is_heard(turns: int) -> None:
    """Whoever connects again and again ends, however closely the loss comes before the order."""

    async def again_and_again(fails: asyncio.Event) -> None:
        while True:
            try:
                await together(goes_on([]), lost(fails))
            except LostError:
                fails.clear()
            await asyncio.sleep(0)

    fails = asyncio.Event()
    task = asyncio.create_task(again_and_again(fails))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    fails.set()
    assert await cancelled(task, turns)
