"""One reader process, as its owner sees it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping
from typing import Final

import msgspec

from coalmine_aggregator.reading.frames import (
    HEAD_BYTES,
    MAX_ANSWER,
    Asked,
    Reply,
    Start,
    framed,
)

START_S: Final = 30.0
"""A process that is not ready by then will never be."""

_ROOM: Final = 1 << 20

_reply: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)


class ReaderDiedError(Exception):
    """The process ended, or says what makes no sense."""


class Reader:
    """Runs `python -m module`, which calls `answering.run`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, module: str, url: str, environment: Mapping[str, str]) -> Reader:
        """A process that is ready. Raises `ReaderDiedError`, OSError."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            module,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, **_SINGLE_THREADED, **environment},
            limit=_ROOM,
        )
        reader = cls(process)
        try:
            async with asyncio.timeout(START_S):
                await reader._exchange(msgspec.msgpack.encode(Start(url)))
        except BaseException as error:
            await reader.end()
            if isinstance(error, TimeoutError):
                raise ReaderDiedError(f"not ready after {START_S:.0f} s") from None
            raise
        return reader

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it has not ended, as far as is known."""
        return self._process.returncode is None

    async def ask(self, task: str, given: bytes) -> Reply:
        """Its answer. Raises `ReaderDiedError`. One question at a time; a caller that gives up on one
        must end the reader."""
        body = await self._exchange(msgspec.msgpack.encode(Asked(task, given)))
        try:
            return _reply.decode(body)
        except msgspec.DecodeError as error:
            raise ReaderDiedError(f"said what is no answer: {error}") from None

    async def end(self) -> None:
        """Kills it: it holds nothing that could be lost."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    async def _exchange(self, body: bytes) -> bytes:
        pipe, answers = self._process.stdin, self._process.stdout
        assert pipe is not None
        assert answers is not None
        try:
            pipe.write(framed(body))
            await pipe.drain()
            head = await answers.readexactly(HEAD_BYTES)
            size = int.from_bytes(head, "big")
            if size > MAX_ANSWER + _ROOM:
                raise ReaderDiedError(f"an answer of {size} bytes")
            return await answers.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError):
            code = await self._process.wait()
            raise ReaderDiedError(f"ended with code {code}") from None


# One process answers one question at a time; more threads would only take cores from the measuring.
_SINGLE_THREADED = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
