"""What the agent and its peers send to: listeners of our own, in a process and on a core of their own.

`python -m benchmarks.processes.targets CERTIFICATE LISTENERS` listens on loopback and prints an object
with the ports, lists of `LISTENERS` each, by kind: `tcp`, `tls` and `https` take what comes and
close, `udp` takes datagrams, `mute` never accepts, `hole` neither, and its queue is full, so that
connections to it hang.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import sys
from pathlib import Path
from typing import cast

import uvloop

_ANSWER = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"


class _Line(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if data.endswith((b"\n", b".")):
            self._transport.close()

    def eof_received(self) -> bool:
        return False


class _Post(_Line):
    def __init__(self) -> None:
        self._received = b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        if b"\r\n\r\n" in self._received and self._received.endswith(b"\n"):
            self._transport.write(_ANSWER)
            self._transport.close()


class _Datagram(asyncio.DatagramProtocol):
    pass


async def serve(certificate: Path, listeners: int) -> None:
    """Until the standard input ends."""
    loop = asyncio.get_running_loop()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    ports: dict[str, list[int]] = {}
    for kind, protocol, tls in (
        ("tcp", _Line, None),
        ("tls", _Line, context),
        ("https", _Post, context),
    ):
        for _ in range(listeners):
            server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=tls, backlog=1024)
            ports.setdefault(kind, []).append(server.sockets[0].getsockname()[1])
    holes = []
    for _ in range(listeners):
        transport, _ = await loop.create_datagram_endpoint(_Datagram, local_addr=("127.0.0.1", 0))
        ports.setdefault("udp", []).append(transport.get_extra_info("sockname")[1])
        mute = socket.socket()
        mute.bind(("127.0.0.1", 0))
        mute.listen(4096)
        ports.setdefault("mute", []).append(mute.getsockname()[1])
        holes.append(mute)
        hole = socket.socket()
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        ports.setdefault("hole", []).append(hole.getsockname()[1])
        for _ in range(2):  # fill the queue
            waiting = socket.socket()
            waiting.setblocking(False)
            waiting.connect_ex(hole.getsockname())
            holes.append(waiting)
        holes.append(hole)
    print(json.dumps(ports), flush=True)
    ended = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), ended.set)
    await ended.wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
