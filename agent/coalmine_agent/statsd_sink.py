"""Timings and counters for StatsD: one pipeline a slot, by UDP, never waiting for anything.

Names are `<prefix>.<service>.<protocol>[-<variant>].<step>` (timings, ms), `.<verdict>` (counters) and
`<prefix>.slots`, `<prefix>.slots_impaired`.
"""

from __future__ import annotations

import asyncio
import functools
import socket
from collections.abc import Sequence

import statsd

from coalmine_agent.plan import EndpointPlan
from coalmine_agent.settings import StatsdSettings
from coalmine_runtime.logs import get_logger
from coalmine_wire.reports import SlotReport, Step, Verdict

log = get_logger("agent")

DATAGRAM_BYTES = 1432
"""Fits an Ethernet frame with room for a tunnel's headers."""

RESOLVE_EVERY_S = 60.0

_STEPS = [step.name.lower() for step in Step]
_VERDICTS = {verdict: verdict.name.lower() for verdict in Verdict}


class _Client(statsd.StatsClient):  # type: ignore[misc]  # untyped library
    """Counts what the kernel would not take, and never waits for it."""

    def __init__(self, address: str, port: int, prefix: str, *, ipv6: bool) -> None:
        super().__init__(address, port, prefix or None, DATAGRAM_BYTES, ipv6)
        self._sock.setblocking(False)
        self.failed = 0

    def _send(self, data: str) -> None:
        try:
            self._sock.sendto(data.encode(), self._addr)
        except OSError:
            self.failed += 1


class StatsdSink:
    """Sends each slot's numbers once the server's name is resolved; until then drops them."""

    def __init__(self, settings: StatsdSettings) -> None:
        self._settings = settings
        self._client: _Client | None = None
        self._address = ""
        self._failed_before = 0
        self.dropped_slots = 0

    @property
    def failed_datagrams(self) -> int:
        """Datagrams that the kernel refused."""
        return self._failed_before + (self._client.failed if self._client else 0)

    async def run(self) -> None:
        """Keeps the server's address fresh, away from the sending."""
        try:
            while True:
                await self._resolve()
                await asyncio.sleep(RESOLVE_EVERY_S)
        finally:
            self._close()

    def slot(self, plans: Sequence[EndpointPlan], report: SlotReport) -> None:
        """Sends one slot's numbers."""
        if self._client is None:
            self.dropped_slots += 1
            return
        pipe = self._client.pipeline()
        counts: dict[str, int] = {}
        for outcome in report.outcomes:
            plan = plans[outcome.endpoint]
            last = f"{plan.protocol}-{plan.variant}" if plan.variant else plan.protocol
            name = f"{plan.service}.{last}"
            verdict = f"{name}.{_VERDICTS[outcome.verdict]}"
            counts[verdict] = counts.get(verdict, 0) + 1
            for step, micros in zip(_STEPS, outcome.steps_us, strict=False):
                if micros >= 0:
                    pipe.timing(f"{name}.{step}", micros / 1000)
        for verdict, count in counts.items():
            pipe.incr(verdict, count)
        pipe.incr("slots")
        if report.impaired:
            pipe.incr("slots_impaired")
        pipe.send()

    async def _resolve(self) -> None:
        host, port = self._settings.address
        # In the executor's daemon thread: uvloop's own look-up runs in a pool of libuv's that is joined
        # at exit, so that a name server that hangs would keep the agent from ending in its time.
        look_up = functools.partial(socket.getaddrinfo, host, port, type=socket.SOCK_DGRAM)
        try:
            found = await asyncio.get_running_loop().run_in_executor(None, look_up)
        except OSError as error:
            log.warning("agent.statsd.unresolved", address=self._settings.address, error=error)
            return
        family, *_, address = found[0]
        if address[0] == self._address:
            return
        self._close()
        self._address = str(address[0])
        ipv6 = family == socket.AF_INET6
        self._client = _Client(self._address, port, self._settings.prefix, ipv6=ipv6)

    def _close(self) -> None:
        if self._client is not None:
            self._failed_before += self._client.failed
            self._client.close()
            self._client = None
            self._address = ""
