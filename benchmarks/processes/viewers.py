"""People who look at the live page: open feeds, read to their ends.

`python -m benchmarks.processes.viewers HOST:PORT NUMBER` opens that many, prints an object once each
has had its first snapshot, and another when its input ends: `{"events": [...], "bytes": ..., "ended":
0}`, snapshots by viewer, bytes in all, feeds that the server ended.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import cast

import uvloop

_REQUEST = (
    "GET /api/v1/live HTTP/1.1\r\nHost: {}\r\n"
    "Accept: text/event-stream\r\nAccept-Encoding: gzip\r\n\r\n"
)
_MARK = b"event: snapshot"


class _Viewer(asyncio.Protocol):
    def __init__(self, address: str) -> None:
        self._request = _REQUEST.format(address).encode()
        self._tail = b""
        self.first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.events = 0
        self.bytes = 0
        self.ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).write(self._request)  # uvloop's is none by its class

    def data_received(self, data: bytes) -> None:
        if not self.bytes and not data.startswith(b"HTTP/1.1 200 "):
            self.first.set_exception(ConnectionError(data[:200].decode(errors="replace")))
        self.bytes += len(data)
        self.events += (self._tail + data).count(_MARK)
        self._tail = data[1 - len(_MARK) :]
        if self.events and not self.first.done():
            self.first.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        self.ended = True
        if not self.first.done():
            self.first.set_exception(ConnectionError("a viewer was not let in"))


async def watch(address: str, number: int) -> None:
    """Until the standard input ends."""
    loop = asyncio.get_running_loop()
    host, _, port = address.rpartition(":")
    viewers = []
    for _ in range(number):
        _, viewer = await loop.create_connection(lambda: _Viewer(address), host, int(port))
        viewers.append(viewer)
    await asyncio.gather(*(viewer.first for viewer in viewers))
    print("{}", flush=True)
    told = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(told), sys.stdin)
    await told.read()
    seen = {
        "events": [viewer.events for viewer in viewers],
        "bytes": sum(viewer.bytes for viewer in viewers),
        "ended": sum(viewer.ended for viewer in viewers),
    }
    print(json.dumps(seen), flush=True)


if __name__ == "__main__":
    uvloop.run(watch(sys.argv[1], int(sys.argv[2])))
