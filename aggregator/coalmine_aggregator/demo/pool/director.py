"""Plays the acts of a game day, and holds what comes of them to what was told beforehand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from coalmine_aggregator.demo.pool import words
from coalmine_aggregator.demo.pool.acts import Act
from coalmine_aggregator.demo.pool.grounds import Grounds
from coalmine_aggregator.demo.pool.ledger import Deliveries
from coalmine_aggregator.demo.pool.outcome import Outcome
from coalmine_aggregator.demo.pool.sightings import Sightings
from coalmine_aggregator.demo.pool.words import Line
from coalmine_runtime import clock

OUT_S = 30.0
"""A node that broke is out of service within this, also on a busy machine; about 5 s in earnest."""

BACK_S = 120.0
"""It is back, and all is calm, within this of its mending."""

WATCHED_S = 5.0
"""How long customers are watched while it is out, and after it is back."""

LEFT_ALONE_S = 12.0
"""How long nobody must be withdrawn where too many are broken: longer than it takes to withdraw one."""

_LOOK_S = 0.05


class NotAsToldError(Exception):
    """Something else came of it; says what."""


class Director:
    """Breaks and mends on `grounds`, looks at `seen`, tells each step."""

    def __init__(self, grounds: Grounds, seen: Sightings, tell: Callable[[Line], None]) -> None:
        self._grounds = grounds
        self._seen = seen
        self._tell = tell
        self._outcome = Outcome(what="", nodes=())

    async def play(self, act: Act) -> Outcome:
        """Everything is mended afterwards, whatever came of it."""
        self._outcome = Outcome(what=act.words, nodes=act.nodes)
        withdrawn, pages = len(self._seen.withdrawn), len(self._seen.pages)
        try:
            await (self._play_one(act) if act.single else self._play_many(act))
            await self._until(lambda: self._seen.calm, BACK_S, "not everything is well again")
        except NotAsToldError as error:
            self._note(trouble=str(error))
            await self._grounds.mend()
        self._note(
            withdrawn=tuple(self._seen.withdrawn[withdrawn:]), pages=len(self._seen.pages) - pages
        )
        self._check(act)
        return self._outcome

    async def _play_one(self, act: Act) -> None:
        (name,), seen = act.nodes, self._seen
        began = await self._break(act)
        await self._until(lambda: seen.out == (name,), OUT_S, f"{name} is not out of service")
        out_at = seen.out_at
        self._note(out_after_s=out_at - began, while_broken=await self._customers(began, out_at))
        self._report(f"until {name} was out, {out_at - began:.1f} s", self._outcome.while_broken)
        await asyncio.sleep(WATCHED_S)
        self._note(while_out=await self._customers(out_at, clock.wall()))
        self._report(f"since {name} is out", self._outcome.while_out)
        mended = await self._mend(act)
        await self._until(lambda: seen.out == (), BACK_S, f"{name} is not back in service")
        back_at = seen.out_at
        await asyncio.sleep(WATCHED_S)
        self._note(
            back_after_s=back_at - mended, since_back=await self._customers(back_at, clock.wall())
        )
        self._report(f"since {name} is back", self._outcome.since_back)

    async def _play_many(self, act: Act) -> None:
        seen, pages = self._seen, len(self._seen.pages)
        began = await self._break(act)
        await self._until(lambda: len(seen.pages) > pages, OUT_S, "nobody was paged")
        await asyncio.sleep(LEFT_ALONE_S)
        if seen.out:
            raise NotAsToldError(f"{' and '.join(seen.out)} out of service")
        mended = await self._mend(act)
        self._note(while_broken=await self._customers(began, mended))
        self._report("while they were broken", self._outcome.while_broken)

    async def _break(self, act: Act) -> float:
        began = clock.wall()
        await self._grounds.break_(act)
        self._tell(Line("broken", f"on purpose: {act.words}", "bold red"))
        return began

    async def _mend(self, act: Act) -> float:
        await self._grounds.mend()
        self._tell(Line("mended", words.mended(act), "bold green"))
        return clock.wall()

    def _check(self, act: Act) -> None:
        """What was told beforehand, of an act that was played to its end."""
        outcome = self._outcome
        troubles = [outcome.trouble]
        expected = act.nodes if act.single else ()
        if outcome.withdrawn != expected:
            told = [" and ".join(names) or "nobody" for names in (outcome.withdrawn, expected)]
            troubles.append(f"{told[0]} withdrawn, not {told[1]}")
        if not act.single and outcome.pages != 1:
            troubles.append(f"{outcome.pages} pages, not one")
        if outcome.while_out.lost:
            troubles.append(f"{words.lost_of(outcome.while_out)} while it was out")
        if outcome.since_back.lost:
            troubles.append(f"{words.lost_of(outcome.since_back)} since it was back")
        self._note(trouble="; ".join(filter(None, troubles)))

    async def _until(self, condition: Callable[[], bool], seconds: float, failure: str) -> None:
        deadline = clock.monotonic() + seconds
        while not condition():
            if clock.monotonic() > deadline:
                raise NotAsToldError(f"{failure} after {seconds:g} s")
            await asyncio.sleep(_LOOK_S)

    async def _customers(self, since: float, until: float) -> Deliveries:
        return await self._grounds.customers.settled(since, until)

    def _report(self, what: str, found: Deliveries) -> None:
        self._tell(words.customers_line(what, found))

    def _note(self, **more: object) -> None:
        self._outcome = replace(self._outcome, **more)  # type: ignore[arg-type]
