"""Runs an output as the aggregator does: shown what is wanted every so often, until the test ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from coalmine_aggregator.actuate.output import Output
from coalmine_aggregator.model.withdrawal import Wanted
from coalmine_runtime import clock
from tests.aggregator.actuate.words import words
from tests.servers.waiting import until

SHOWN_S = 0.1


@asynccontextmanager
async def running(output: Output, *first: Wanted) -> AsyncIterator[Callable[..., None]]:
    """Runs it, and gives what sets the words that it is shown from then on, as news each time."""
    current = words(*first)

    def say(*now: Wanted) -> None:
        nonlocal current
        current = words(*now)
        show()

    def show() -> None:
        output.show({name: each._replace(at=clock.wall()) for name, each in current.items()})

    async def shows() -> None:
        while True:
            show()
            await asyncio.sleep(SHOWN_S)

    tasks = [asyncio.create_task(output.run()), asyncio.create_task(shows())]
    try:
        yield say
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled():
                task.result()


async def until_out(output: Output, *nodes: str, service: str = "ingest") -> None:
    """Until it holds exactly these to be out."""

    async def holds() -> bool:
        out = output.standing().out
        return out is not None and out.get(service) == nodes

    await until(
        holds, deadline_s=15.0, what=f"out are {nodes}", explain=lambda: repr(output.standing())
    )


async def until_trouble(output: Output, text: str) -> None:
    """Until its trouble contains `text`; "" waits for its end."""

    async def told() -> bool:
        trouble = output.standing().trouble
        return text in trouble if text else not trouble

    await until(
        told, deadline_s=20.0, what=f"trouble {text!r}", explain=lambda: repr(output.standing())
    )
