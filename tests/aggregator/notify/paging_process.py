"""A process that detects and pages, to be killed at any moment:
`python -m <this> STORE JOURNAL PAGERDUTY HOOK`.

Pages go to PagerDuty; after `CALLED_S` the hook is called, unless the outage is one that somebody
`answers`: those are acknowledged as soon as they are told.

Slots pass fifty times as fast as seconds. The world has an outage in the second half of every
`CYCLE` slots, whoever watches; the journal is its clock, a line a slot, so that a process begins where
the one before was killed, less `DOWN` slots that nobody saw. On SIGTERM it lets the outage in progress
end, delivers everything, and ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

from coalmine_aggregator.alerts.machine import State, acknowledge, step
from coalmine_aggregator.model.alerts import AlertClass, Severity, Transition
from coalmine_aggregator.model.counts import Counts
from coalmine_aggregator.model.endings import PLAIN_ENDING
from coalmine_aggregator.model.findings import Finding
from coalmine_aggregator.model.policy import ServicePolicy
from coalmine_aggregator.model.settled_slot import SettledSlot
from coalmine_aggregator.notify import backoff
from coalmine_aggregator.store.store import Store
from coalmine_runtime import clock
from tests.aggregator.notify.receivers import notifying, pagerduty, paging, webhook
from tests.aggregator.store.samples import LOST, START, expecting, names, settled
from tests.servers.waiting import until

SLOT_S = 0.02
CALLED_S = 0.1
CYCLE = 40
HEALTHY = 20
DOWN = 3
FIRST = START // CYCLE * CYCLE

NAMES = names("ingest", ("udp",))
EXPECTED = expecting(range(len(NAMES)))
POLICIES = {"ingest": ServicePolicy("ingest", 0.001)}


def outage_of(slot: int) -> int | None:
    """The number of the outage that a slot lies in."""
    return slot // CYCLE if slot % CYCLE >= HEALTHY else None


def answers(outage: int) -> bool:
    """Whether somebody acknowledges this outage."""
    return outage % 2 == 0


def settled_of(slot: int) -> SettledSlot:
    """What the ledger says of a slot: all are lost in an outage."""
    return settled(slot, EXPECTED, usual=PLAIN_ENDING if outage_of(slot) is None else LOST)


def findings_of(slot: int) -> list[Finding]:
    """What is wrong in a slot."""
    outage = outage_of(slot)
    if outage is None:
        return []
    return [
        Finding(
            AlertClass.LOSS,
            "ingest",
            str(outage),
            Severity.PAGE,
            (("protocol", "udp"),),
            outage * CYCLE + HEALTHY,
            counts=Counts(0, (0, 0, 0, 4, 0, 0, 0)),
            window_s=1,
        )
    ]


def next_slot(journal: Path) -> int:
    """Where the world's clock stands."""
    return int(journal.read_text().split()[-1]) + 1 + DOWN if journal.exists() else FIRST


def acknowledged(state: State, now: float) -> tuple[State, list[Transition]]:
    """Somebody looks at what is open."""
    told = []
    for alert in state.open:
        if answers(int(alert.handle)):
            state, transitions = acknowledge(state, alert.number, "anna", now)
            told += transitions
    return state, told


async def main(url: str, journal: Path, pagerduty_url: str, hook_url: str) -> None:
    backoff.FIRST_S = 0.02
    store = await Store.open(url)
    store.follow(NAMES)
    stack = contextlib.AsyncExitStack()
    entries = pagerduty(pagerduty_url) + webhook(hook_url)
    calls = f"escalations: {{calls: [{{after: {CALLED_S}, to: [hook]}}]}}"
    routes = "routes: [{to: [pd], escalation: calls}]"
    settings = paging(f"{calls}\n{routes}")
    notifier = await stack.enter_async_context(notifying(store, entries, settings))
    past = await store.load()
    state = State("prod", past.next_number, past.open_alerts, clock.wall())
    slot = next_slot(journal)
    ending = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
    # Unbuffered, a line a write: what the kernel has, a kill does not take.
    clockwork = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while not (ending.is_set() and slot % CYCLE == HEALTHY - 1 and not state.open):
        os.write(clockwork, f"{slot}\n".encode())
        now = clock.wall()
        state, transitions = step(state, findings_of(slot), POLICIES, now)
        store.put_slots([settled_of(slot)])
        store.put_transitions(notifier.route(transitions, now))
        state, transitions = acknowledged(state, now)
        store.put_transitions(notifier.route(transitions, now))
        notifier.due(now)
        slot += 1
        await asyncio.sleep(SLOT_S)

    async def drained() -> bool:
        return await store.flushed() and not (await store.standing(0.0)).pending

    await until(drained, deadline_s=20.0, what="the outbox is empty")
    await stack.aclose()
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4]))
