"""Rounds: at once where something is new, with patience in trouble, whatever the trouble is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from coalmine_aggregator.actuate.rounds import (
    MAX_ASKED_S,
    MAX_TROUBLE,
    TROUBLES,
    Rounds,
    patience_s,
    sentence,
)
from coalmine_aggregator.notify.receiver import GoneError, RefusedError, TryLaterError
from tests.servers.waiting import cancelled


class Errand:
    """Counts, and fails as told."""

    def __init__(self) -> None:
        self.runs = 0
        self.errors: list[Exception] = []
        self._ran = asyncio.Condition()

    async def __call__(self) -> None:
        async with self._ran:
            self.runs += 1
            self._ran.notify_all()
        if self.errors:
            raise self.errors.pop(0)

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(10.0), self._ran:
            await self._ran.wait_for(true)


@asynccontextmanager
async def running(rounds: Rounds) -> AsyncIterator[None]:
    task = asyncio.create_task(rounds.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_it_is_woken_and_rests_else() -> None:
    errand = Errand()
    rounds = Rounds("x", errand, lambda: 3600.0)
    async with running(rounds):
        await errand.until(lambda: errand.runs == 1)
        rounds.wake()
        await errand.until(lambda: errand.runs == 2)
        await asyncio.sleep(0)
        assert errand.runs == 2


@pytest.mark.parametrize("turns", range(5))
async def test_whenever_it_is_told_to_end_it_ends(turns: int) -> None:
    """Also as it is woken, some turns of the loop before: a stop must not wait for an output."""
    errand = Errand()
    rounds = Rounds("x", errand, lambda: 3600.0)
    task = asyncio.create_task(rounds.run())
    await errand.until(lambda: errand.runs == 1)
    rounds.wake()
    assert await cancelled(task, turns)


async def test_it_comes_back_after_its_rest() -> None:
    errand = Errand()
    async with running(Rounds("x", errand, lambda: 0.01)):
        await errand.until(lambda: errand.runs >= 3)


async def test_what_is_new_while_it_runs_is_done_next() -> None:
    errand = Errand()
    rounds = Rounds("x", errand, lambda: 3600.0)
    rounds.wake()  # before it runs: the first round is that
    async with running(rounds):
        await errand.until(lambda: errand.runs == 1)
        rounds.wake()
        rounds.wake()
        await errand.until(lambda: errand.runs == 2)


@pytest.mark.parametrize(
    "error",
    [
        TryLaterError("503"),
        RefusedError("400"),
        GoneError("410"),
        OSError("no route"),
        TimeoutError("slow"),
        ValueError("odd"),
    ],
)
async def test_no_trouble_ends_it(error: Exception) -> None:
    assert isinstance(error, TROUBLES)
    errand = Errand()
    errand.errors = [error]
    rounds = Rounds("x", errand, lambda: 0.01)
    async with running(rounds):
        await errand.until(lambda: errand.runs == 1)
        await asyncio.sleep(0)
        assert rounds.trouble == str(error)
        await errand.until(lambda: errand.runs == 3)
        assert rounds.trouble == ""


def test_patience_is_short_for_ourselves_and_as_long_as_asked_within_reason() -> None:
    assert 0.5 <= patience_s(1) <= 1.0
    assert all(4.0 <= patience_s(failures) <= 8.0 for failures in range(4, 2000))
    assert patience_s(1, 20.0) == 20.0
    assert patience_s(1, 3600.0) == MAX_ASKED_S


def test_a_sentence_is_never_empty_nor_long() -> None:
    assert sentence(TimeoutError()) == "TimeoutError"
    assert len(sentence(OSError("x" * 10_000))) == MAX_TROUBLE
