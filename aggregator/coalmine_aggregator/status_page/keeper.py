"""Keeps the site as new as the store: each second it looks, composes, renders, and puts the new site in
the place of the old one.

The store is looked at on a thread. Where it does not answer, or answers late, the site goes
on from what was known last, and says since when that is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from coalmine_aggregator.status.components import Cell
from coalmine_aggregator.status.compose import Inputs, Memory, compose
from coalmine_aggregator.status.render import Rendered, render
from coalmine_aggregator.status_page.store_file import StoreAwayError
from coalmine_aggregator.status_page.store_reader import StoreReader
from coalmine_runtime import clock
from coalmine_runtime.daemon_threads import DaemonThreads
from coalmine_runtime.logs import get_logger

log = get_logger("status_page")

LOOK_S: Final = 1.0
LATE_S: Final = 3.0
"""A look that takes longer is told, and the site goes on without it until it ends."""

_SLOW_S: Final = 60.0
"""The first look reads what the others need not; it has longer."""


class Keeper:
    """`site` is the newest one; None before there is any. `on_pass` is called each second."""

    def __init__(self, reader: StoreReader, on_pass: Callable[[str], None] = lambda _: None) -> None:
        self.site: Rendered | None = None
        self._reader = reader
        self._on_pass = on_pass
        self._threads = DaemonThreads()  # a look that hangs must not keep the process from ending
        self._looking: asyncio.Future[Inputs] | None = None
        self._looking_since = 0.0
        self._memory = Memory()
        self._trouble = ""
        self._cells: frozenset[Cell] = frozenset()
        self._unmatched: list[str] = []
        self._is_failing = False

    async def run(self) -> None:
        """For good."""
        while True:
            began = clock.monotonic()
            await self.turn()
            self._on_pass(self._trouble)
            await asyncio.sleep(max(0.0, LOOK_S - (clock.monotonic() - began)))

    async def turn(self) -> None:
        """One second: a look, and the site that comes of it. Raises nothing."""
        loop = asyncio.get_running_loop()
        try:
            inputs = await self._look()
            if inputs is not None:
                self.site = await loop.run_in_executor(self._threads, self._make, inputs)
            self._is_failing = False
        except Exception as error:  # a fault of ours: the last site stays
            if not self._is_failing:
                log.exception("status_page.site.failed", error)
            self._is_failing = True

    async def _look(self) -> Inputs | None:
        """What is known now, of this look or of an earlier one."""
        now = clock.wall()
        if self._looking is None:
            loop = asyncio.get_running_loop()
            self._looking = loop.run_in_executor(self._threads, self._reader.look, now)
            self._looking_since = clock.monotonic()
        await asyncio.wait([self._looking], timeout=LATE_S)
        if not self._looking.done():
            last = self._reader.last(clock.wall())
            if clock.monotonic() - self._looking_since >= (_SLOW_S if last is None else LATE_S):
                self._tell("does not answer")
            return last
        looked, self._looking = self._looking, None
        try:
            inputs = looked.result()
        except StoreAwayError as error:
            self._tell(str(error))
            return self._reader.last(clock.wall())
        self._tell("")
        self._tell_unmatched(inputs)
        return inputs

    def _make(self, inputs: Inputs) -> Rendered:
        return render(compose(inputs, self._memory), self.site)

    def _tell_unmatched(self, inputs: Inputs) -> None:
        """Says of which components there is nothing in the fleet, once for as long as it is so."""
        if inputs.cells == self._cells:
            return
        self._cells = inputs.cells
        unmatched = inputs.plan.components.unmatched(inputs.cells)
        for each in unmatched:
            if each not in self._unmatched:
                log.warning("status_page.component.unmatched", problem=each)
        self._unmatched = unmatched

    def _tell(self, trouble: str) -> None:
        if trouble and not self._trouble:
            log.warning("status_page.store.away", error=trouble)
        elif self._trouble and not trouble:
            log.info("status_page.store.back")
        self._trouble = trouble
