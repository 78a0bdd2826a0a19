"""Answers load balancers on this node, by what aggregators say of it. Loaded where it is configured."""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

import msgspec

from coalmine_agent.exposition import Exposition
from coalmine_agent.health_settings import HealthSettings
from coalmine_agent.node.answers import Answers
from coalmine_agent.plan import EndpointPlan
from coalmine_agent.probe_listener import Answer, Pages, ProbeListener, open_listener
from coalmine_runtime import clock
from coalmine_runtime.agent_check_server import AgentCheckServer
from coalmine_runtime.logs import get_logger
from coalmine_runtime.quantities import Address
from coalmine_wire.reports import SlotReport
from coalmine_wire.topics import WithdrawnTopic
from coalmine_wire.withdrawals import WithdrawalsError, decode

MAX_CONNECTIONS = 256
"""For `/health/<service>`, at a time."""

_log = get_logger("agent")


class NodeHealthError(Exception):
    """An address cannot be had; one line."""


class NodeHealth:
    """Listens from `start` to `close`. What holds stays over `update`."""

    def __init__(
        self, settings: HealthSettings, fleet: str, node: str, services: Iterable[str]
    ) -> None:
        self._settings = settings
        self._fleet = fleet
        lowered = 1.0 if settings.lower_weight is None else settings.lower_weight
        self._answers = Answers(node, services, lowered)
        self._pages: Pages = {}
        self._listener: ProbeListener | None = None
        self._checks: list[AgentCheckServer] = []
        self._told: dict[str, str] = {}
        self._rejected = 0
        self._leaving = False
        self.update(node, services)

    async def start(self) -> None:
        """Raises `NodeHealthError`."""
        settings = self._settings
        try:
            if settings.listen is not None:
                await self._open("listen", settings.listen, self._open_pages)
            if settings.agent_check is not None:
                for key, address in settings.agent_check.addresses().items():
                    service = key.removeprefix("services.") if key != "listen" else ""
                    opens = functools.partial(self._open_check, service)
                    await self._open(f"agent_check.{key}", address, opens)
        except NodeHealthError:
            await self.close()
            raise

    def update(self, node: str, services: Iterable[str]) -> None:
        """Takes over what a reload changed."""
        self._answers.update(node, services)
        self._pages.clear()
        for service in self._answers.services:
            self._pages[f"/health/{service}"] = functools.partial(self._page, service)

    def topics(self) -> Mapping[str, Callable[[bytes], None]]:
        """What is to be heard, and who hears it."""
        return {str(WithdrawnTopic(self._fleet, name)): self._hear for name in self._answers.services}

    def slot(self, plans: Sequence[EndpointPlan], report: SlotReport) -> None:
        """A slot ended."""
        now = clock.boottime()
        self._answers.slot(plans, report, now)
        self._note(now)

    async def farewell(self) -> None:
        """Before it ends by order: everything is in service, and those whom it told otherwise may ask
        once more. Aggregators go on speaking until the connection to the broker ends, and are not heard
        any more."""
        self._leaving = True
        self._answers.forget()
        await asyncio.gather(*(check.farewell() for check in self._checks))

    async def close(self) -> None:
        """Stops listening."""
        if self._listener is not None:
            await self._listener.close()
        for check in self._checks:
            await check.close()

    def expose(self, out: Exposition) -> None:
        """Adds the families to an exposition."""
        now = clock.boottime()
        statuses = [self._answers.status(name, now) for name in self._answers.services]
        out.gauge(
            "coalmine_agent_node_out",
            "1 while this node is withdrawn from the service.",
            *(({"service": each.service}, each.status != "up") for each in statuses),
        )
        out.gauge(
            "coalmine_agent_withdrawals_heard",
            "1 while what an aggregator said of the service holds.",
            *(({"service": each.service}, each.heard) for each in statuses),
        )
        out.counter(
            "coalmine_agent_checks_answered_total",
            "Agent-checks answered.",
            ({}, sum(check.answered for check in self._checks)),
        )
        out.counter(
            "coalmine_agent_withdrawals_rejected_total",
            "Messages about withdrawals that could not be read.",
            ({}, self._rejected),
        )

    def _hear(self, payload: bytes) -> None:
        if self._leaving:
            return
        try:
            told = decode(payload)
        except WithdrawalsError as error:
            self._rejected += 1
            if self._rejected & (self._rejected - 1) == 0:  # at powers of two, lest a log is flooded
                _log.warning("agent.withdrawals.rejected", why=error, rejected=self._rejected)
            return
        now = clock.boottime()
        self._answers.hear(told, now)
        self._note(now)

    def _note(self, now: float) -> None:
        """Logs what became different."""
        for service in self._answers.services:
            status = self._answers.status(service, now).status
            if status != self._told.get(service, "up"):
                _log.warning("agent.node.status", service=service, status=status)
            self._told[service] = status

    def _page(self, service: str) -> Answer:
        status = self._answers.status(service, clock.boottime())
        # Balancers that ask by HTTP know in and out alone, and most leave open connections be.
        code = 200 if status.status == "up" else 503
        return Answer(code, "application/json", msgspec.json.encode(status) + b"\n")

    async def _open(
        self, key: str, address: Address, opens: Callable[[Address], Awaitable[None]]
    ) -> None:
        try:
            await opens(address)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else error
            raise NodeHealthError(f"health.{key}: {address}: {reason}") from None

    async def _open_pages(self, address: Address) -> None:
        self._listener = await open_listener(
            address,
            self._pages,
            allow_from=self._settings.allow_from,
            max_connections=MAX_CONNECTIONS,
        )

    async def _open_check(self, service: str, address: Address) -> None:
        check = AgentCheckServer(
            lambda name: self._answers.word(service or name, clock.boottime()),
            named=not service,
            allow_from=self._settings.allow_from,
        )
        await check.start(address)
        self._checks.append(check)
