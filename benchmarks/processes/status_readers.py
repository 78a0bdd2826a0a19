"""People who read the status page, each once: a new connection, a request, the whole answer.

`python -m benchmarks.processes.status_readers HOST:PORT PER_SECOND SECONDS` begins so many a second,
however many are still under way, and prints `{"asked": ..., "failed": ..., "why": [...], "bytes": ...,
"seconds": [...]}`: how long each took from when it was to begin, ascending. Whoever has not had a whole
200 or 304 within `PATIENCE_S` has failed.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from typing import cast

import uvloop

from benchmarks import usage
from coalmine_runtime import clock

PATIENCE_S = 10.0

PATHS = ("/",) * 6 + ("/api/v2/summary.json",) * 2 + ("/history/", "/history.atom")
"""What every ten of them ask for. Every fifth has been there before."""

_REQUEST = "GET {} HTTP/1.1\r\nHost: {}\r\nAccept-Encoding: gzip\r\nConnection: close\r\n{}\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: ([0-9]+)\r\n", re.IGNORECASE)
_ETAG = re.compile(rb"\r\netag: ([^\r]+)\r\n", re.IGNORECASE)


class _Reader(asyncio.Protocol):
    def __init__(self, request: bytes) -> None:
        self._request = request
        self.answer = bytearray()
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).write(self._request)  # uvloop's is none by its class

    def data_received(self, data: bytes) -> None:
        self.answer += data

    def connection_lost(self, error: Exception | None) -> None:
        if error is None:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(error)

    def fault(self) -> str:
        """What is wrong with the answer; empty where nothing is."""
        head, _, body = bytes(self.answer).partition(b"\r\n\r\n")
        length = _LENGTH.search(head + b"\r\n")
        if head.startswith(b"HTTP/1.1 304 "):
            return ""
        if not head.startswith(b"HTTP/1.1 200 ") or length is None:
            return head[:60].decode(errors="replace") or "nothing"
        return "" if len(body) == int(length[1]) else f"{len(body)} of {int(length[1])} bytes"


class _Readers:
    def __init__(self, address: str) -> None:
        self._address = address
        self._host, _, port = address.rpartition(":")
        self._port = int(port)
        self._etags: dict[str, str] = {}
        self.took: list[float] = []
        self.why: list[str] = []
        self.bytes = 0

    async def read(self, number: int, due: float) -> None:
        """One of them, who was to begin at `due`."""
        path = PATHS[number % len(PATHS)]
        known = self._etags.get(path, "") if number % 5 == 0 else ""
        more = f"If-None-Match: {known}\r\n" if known else ""
        request = _REQUEST.format(path, self._address, more).encode()
        try:
            async with asyncio.timeout(PATIENCE_S):
                loop = asyncio.get_running_loop()
                _, reader = await loop.create_connection(
                    lambda: _Reader(request), self._host, self._port
                )
                await reader.ended
        except OSError as error:  # a timeout is one too
            self.why.append(str(error) or type(error).__name__)
            return
        self.took.append(clock.monotonic() - due)
        self.bytes += len(reader.answer)
        if fault := reader.fault():
            self.why.append(fault)
        if etag := _ETAG.search(reader.answer):
            self._etags[path] = etag[1].decode()


async def crowd(address: str, per_second: int, seconds: float) -> None:
    """All of them."""
    readers = _Readers(address)
    under_way: set[asyncio.Task[None]] = set()
    began = clock.monotonic()
    number, size = 0, round(per_second * seconds)
    while number < size:
        due = began + number / per_second
        if due > clock.monotonic():
            await asyncio.sleep(due - clock.monotonic())
        task = asyncio.create_task(readers.read(number, due))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
        number += 1
    if under_way:
        await asyncio.wait(under_way)
    told = {
        "asked": size,
        "failed": len(readers.why),
        "why": sorted(set(readers.why)),
        "bytes": readers.bytes,
        "seconds": sorted(readers.took),
    }
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    usage.go_first(os.getpid())
    uvloop.run(crowd(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
