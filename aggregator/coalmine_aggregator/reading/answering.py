"""A reader process, inside: takes questions from a pipe, one at a time, and answers them.

It ends when the pipe does: a reader whose aggregator was killed does not stay behind. It runs at a
lower priority than the measuring.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping
from typing import BinaryIO, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from coalmine_aggregator.history.damage import TooMuchError
from coalmine_aggregator.metrics.questions import Result, ended
from coalmine_aggregator.reading.database import open_read_only
from coalmine_aggregator.reading.frames import (
    HEAD_BYTES,
    MAX_ANSWER,
    Answered,
    Asked,
    Refusal,
    RefusedError,
    Reply,
    Start,
    framed,
)
from coalmine_aggregator.store.database import first_line
from coalmine_runtime import clock
from coalmine_runtime.logs import get_logger

log = get_logger("reading")

Task = Callable[[sa.Connection, bytes], bytes]
"""Answers what it is given. Raises `RefusedError`."""

NICENESS: Final = 5

_question = msgspec.msgpack.Decoder(Asked)
_encoder = msgspec.msgpack.Encoder()


def run(tasks: Mapping[str, Task]) -> None:
    """Answers until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the aggregator is told, and ends the pipe
    questions, answers = _pipes()
    os.nice(NICENESS)
    first = _read(questions)
    if first is None:
        return
    start = msgspec.msgpack.decode(first, type=Start)
    engine = open_read_only(start.url)
    answers.write(framed(b""))  # ready
    answers.flush()
    while (body := _read(questions)) is not None:
        asked = _question.decode(body)
        began = clock.monotonic()
        reply, result = _answer(engine, tasks[asked.task], asked)
        ended(asked.task, result, clock.monotonic() - began)
        try:
            answers.write(framed(_encoder.encode(reply)))
            answers.flush()
        except BrokenPipeError:
            return


def _answer(engine: sa.Engine, task: Task, asked: Asked) -> tuple[Reply, Result]:
    try:
        with engine.connect() as connection:
            body = task(connection, asked.given)
    except RefusedError as error:
        return error.refusal, Result.REFUSED
    except (MemoryError, TooMuchError):
        return _too_large("It does not fit into a reader's memory."), Result.REFUSED
    except DBAPIError as error:
        engine.dispose()
        log.warning("reading.store.unreadable", task=asked.task, error=first_line(error))
        detail = "The store of history cannot be read now."
        return Refusal(503, "store-unavailable", detail), Result.FAILED
    except Exception as error:
        log.exception("reading.question.failed", error, task=asked.task)
        detail = "The question failed inside the aggregator; its log says why."
        return Refusal(500, "internal", detail), Result.FAILED
    if len(body) > MAX_ANSWER:
        told = f"It takes {len(body) >> 20} MiB; an answer holds {MAX_ANSWER >> 20} MiB."
        return _too_large(told), Result.REFUSED
    return Answered(body), Result.ANSWERED


def _too_large(detail: str) -> Refusal:
    hint = "group by fewer labels, take a longer step, or export the range"
    return Refusal(400, "answer-too-large", detail, hint)


def _pipes() -> tuple[BinaryIO, BinaryIO]:
    """The pipes; what anything prints goes to standard error from now on."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return sys.stdin.buffer, answers


def _read(pipe: BinaryIO) -> bytes | None:
    head = pipe.read(HEAD_BYTES)
    if len(head) < HEAD_BYTES:
        return None
    size = int.from_bytes(head, "big")
    body = pipe.read(size)
    return body if len(body) == size else None
