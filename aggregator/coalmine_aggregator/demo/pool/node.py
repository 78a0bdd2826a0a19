"""One node of the pool, a process of its own: takes lines by TCP and UDP and passes them on.

`python -m coalmine_aggregator.demo.pool.node PORT AGGREGATOR STORE`: canaries' lines go to AGGREGATOR,
all others to STORE, each HOST:PORT. It says `{"ready": true}` on standard output. Each line on standard
input says what it loses without a word from then on, `udp` or nothing, and is answered,
`{"loses": "udp"}`. It ends with standard input.
"""

from __future__ import annotations

import asyncio
import signal
import sys

from coalmine_aggregator.demo.intake import Door, plain_doors
from coalmine_aggregator.demo.piped import answer, open_stdin
from coalmine_aggregator.demo.relay import Relay
from coalmine_runtime.logs import set_up

_CANARY = b"canary."
LOSES = ("", "udp")


class Node:
    """Sorts what comes in."""

    def __init__(self, aggregator: Relay, store: Relay) -> None:
        self.loses = ""
        self._aggregator = aggregator
        self._store = store

    def take_tcp(self, block: bytes) -> None:
        """Whole lines from a stream."""
        for line in block.splitlines(keepends=True):
            (self._aggregator if line.startswith(_CANARY) else self._store).put(line)

    def take_udp(self, datagram: bytes) -> None:
        """Whole lines of a datagram."""
        if self.loses != "udp":
            self.take_tcp(datagram)


async def serve(port: int, aggregator: str, store: str) -> None:
    """Runs until standard input ends or a signal comes."""
    relays = [_relay(aggregator), _relay(store)]
    node = Node(*relays)
    doors: list[Door] = plain_doors(node.take_tcp, node.take_udp, port)
    for door in doors:
        await door.open()
    tasks = [asyncio.create_task(relay.run()) for relay in relays]
    obeying = asyncio.create_task(_obey(node))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, obeying.cancel)
    answer({"ready": True})
    await asyncio.wait((obeying, *tasks), return_when=asyncio.FIRST_COMPLETED)
    for task in (obeying, *tasks):
        task.cancel()
    for door in doors:
        await door.close()


def _relay(address: str) -> Relay:
    host, _, port = address.rpartition(":")
    return Relay(host, int(port))


async def _obey(node: Node) -> None:
    stdin = await open_stdin()
    while line := await stdin.readline():
        loses = line.decode().strip()
        if loses not in LOSES:
            answer({"error": f"a node does not lose {loses!r}"})
            continue
        node.loses = loses
        answer({"loses": loses})


if __name__ == "__main__":
    set_up()
    asyncio.run(serve(int(sys.argv[1]), *sys.argv[2:4]))
