"""A runner under way, and what it told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

from coalmine_agent.plan import EndpointPlan
from coalmine_agent.resolver import Resolver
from coalmine_agent.runner import Runner
from coalmine_runtime import clock
from coalmine_wire.control import Choice
from coalmine_wire.reports import SlotReport


class Slots:
    """`told` are the slots that ended, `ahead` what was told of slots that went on, and when."""

    def __init__(self, plans: Sequence[EndpointPlan], control: Choice | None = None) -> None:
        self.resolver = Resolver()
        self.told: list[tuple[int, SlotReport]] = []
        self.ahead: list[tuple[float, SlotReport]] = []
        self._news = asyncio.Event()
        self.runner = Runner(
            plans,
            on_slot=self._tell,
            on_bad=self._tell_ahead,
            resolver=self.resolver,
            control=control,
        )

    def _tell(self, revision: int, report: SlotReport) -> None:
        self.told.append((revision, report))
        self._news.set()

    def _tell_ahead(self, revision: int, report: SlotReport) -> None:
        assert (revision, report.slot) not in [(told, each.slot) for told, each in self.told]
        self.ahead.append((clock.wall(), report))

    @property
    def slots(self) -> list[int]:
        """The slots that ended, in the order told."""
        return [report.slot for _, report in self.told]

    async def until(self, slot: int) -> SlotReport:
        """The report of a slot, once it is told."""
        while True:
            for _, report in self.told:
                if report.slot == slot:
                    return report
            self._news.clear()
            await self._news.wait()

    async def until_unhindered(self, slot: int) -> SlotReport:
        """The report of the first slot from this one on that the machine did not impair."""
        while (report := await self.until(slot)).impaired:
            slot += 1
        return report


@contextlib.asynccontextmanager
async def running(
    plans: Sequence[EndpointPlan], control: Choice | None = None
) -> AsyncIterator[tuple[Slots, int]]:
    """A runner and its first slot; it is finished if the test did not."""
    slots = Slots(plans, control)
    first = slots.runner.start()
    try:
        yield slots, first
    finally:
        if not slots.runner.finished:
            await slots.runner.finish()
        await slots.resolver.close()
