"""Runs a game day: starts the pool, shows it, plays the acts, sums up, ends everything."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coalmine_aggregator.demo.pool import words
from coalmine_aggregator.demo.pool.acts import PLAY, Act
from coalmine_aggregator.demo.pool.customers import PER_S
from coalmine_aggregator.demo.pool.director import Director
from coalmine_aggregator.demo.pool.grounds import Grounds
from coalmine_aggregator.demo.pool.layout import DIRECT, NAMES, NODES, OUTSIDE
from coalmine_aggregator.demo.pool.outcome import Outcome, all_as_told, summary
from coalmine_aggregator.demo.pool.picture import RECENT_S, PoolPicture
from coalmine_aggregator.demo.pool.sightings import Sightings
from coalmine_aggregator.demo.pool.words import Line
from coalmine_aggregator.demo.ports import HOST
from coalmine_aggregator.demo.readings import Reader
from coalmine_aggregator.demo.screen import choose_screen
from coalmine_aggregator.demo.stage import START_S, Stage, claim, put_out, within
from coalmine_runtime import clock

WHOLE_S = 120.0

GREEN_S = 12.0
"""All is well for so long before the first act: nodes that are new are left alone for ten seconds."""


@dataclass(frozen=True, kw_only=True)
class GameDayOptions:
    """What the command line asks for. `seconds` after all is well it ends, done or not."""

    port: int
    acts: tuple[Act, ...] = PLAY
    seconds: float | None = None
    as_json: bool = False


def run_game_day(options: GameDayOptions) -> int:
    """Plays it to its end; the exit status, 0 only if all came as told. Raises `DemoError`."""
    claim(options.port, "--port")
    with tempfile.TemporaryDirectory(prefix="coalmine-demo-") as folder:
        return asyncio.run(_GameDay(options, Path(folder)).run())


class _GameDay:
    def __init__(self, options: GameDayOptions, folder: Path) -> None:
        self._options = options
        self._page = f"http://{HOST}:{options.port}"
        self._screen = choose_screen(sys.stderr if options.as_json else sys.stdout)
        self._seen = Sightings(self._tell)
        self._stage = Stage(folder, self._screen, self._seen.paged)
        self._grounds = Grounds(self._stage, folder, options.port)
        self._outcomes: list[Outcome] = []
        self._began: float | None = None

    async def run(self) -> int:
        """Until it is done, told to stop, or a part of it ends that should not."""
        try:
            complete = await self._stage.play(self._work(), self._pressed)
        finally:
            self._grounds.customers.close()
        self._conclude()
        if not complete:
            return 128 + signal.SIGINT
        return 0 if all_as_told(self._outcomes, len(self._options.acts)) else 1

    async def _work(self) -> None:
        grounds, seen = self._grounds, self._seen
        await grounds.start_aggregator()
        async with Reader(self._page) as reader:
            await within(START_S, reader.ready(), "the aggregator is not ready")
            self._screen.tell(f"aggregator ready; watch it on {self._page}/remediation")
            balancer = await grounds.start_pool()
            self._screen.tell(f"a balancer in front of {len(NAMES)} nodes: {', '.join(NAMES)}")
            await grounds.start_agents()
            self._screen.tell(
                f"agents: one on each of {len(NODES)} nodes, {len(DIRECT)} that reach each node past "
                f"the balancer, {len(OUTSIDE)} outside"
            )
            await _first_of(
                self._act(),
                seen.follow_balancer(balancer),
                seen.follow_api(reader, self._show),
                grounds.customers.run(),
            )

    async def _act(self) -> None:
        await within(WHOLE_S, self._seen.calmed.wait(), "not everything is well")
        self._screen.tell(f"customers: {PER_S} datapoints a second through the balancer, never twice")
        self._began = clock.monotonic()
        self._tell(Line("seen", f"all is well, and stays so for {GREEN_S:g} s", "green"))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._options.seconds):
                await self._play()

    async def _play(self) -> None:
        await asyncio.sleep(GREEN_S)
        director = Director(self._grounds, self._seen, self._tell)
        acts = self._options.acts
        for number, act in enumerate(acts, 1):
            self._screen.tell("")
            self._screen.tell(words.act_line(number, len(acts), act), "bold")
            self._screen.tell(words.expectation(act), "dim")
            self._outcomes.append(await director.play(act))
            if not self._outcomes[-1].as_told:
                return

    def _tell(self, line: Line) -> None:
        """Nothing of what is seen while all of it starts."""
        if self._began is not None:
            self._screen.tell(line.after(clock.monotonic() - self._began), line.style)

    def _pressed(self, key: str) -> None:
        if key == "q":
            self._stage.stopped.set()

    def _show(self) -> None:
        seen, now = self._seen, clock.wall()
        ledger = self._grounds.customers.ledger
        self._screen.show(
            PoolPicture(
                page=self._page,
                now=now,
                nodes=seen.nodes,
                broken=self._grounds.broken,
                out=seen.out or (),
                line=seen.remediation.line.text if seen.remediation else "",
                # What is still under way is not lost.
                recent=ledger.between(now - RECENT_S - 1, now - 1),
                total=ledger.total,
                alerts=seen.open,
                keys=self._screen.keys,
            )
        )

    def _conclude(self) -> None:
        acts, total = self._options.acts, self._grounds.customers.ledger.total
        if self._options.as_json:
            put_out(json.dumps(summary(self._outcomes, len(acts), total)))
            return
        put_out("\n".join(["", *words.summary_lines(acts, self._outcomes, total)]))


async def _first_of(*works: Coroutine[Any, Any, None]) -> None:
    """Ends all of them when one is done or fails; raises what that one raised."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
