"""What a reader process runs in the tests of readers: tasks that go well, and others."""

from __future__ import annotations

import os
import signal
import sys
from threading import Event

import sqlalchemy as sa

from coalmine_aggregator.reading.answering import run
from coalmine_aggregator.reading.frames import MAX_ANSWER, RefusedError


def echo(_: sa.Connection, given: bytes) -> bytes:
    print("what is printed does not reach the pipe")
    return given


def pid(_: sa.Connection, _given: bytes) -> bytes:
    return str(os.getpid()).encode()


def write(connection: sa.Connection, _: bytes) -> bytes:
    connection.execute(sa.text("INSERT INTO marks (mark) VALUES ('x')"))
    return b""


def count(connection: sa.Connection, _: bytes) -> bytes:
    return str(connection.execute(sa.text("SELECT count(*) FROM marks")).scalar_one()).encode()


def hang(_: sa.Connection, _given: bytes) -> bytes:
    Event().wait()
    return b""


def die(_: sa.Connection, _given: bytes) -> bytes:
    os.kill(os.getpid(), signal.SIGKILL)
    return b""


def refuse(_: sa.Connection, given: bytes) -> bytes:
    raise RefusedError.of(400, "bad-parameter", given.decode(), parameter="by")


def fail(_: sa.Connection, _given: bytes) -> bytes:
    raise ZeroDivisionError


def flood(_: sa.Connection, _given: bytes) -> bytes:
    return bytes(MAX_ANSWER + 1)


def block(_: sa.Connection, given: bytes) -> bytes:
    """Tells that it began, and waits until somebody opens the other pipe."""
    began, go = given.decode().split()
    with open(began, "w"):  # noqa: PTH123
        pass
    with open(go):  # noqa: PTH123
        pass
    return b"done"


if __name__ == "__main__":
    tasks = (echo, pid, write, count, hang, die, refuse, fail, flood, block)
    run({task.__name__: task for task in tasks})
    sys.exit(0)
