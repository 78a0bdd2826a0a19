"""A process that keeps history until it is killed: `python -m <this> URL JOURNAL FIRST`.

A slot every 20 ms from slot FIRST on, every tenth time an earlier one again, each with an alert and its
incident. The journal has a line for each put: the clock's time, the slot, and which series was lost in
it.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from coalmine_aggregator.model.agent_life import AgentLife
from coalmine_aggregator.model.views import AgentStatus
from coalmine_aggregator.store.store import Store
from coalmine_runtime import clock
from tests.aggregator.store.incident_samples import changes
from tests.aggregator.store.samples import LOST, expecting, names, opened, routed, settled

PUT_S = 0.02
NAMES = [*names(), *names("logs")]
EVERY = expecting(range(len(NAMES)))


async def main(url: str, journal: Path, slot: int) -> None:
    store = await Store.open(url)
    store.follow(NAMES)
    # Unbuffered, a line a write: what the kernel has, a kill does not take.
    log = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    turn = 0
    while True:
        turn += 1
        again = slot - 7 if turn % 10 == 0 else slot
        lost = turn % len(NAMES)
        store.put_slots([settled(again, EVERY, {lost: LOST})])
        store.put_lives([AgentLife("a1", float(turn), AgentStatus.ALIVE, str(turn))])
        store.put_transitions([routed(opened(slot))])
        store.put_incidents(changes(slot))
        os.write(log, f"{clock.monotonic()} {again} {lost}\n".encode())
        slot += again == slot
        await asyncio.sleep(PUT_S)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
