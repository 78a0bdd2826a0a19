"""The pool's balancer, a process of its own: what comes by TCP and UDP goes to one of those who are in.

`python -m coalmine_aggregator.demo.pool.balancer PORT NAME=LINES_PORT/CHECK_PORT ...`, all on loopback.
It asks each node's agent-check once a second, as HAProxy does, and looks at nothing else: a node that
is dead and not taken out still gets its share. It says on standard output who is out, at the start and
after each change: `{"out": ["ingest02"], "at": 1800000000.5}`. It ends with standard input.
"""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from collections.abc import Mapping

from coalmine_aggregator.demo.piped import answer, open_stdin
from coalmine_aggregator.demo.pool.layout import NodePorts
from coalmine_aggregator.demo.pool.rotation import Rotation
from coalmine_aggregator.demo.ports import HOST
from coalmine_runtime import clock
from coalmine_runtime.logs import get_logger, set_up

_CHECK_S = 1.0
_PATIENCE_S = 3.0
_CHUNK = 1 << 16
_MAX_WORD = 256

_log = get_logger("demo.balancer")
_random = random.SystemRandom()


class Balancer(asyncio.DatagramProtocol):
    """Hands each connection and each datagram to a node that is in, by chance."""

    def __init__(self, nodes: Mapping[str, NodePorts]) -> None:
        self._nodes = dict(nodes)
        self._rotation = Rotation(tuple(nodes))
        self._onward: asyncio.DatagramTransport | None = None

    async def run(self, port: int) -> None:
        """Balances what comes to `port` until cancelled."""
        loop = asyncio.get_running_loop()
        self._onward, _ = await loop.create_datagram_endpoint(
            asyncio.DatagramProtocol, local_addr=(HOST, 0)
        )
        await loop.create_datagram_endpoint(lambda: self, local_addr=(HOST, port))
        server = await asyncio.start_server(self._accept, HOST, port)
        self._tell()
        async with server:
            await asyncio.gather(*map(self._check, self._nodes))

    def datagram_received(self, data: bytes, addr: object) -> None:
        """Onward."""
        node = self._choose()
        if node is not None and self._onward is not None:
            self._onward.sendto(data, (HOST, node.lines))

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        node = self._choose()
        try:
            if node is not None:
                async with asyncio.timeout(_PATIENCE_S):
                    answering, onward = await asyncio.open_connection(HOST, node.lines)
                try:
                    await asyncio.gather(_pump(reader, onward), _pump(answering, writer))
                finally:
                    onward.close()
        except OSError:
            pass  # refused, broken off or too late: the customer's loss
        finally:
            writer.close()

    def _choose(self) -> NodePorts | None:
        serving = self._rotation.serving
        return self._nodes[_random.choice(serving)] if serving else None

    async def _check(self, name: str) -> None:
        while True:
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    reader, writer = await asyncio.open_connection(HOST, self._nodes[name].check)
                    word = await reader.read(_MAX_WORD)
                    writer.close()
            except OSError as error:
                _log.warning("demo.balancer.check", node=name, error=error)
            else:
                if self._rotation.hear(name, word.decode("ascii", "replace")):
                    self._tell()
            await asyncio.sleep(_CHECK_S)

    def _tell(self) -> None:
        answer({"out": self._rotation.out, "at": clock.wall()})


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_CHUNK):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


async def serve(port: int, nodes: Mapping[str, NodePorts]) -> None:
    """Runs until standard input ends or a signal comes."""
    balancing = asyncio.create_task(Balancer(nodes).run(port))
    waiting = asyncio.create_task(_until_stdin_ends())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, waiting.cancel)
    await asyncio.wait((balancing, waiting), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if balancing.done():
        balancing.result()
    balancing.cancel()


async def _until_stdin_ends() -> None:
    stdin = await open_stdin()
    while await stdin.readline():
        pass


def parse_node(text: str) -> tuple[str, NodePorts]:
    """`ingest01=20001/20002`."""
    name, _, ports = text.partition("=")
    lines, _, check = ports.partition("/")
    return name, NodePorts(int(lines), int(check))


if __name__ == "__main__":
    set_up()
    asyncio.run(serve(int(sys.argv[1]), dict(map(parse_node, sys.argv[2:]))))
