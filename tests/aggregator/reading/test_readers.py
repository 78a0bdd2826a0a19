"""Reader processes: what is shared, what is bounded, and what happens to those that die."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from coalmine_aggregator.reading.frames import RefusedError
from coalmine_aggregator.reading.readers import Readers

ROOT = Path(__file__).parents[3]

OpenReaders = Callable[..., Awaitable[Readers]]


@pytest.fixture
async def open_readers(tmp_path: Path) -> AsyncIterator[OpenReaders]:
    path = tmp_path / "a store? 100%.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE marks (mark TEXT)")
    opened: list[Readers] = []

    async def start(count: int = 1, **options: object) -> Readers:
        readers = Readers(
            "tests.aggregator.reading.odd_tasks",
            sa.URL.create("sqlite", database=str(path)).render_as_string(),
            count,
            environment={"PYTHONPATH": str(ROOT)},
            **options,  # type: ignore[arg-type]
        )
        readers.start()
        opened.append(readers)
        return readers

    yield start
    for readers in opened:
        await readers.close()
    connection.close()


async def refusal(asked: Awaitable[bytes]) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        await asked
    return caught.value


async def until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110 - bounded by the test's time
        await asyncio.sleep(0.01)


async def test_answers_and_refusals_come_back(open_readers: OpenReaders) -> None:
    readers = await open_readers()
    large = os.urandom(3 << 20)
    assert await readers.ask("echo", large) == large
    assert await readers.ask("echo", b"") == b""
    assert await readers.ask("count", b"") == b"0"
    said = (await refusal(readers.ask("refuse", "größer".encode()))).refusal
    assert (said.status, said.name, said.detail, said.parameter) == (
        400,
        "bad-parameter",
        "größer",
        "by",
    )
    assert (await refusal(readers.ask("fail", b""))).refusal.name == "internal"
    assert (await refusal(readers.ask("flood", b""))).refusal.name == "answer-too-large"
    assert await readers.ask("echo", b"still here") == b"still here"
    assert readers.counts.died == 0


async def test_a_reader_cannot_write(open_readers: OpenReaders) -> None:
    readers = await open_readers()
    assert (await refusal(readers.ask("write", b""))).refusal.name == "store-unavailable"
    assert await readers.ask("count", b"") == b"0"


async def test_a_reader_that_dies_at_a_question_is_replaced(open_readers: OpenReaders) -> None:
    readers = await open_readers()
    first = await readers.ask("pid", b"")
    error = await refusal(readers.ask("die", b""))
    assert (error.refusal.name, error.retry_s) == ("reader-failed", 1)
    assert await readers.ask("pid", b"again") != first
    assert readers.counts.died == 1


async def test_a_reader_killed_while_idle_fails_no_question(open_readers: OpenReaders) -> None:
    readers = await open_readers()
    first = int(await readers.ask("pid", b""))
    os.kill(first, signal.SIGKILL)
    await until(lambda: not readers.pids)  # the loop has heard of its end
    assert int(await readers.ask("pid", b"again")) != first


async def test_a_question_that_takes_too_long_is_given_up(open_readers: OpenReaders) -> None:
    readers = await open_readers(patience_s=3.0)
    first = int(await readers.ask("pid", b""))
    assert (await refusal(readers.ask("hang", b""))).refusal.name == "question-too-slow"
    assert int(await readers.ask("pid", b"again")) != first
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)
    assert readers.counts.too_slow == 1


async def test_waiting_questions_are_bounded_and_equal_ones_shared(
    open_readers: OpenReaders, tmp_path: Path
) -> None:
    readers = await open_readers(max_waiting=2)
    began, go = tmp_path / "began", tmp_path / "go"
    for pipe in (began, go):
        os.mkfifo(pipe)
    blocked = asyncio.create_task(readers.ask("block", f"{began} {go}".encode()))
    await asyncio.to_thread(began.read_text)
    waiting = [asyncio.create_task(readers.ask("echo", b"%d" % (i % 2))) for i in range(10)]
    await asyncio.sleep(0)
    error = await refusal(readers.ask("echo", b"one more"))
    assert (error.refusal.status, error.refusal.name, error.retry_s) == (503, "readers-busy", 2)
    waiting[3].cancel()  # one that leaves takes nothing from the others
    await asyncio.to_thread(go.write_text, "")
    assert await blocked == b"done"
    assert await asyncio.gather(*waiting[:3]) == [b"0", b"1", b"0"]
    assert readers.counts.shared == 8
    assert readers.counts.refused_busy == 1


async def test_an_answer_is_given_again_for_a_second(open_readers: OpenReaders) -> None:
    readers = await open_readers(2)
    first = await readers.ask("pid", b"x", key=b"k")
    assert [await readers.ask("pid", b"y", key=b"k") for _ in range(20)] == [first] * 20
    assert readers.counts.shared == 20


async def test_closing_ends_the_processes_and_refuses_what_waits(open_readers: OpenReaders) -> None:
    readers = await open_readers()
    pid = int(await readers.ask("pid", b""))
    waiting = [asyncio.create_task(readers.ask("hang", b"%d" % i)) for i in range(3)]
    await asyncio.sleep(0)
    await readers.close()
    for each in waiting:
        assert (await refusal(each)).refusal.name == "stopping"
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert (await refusal(readers.ask("pid", b"new"))).refusal.name == "stopping"


async def test_a_module_that_cannot_run_refuses_in_time_and_is_tried_on(tmp_path: Path) -> None:
    readers = Readers("no_such_module", f"sqlite:///{tmp_path}/x.db", patience_s=1.0)
    readers.start()
    try:
        assert (await refusal(readers.ask("pid", b""))).refusal.name == "readers-busy"
        await until(lambda: readers.counts.died >= 2)
    finally:
        await readers.close()
