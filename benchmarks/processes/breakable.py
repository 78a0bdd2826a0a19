"""Services that break when told to, all in one process, each with a door for TCP and one for UDP.

`python -m benchmarks.processes.breakable RELAY_HOST:PORT SERVICE...` relays what comes in to the
aggregator there, and prints an object with the ports, `{"SERVICE": {"tcp": 40123, "udp": 40124}}`.
Each line on its input is answered by an empty object once it is true: `refuse SERVICE` closes the TCP
door, `lose SERVICE` takes datagrams and drops them, `repair SERVICE` ends both.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys

import uvloop

from coalmine_aggregator.demo.intake import DatagramDoor, StreamDoor
from coalmine_aggregator.demo.relay import Relay
from coalmine_runtime import logs
from coalmine_wire.plaintext import LineFramer


class _Lines(asyncio.Protocol):
    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._framer = LineFramer()

    def data_received(self, data: bytes) -> None:
        if block := self._framer.feed(data):
            self._relay.put(block)


class Breakable:
    """One service in front of `relay`."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._loses = self._refuses = False
        self._tcp = StreamDoor(lambda: _Lines(relay), None)
        self._udp = DatagramDoor(self._datagram)
        self.ports = {"tcp": self._tcp.port, "udp": self._udp.port}

    async def open(self) -> None:
        """Opens both doors."""
        await self._tcp.open()
        await self._udp.open()

    async def obey(self, command: str) -> None:
        """`refuse`, `lose` or `repair`; ValueError for another word."""
        match command:
            case "refuse":
                self._refuses = True
                await self._tcp.close()
            case "lose":
                self._loses = True
            case "repair":
                self._loses = False
                if self._refuses:
                    self._refuses = False
                    await self._tcp.open()
            case _:
                raise ValueError(f"{command!r} is no command")

    def _datagram(self, data: bytes) -> None:
        if not self._loses:
            self._relay.put(data)


async def serve(relay_to: str, names: list[str]) -> None:
    """Until the standard input ends."""
    host, _, port = relay_to.rpartition(":")
    relay = Relay(host, int(port))
    services = {name: Breakable(relay) for name in names}
    for service in services.values():
        await service.open()
    relaying = asyncio.create_task(relay.run())
    print(json.dumps({name: service.ports for name, service in services.items()}), flush=True)
    told = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(told), sys.stdin
    )
    while line := await told.readline():
        command, _, name = line.decode().strip().partition(" ")
        await services[name].obey(command)
        print("{}", flush=True)
    relaying.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await relaying


if __name__ == "__main__":
    logs.set_up(level="warning")
    uvloop.run(serve(sys.argv[1], sys.argv[2:]))
