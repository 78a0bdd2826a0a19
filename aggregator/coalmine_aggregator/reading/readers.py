"""The readers: a few processes, the questions that wait for them, and what is asked twice.

Decoding a week of history takes a core for a while; here it never takes the measuring's. Everything
about it is bounded: how many questions wait, how long one may take (then its process is ended and a new
one started), and what is remembered of answers.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from coalmine_aggregator.reading.frames import Answered, Refusal, RefusedError
from coalmine_aggregator.reading.reader import Reader, ReaderDiedError
from coalmine_runtime.logs import get_logger

log = get_logger("reading")

PATIENCE_S: Final = 20.0
"""A question that takes longer is given up."""

MAX_WAITING: Final = 64
"""Questions that wait for a reader; one more is refused."""

FRESH_S: Final = 1.0
"""An answer is given again to the same question for so long."""

MAX_KEPT: Final = 64 << 20
"""Bytes of answers that are remembered."""

RESTART_S: Final = (0.0, 1.0, 2.0, 5.0, 10.0)
"""Waits before a new process, while they keep dying young."""


@dataclass(slots=True)
class _Question:
    task: str
    given: bytes
    answer: asyncio.Future[bytes]
    patience: asyncio.TimerHandle


@dataclass(slots=True)
class ReaderCounts:
    """What became of questions since the start: `shared` were answered by another's answer."""

    asked: int = 0
    shared: int = 0
    refused_busy: int = 0
    too_slow: int = 0
    died: int = 0


@dataclass(slots=True)
class _Kept:
    until: float
    answer: bytes = field(repr=False)


class Readers:
    """Use `start` once the loop runs; `close` ends the processes."""

    def __init__(
        self,
        module: str,
        url: str,
        count: int = 1,
        *,
        environment: Mapping[str, str] | None = None,
        patience_s: float = PATIENCE_S,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        """`module` is what each process runs (`python -m`), see `answering.run`; `url` the store."""
        self.counts = ReaderCounts()
        self._module = module
        self._url = url
        self._count = count
        self._environment = dict(environment or {})
        self._patience_s = patience_s
        self._questions: asyncio.Queue[_Question] = asyncio.Queue(max_waiting)
        self._shared: dict[tuple[str, bytes], asyncio.Future[bytes]] = {}
        self._kept: dict[tuple[str, bytes], _Kept] = {}
        self._kept_bytes = 0
        self._readers: list[Reader | None] = [None] * count
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Starts the processes; questions may be asked at once."""
        self._tasks = [
            asyncio.create_task(self._serve(place), name=f"reader-{place}")
            for place in range(self._count)
        ]

    async def close(self) -> None:
        """Ends the processes; questions that wait are refused."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._tasks = []
        while not self._questions.empty():
            question = self._questions.get_nowait()
            question.patience.cancel()
            _settle(question.answer, _stopping())

    @property
    def pids(self) -> list[int]:
        """The ids of the processes that run."""
        return [reader.pid for reader in self._readers if reader is not None and reader.alive]

    async def ask(self, task: str, given: bytes, key: bytes | None = None) -> bytes:
        """The answer of a task. Raises `RefusedError`.

        Questions of the same `key` (what is given, if there is none) share one answer while it is being
        made, and for `FRESH_S` after.
        """
        self.counts.asked += 1
        place = (task, given if key is None else key)
        kept = self._kept.get(place)
        if kept is not None and kept.until > asyncio.get_running_loop().time():
            self.counts.shared += 1
            return kept.answer
        answer = self._shared.get(place)
        if answer is None:
            answer = self._put(place, task, given)
        else:
            self.counts.shared += 1
        # One of several that leaves must not take the answer from the others.
        return await asyncio.shield(answer)

    def _put(self, place: tuple[str, bytes], task: str, given: bytes) -> asyncio.Future[bytes]:
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        if not self._tasks:
            raise _stopping()
        if self._questions.full():
            self.counts.refused_busy += 1
            raise _busy(f"{self._questions.maxsize} questions wait for the readers already.")
        patience = asyncio.get_running_loop().call_later(self._patience_s, self._give_up, answer)
        self._questions.put_nowait(_Question(task, given, answer, patience))
        self._shared[place] = answer
        answer.add_done_callback(lambda done: self._keep(place, done))
        return answer

    def _give_up(self, answer: asyncio.Future[bytes]) -> None:
        self.counts.refused_busy += 1
        _settle(answer, _busy(f"No reader had time for the question within {self._patience_s:.0f} s."))

    def _keep(self, place: tuple[str, bytes], answer: asyncio.Future[bytes]) -> None:
        self._shared.pop(place, None)
        if answer.cancelled() or answer.exception() is not None:
            return
        now = asyncio.get_running_loop().time()
        for old in [key for key, kept in self._kept.items() if kept.until <= now]:
            self._forget(old)
        body = answer.result()
        if self._kept_bytes + len(body) <= MAX_KEPT:
            self._forget(place)
            self._kept[place] = _Kept(now + FRESH_S, body)
            self._kept_bytes += len(body)

    def _forget(self, place: tuple[str, bytes]) -> None:
        kept = self._kept.pop(place, None)
        if kept is not None:
            self._kept_bytes -= len(kept.answer)

    async def _serve(self, place: int) -> None:
        """Keeps one process going and puts questions to it."""
        young = 0
        try:
            while True:
                reader = await self._started(place, young)
                if reader is None:
                    young += 1
                    continue
                question = await self._questions.get()
                while question.answer.done():
                    question = await self._questions.get()
                if not reader.alive:  # it was killed while nobody asked: the question shall not suffer
                    self._lost(place, ReaderDiedError("ended while idle"))
                    replaced = await self._started(place, young)
                    if replaced is None:
                        _settle(question.answer, _died())
                        young += 1
                        continue
                    reader = replaced
                young = 0 if await self._put_to(reader, place, question) else young + 1
        finally:
            current = self._readers[place]
            self._readers[place] = None
            if current is not None:
                await current.end()

    async def _started(self, place: int, young: int) -> Reader | None:
        current = self._readers[place]
        if current is not None:
            return current
        await asyncio.sleep(RESTART_S[min(young, len(RESTART_S) - 1)])
        try:
            current = await Reader.start(self._module, self._url, self._environment)
        except (ReaderDiedError, OSError) as error:
            self._lost(place, error)
            return None
        self._readers[place] = current
        return current

    async def _put_to(self, reader: Reader, place: int, question: _Question) -> bool:
        """Whether the reader is still good afterwards."""
        question.patience.cancel()
        try:
            async with asyncio.timeout(self._patience_s):
                reply = await reader.ask(question.task, question.given)
        except TimeoutError:
            self.counts.too_slow += 1
            log.warning("reading.question.too_slow", task=question.task, patience_s=self._patience_s)
            _settle(question.answer, _slow(self._patience_s))
            self._readers[place] = None
            await reader.end()
            return True  # it was not its own fault: the next one is started at once
        except ReaderDiedError as error:
            _settle(question.answer, _died())
            self._lost(place, error)
            return False
        except BaseException:
            _settle(question.answer, _stopping())
            raise
        _settle(question.answer, reply.body if isinstance(reply, Answered) else RefusedError(reply))
        return True

    def _lost(self, place: int, error: Exception) -> None:
        self.counts.died += 1
        self._readers[place] = None
        log.warning("reading.reader.died", reader=place, error=error)


def _settle(answer: asyncio.Future[bytes], outcome: bytes | Exception) -> None:
    if answer.done():
        return
    if isinstance(outcome, Exception):
        answer.set_exception(outcome)
        with contextlib.suppress(Exception):
            answer.exception()  # looked at: nobody may be left who waits for it
    else:
        answer.set_result(outcome)


def _slow(patience_s: float) -> RefusedError:
    return RefusedError.of(
        503,
        "question-too-slow",
        f"No answer was found within {patience_s:.0f} s.",
        hint="ask for a shorter range, a longer step, or by fewer labels",
    )


def _busy(detail: str) -> RefusedError:
    hint = "try again in a moment, or give web.readers more processes"
    return RefusedError(Refusal(503, "readers-busy", detail, hint), retry_s=2)


def _died() -> RefusedError:
    refusal = Refusal(503, "reader-failed", "The process that was to answer ended.", "ask again")
    return RefusedError(refusal, retry_s=1)


def _stopping() -> RefusedError:
    return RefusedError(Refusal(503, "stopping", "History is not being read now."), retry_s=5)
