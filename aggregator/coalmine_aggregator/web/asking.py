"""From a request to those who know: memory for the newest slots, the readers for the rest."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

import msgspec
from aiohttp import web

from coalmine_aggregator.model.views import GroupRates
from coalmine_aggregator.reading.frames import RefusedError
from coalmine_aggregator.reading.question import Question, check_points
from coalmine_aggregator.reading.tail import Tail, tail_of
from coalmine_aggregator.web.keys import NOW, READERS, VIEW
from coalmine_aggregator.web.problems import ProblemError
from coalmine_aggregator.web.reader_tasks import CountsAsked
from coalmine_aggregator.web.spans import newest_settled

MEMORY_S: Final = 600
"""Questions of no more seconds than these may be answered from memory."""

MEMORY_POINTS: Final = 5_000
"""Slots times groups that are told on the measuring's own core."""

TAIL_S: Final = 10
"""The newest slots are handed to the readers, for the store is written a little later."""

BEHIND: Final = 100
"""So much waits for a store that is not written; then all that memory has is handed over."""

_pack = msgspec.msgpack.Encoder()


def settled_now(app: web.Application) -> int:
    """The newest slot that can be asked for."""
    return newest_settled(app[VIEW].health(), app[NOW]())


def counts_from_memory(app: web.Application, question: Question) -> list[GroupRates] | None:
    """The groups by slot where memory has every one of them and they are few; else None.

    Where there are no readers, memory answers what it has."""
    if question.last < question.first:
        return []
    view, slots = app[VIEW], question.last - question.first + 1
    alone = app.get(READERS) is None
    if not alone:
        if slots > MEMORY_S:
            return None
        sums = view.recent_sums(question.by, question.where, question.first, question.last)
        if sums is None or len(sums.slots) < slots or len(sums.labels) * slots > MEMORY_POINTS:
            return None
    groups = view.rates(question.by, question.where, question.first, question.last)
    try:
        check_points(slots, len(groups), 1)
    except RefusedError as error:
        raise problem_of(error) from None
    return groups if groups or alone else None


async def counts_from_history(
    app: web.Application, task: str, question: Question, settled: int
) -> bytes:
    """The answer of a task about counts, in JSON. Raises `ProblemError`."""
    tail = tail_for(app, question, settled)
    asked = CountsAsked(question, settled, tail, app[VIEW].oddities() if task == "fates" else {})
    key = _pack.encode((question, settled))
    return await ask(app, task, _pack.encode(asked), key)


async def ask(app: web.Application, task: str, given: bytes, key: bytes | None = None) -> bytes:
    """The answer of the readers. Raises `ProblemError`."""
    readers = app.get(READERS)
    if readers is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, "no-history", "No history is kept here to be read.")
    try:
        return await readers.ask(task, given, key)
    except RefusedError as error:
        raise problem_of(error) from None


def problem_of(error: RefusedError) -> ProblemError:
    """The same as a problem document."""
    refusal = error.refusal
    return ProblemError(
        HTTPStatus(refusal.status),
        refusal.name,
        refusal.detail,
        hint=refusal.hint,
        parameter=refusal.parameter,
        headers={} if error.retry_s is None else {"Retry-After": str(error.retry_s)},
    )


def tail_for(app: web.Application, question: Question, settled: int) -> Tail | None:
    """What memory knows of the newest slots, if the question asks for any of them."""
    length_s = MEMORY_S if _behind(app) else TAIL_S
    first = max(question.first, settled - length_s + 1)
    if question.last < first:
        return None
    sums = app[VIEW].recent_sums(question.by, question.where, first, question.last)
    return None if sums is None else tail_of(sums)


def _behind(app: web.Application) -> bool:
    """Whether the store lacks more than the newest seconds: a full disk, a locked database."""
    health = app[VIEW].health()
    queue = health.queues.get("store")
    failing = any(check.name == "store" and not check.ok for check in health.checks)
    return failing or (queue is not None and queue.depth > BEHIND)
