"""The service under test, a process of its own: takes datapoints, relays them, and breaks when told to.

`python -m coalmine_aggregator.demo.service CERTIFICATE KEY RELAY_HOST:PORT`. It says on standard output
where it listens, `{"ports": {"tcp": 40123, ...}}`. Each line on standard input names the faults that
hold from then on, separated by spaces (none: all is well), and is answered, `{"faults": [...]}` or
`{"error": "..."}`. It ends with standard input.
"""

from __future__ import annotations

import asyncio
import signal
import ssl
import sys
from collections.abc import Iterable, Mapping

from coalmine_aggregator.demo.faults import Fault, FaultError, is_lost, parse_fault, refused
from coalmine_aggregator.demo.fleet import known_values
from coalmine_aggregator.demo.intake import Door, doors
from coalmine_aggregator.demo.piped import answer, open_stdin
from coalmine_aggregator.demo.relay import Relay
from coalmine_runtime.logs import get_logger, set_up
from coalmine_wire.protocols import Protocol
from coalmine_wire.series import Series, SeriesNameError, parse_name

_log = get_logger("demo.service")

_MAX_NAMES = 10_000


class Service:
    """Decides of each line whether it is relayed, and which doors stand open."""

    def __init__(self, relay: Relay) -> None:
        self.doors: Mapping[Protocol, Door] = {}
        self.faults: tuple[Fault, ...] = ()
        self._relay = relay
        self._series: dict[str, Series | None] = {}

    async def set_faults(self, faults: Iterable[Fault]) -> None:
        """These hold from now on, and no others."""
        before = refused(self.faults)
        self.faults = tuple(faults)
        after = refused(self.faults)
        for protocol in after - before:
            await self.doors[protocol].close()
        for protocol in before - after:
            await self.doors[protocol].open()
        _log.info("demo.service.faults", faults=" ".join(map(str, self.faults)) or "none")

    def take(self, block: bytes) -> None:
        """Relays the canaries' lines of a block, less those that a fault loses."""
        kept = [line for line in block.split(b"\n") if line and not self._loses(line)]
        if kept:
            kept.append(b"")
            self._relay.put(b"\n".join(kept))

    def _loses(self, line: bytes) -> bool:
        try:
            name, _, when = line.decode("ascii").split()
            series, slot = self._find(name), int(when)
        except ValueError:
            return True
        return series is None or is_lost(self.faults, series, slot)

    def _find(self, name: str) -> Series | None:
        """The series of a name; None for what is no canary's. Remembers `_MAX_NAMES` of them."""
        if name in self._series:
            return self._series[name]
        try:
            series = parse_name(name)
        except SeriesNameError:
            series = None
        if len(self._series) < _MAX_NAMES:
            self._series[name] = series
        return series


async def serve(certificate: str, key: str, relay_to: str) -> None:
    """Runs until standard input ends or a signal comes."""
    host, _, port = relay_to.rpartition(":")
    relay = Relay(host, int(port))
    service = Service(relay)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    service.doors = doors(service.take, context)
    for door in service.doors.values():
        await door.open()
    relaying = asyncio.create_task(relay.run())
    controlling = asyncio.create_task(_control(service))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, controlling.cancel)
    answer({"ports": {protocol: door.port for protocol, door in service.doors.items()}})
    done, _ = await asyncio.wait((relaying, controlling), return_when=asyncio.FIRST_COMPLETED)
    for task in (relaying, controlling):
        task.cancel()
    for door in service.doors.values():
        await door.close()
    for task in done:
        if not task.cancelled():
            task.result()


async def _control(service: Service) -> None:
    stdin = await open_stdin()
    known = known_values()
    while line := await stdin.readline():
        try:
            await service.set_faults(parse_fault(text, known) for text in line.decode().split())
            answer({"faults": [str(fault) for fault in service.faults]})
        except (FaultError, OSError) as error:
            answer({"error": str(error)})


if __name__ == "__main__":
    set_up()
    asyncio.run(serve(*sys.argv[1:4]))
