"""One way to one receiver: its deliveries in order, each until it is taken or given up."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import deque
from collections.abc import Callable, Iterable

from coalmine_aggregator.model.alerts import Change, Severity
from coalmine_aggregator.notify.backoff import GIVE_UP_S, LONGEST_ASKED_S, delay_s
from coalmine_aggregator.notify.gate import Gate
from coalmine_aggregator.notify.outlet import Outlet
from coalmine_aggregator.notify.receiver import GoneError, RefusedError, TryLaterError
from coalmine_aggregator.pair.pair import Verdict
from coalmine_aggregator.store.pending import Delivery, DeliveryKey
from coalmine_aggregator.store.store import Store
from coalmine_runtime import clock
from coalmine_runtime.logs import get_logger

SUPERSEDED = "superseded"
"""Why a change of scope, or a call, was not told: a newer one of the same alert was."""

NEVER_TOLD = "never told of it"
"""Why the end of an alert was not told: nothing of it had been, as it was refused or came too late."""

ANSWERED = "acknowledged or closed"
"""Why an escalation's call was not made: nobody needs to be called any more."""

MAX_TOLD = 20
"""Transitions in one notice; more that wait are told in the next."""

_ENDS = frozenset({Change.ACKNOWLEDGED, Change.CLOSED})

log = get_logger("notify")


class Lane:
    """The deliveries to one receiver, and person, of one de-duplication key; of one group where the
    receiver tells several at once: then all that waits leaves together, `wait_s` after the first.

    A resolution never overtakes its alert. Before the next notice leaves, it is committed that the one
    before was taken: after a crash, at most the last thing told is told again, and that is the same
    thing under the same key, so nothing is doubled.

    `calls_for` says whether an alert, by its number, is open and not acknowledged; `heard` are the
    numbers of the alerts of which the receiver, and person, has heard anything. What the `gate` holds
    lets others pass, but nothing of the same alert.
    """

    def __init__(
        self,
        outlet: Outlet,
        store: Store,
        calls_for: Callable[[int], bool],
        heard: set[int],
        wait_s: float = 0.0,
        gate: Gate | None = None,
    ) -> None:
        self._outlet = outlet
        self._gate = gate
        self._held: set[DeliveryKey] = set()  # what waits at the gate
        self._held_until: dict[DeliveryKey, float] = {}  # when it last did
        self._store = store
        self._calls_for = calls_for
        self._wait_s = wait_s
        self._queue: deque[Delivery] = deque()
        self._heard = heard
        self._began = clock.wall()
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    def __len__(self) -> int:
        """Deliveries that are due or on their way."""
        return len(self._queue) - len(self._held)

    @property
    def at_gate(self) -> int:
        """Deliveries that wait at the gate."""
        return len(self._held)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is in it, due or not."""
        return not self._queue

    def oldest(self, severity: Severity) -> float | None:
        """Since when the oldest page, or ticket, has waited in this run; None where none does."""
        since = (
            self._due_since(each)
            for each in self._queue
            if each.transition.alert.severity is severity and each.key not in self._held
        )
        oldest = min(since, default=None)
        if oldest is None:
            return None
        return max(oldest, self._began) + (self._wait_s if self._outlet.takes_groups else 0.0)

    def put(self, delivery: Delivery) -> None:
        """Queues a delivery behind those that wait."""
        self._queue.append(delivery)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name=f"notify-{self._outlet.name}")

    async def close(self) -> None:
        """Stops where it is; the outbox knows the rest."""
        # A receiver's library may swallow the cancellation: `asyncio.wait_for` does, in Python 3.11,
        # where the answer comes with it.
        self._closing = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while self._queue and not self._closing:
            if self._outlet.takes_groups:
                left = self._queue[0].made_at + self._wait_s - clock.wall()
                await asyncio.sleep(min(max(0.0, left), self._wait_s))
            if self._queue[0].attempts:
                # A clock that was stepped while we were down must not hold a page back for long.
                left = self._queue[0].next_at - clock.wall()
                await asyncio.sleep(min(max(0.0, left), LONGEST_ASKED_S))
            wait_s = await self._round()
            while wait_s is not None and not self._closing:
                await asyncio.sleep(wait_s)
                wait_s = await self._round()

    async def _round(self) -> float | None:
        """Leaves out what need not be told, and tells the next notice: once. Returns the seconds until
        the same is to be tried again, None where it is settled."""
        await self._outlet.ready()  # what is needed is asked when it can leave
        batch, needless = self._next()
        if needless:
            await self._settle(needless)
            return None
        if not batch:
            assert self._gate is not None
            await self._gate.news()
            return 0.0
        error = await self._try(batch)
        now = clock.wall()
        tried = [each._replace(attempts=each.attempts + 1, error=None) for each in batch]
        if error is None:
            await self._settle(each._replace(delivered_at=now) for each in tried)
            return None
        what = str(error)
        if not isinstance(error, TryLaterError):
            await self._settle(each._replace(dead=what, error=what) for each in tried)
            return None
        late = [each for each in tried if now - self._due_since(each) > GIVE_UP_S]
        if late:
            await self._settle(
                each._replace(dead=f"given up after {each.attempts} tries", error=what) for each in late
            )
            return None
        wait_s = delay_s(tried[0].attempts, random.random(), error.after_s)  # noqa: S311
        again = {each.key: each._replace(next_at=now + wait_s, error=what) for each in tried}
        for place, each in enumerate(self._queue):
            if each.key in again:
                self._queue[place] = again[each.key]
                self._store.put_delivery(again[each.key])
        self._outlet.failed(again[tried[0].key], wait_s)
        return wait_s

    def _next(self) -> tuple[list[Delivery], list[Delivery]]:
        """The notice that may leave now, and of what was looked at for it all that need not be told."""
        most = MAX_TOLD if self._outlet.takes_groups else 1
        batch: list[Delivery] = []
        needless: list[Delivery] = []
        held: set[int] = set()  # alerts of which something waits
        self._held.clear()
        for each in self._queue:
            number = each.transition.alert.number
            why = self._needless(each)
            if why is None and self._gate is not None:
                is_behind = number in held and not each.step
                verdict = Verdict.WAIT if is_behind else self._gate.verdict(each)
                if verdict is Verdict.WAIT:
                    held.add(number)
                    self._held.add(each.key)
                    self._held_until[each.key] = clock.wall()
                    continue
                why = self._gate.told_by if verdict is Verdict.TOLD else None
            if why is not None:
                needless.append(each._replace(dead=why))
            else:
                batch.append(each)
            if len(batch) + len(needless) >= most:
                break
        return batch, needless

    async def _settle(self, deliveries: Iterable[Delivery]) -> None:
        """These are done, or given up: the queue goes on without them once that is committed."""
        settled = {each.key: each for each in deliveries}
        waiting = [each for each in self._queue if each.key not in settled]
        self._queue.clear()
        self._queue.extend(waiting)
        for each in settled.values():
            self._held_until.pop(each.key, None)
            self._store.put_delivery(each)
            self._note(each)
        await self._store.flushed()

    def _due_since(self, delivery: Delivery) -> float:
        """When its receiver was to have it; not while the gate held it."""
        return max(delivery.made_at, self._held_until.get(delivery.key, delivery.made_at))

    def _needless(self, delivery: Delivery) -> str | None:
        """Why this delivery need not be made; None if it must."""
        if self._outlet.gone:
            return self._outlet.gone
        alert, change = delivery.transition.alert, delivery.transition.change
        if delivery.step and not self._calls_for(alert.number):
            return ANSWERED
        if (delivery.step or change is Change.CHANGED) and self._is_superseded(delivery):
            return SUPERSEDED
        if change in _ENDS and alert.number not in self._heard and not self._is_preceded(delivery):
            return NEVER_TOLD
        return None

    def _is_preceded(self, delivery: Delivery) -> bool:
        """Whether something of the same alert goes before it in the same notice."""
        number = delivery.transition.alert.number
        before = itertools.takewhile(lambda each: each.key != delivery.key, self._queue)
        return any(each.transition.alert.number == number for each in before)

    def _is_superseded(self, delivery: Delivery) -> bool:
        """Whether a newer state of the same alert waits behind a change; the same call, once more,
        behind a call."""
        number, step = delivery.transition.alert.number, delivery.step
        behind = itertools.dropwhile(lambda each: each.key != delivery.key, self._queue)
        return any(
            later.transition.alert.number == number and later.step == step
            for later in itertools.islice(behind, 1, None)
        )

    async def _try(self, batch: list[Delivery]) -> Exception | None:
        try:
            await self._outlet.deliver(batch)
        except (TryLaterError, RefusedError, GoneError) as error:
            return error
        except Exception as error:
            # A fault of ours in one receiver must neither end its lane nor be tried for ever.
            log.exception("notify.fault", error, receiver=self._outlet.name)
            return RefusedError(f"fault: {type(error).__name__}")
        return None

    def _note(self, settled: Delivery) -> None:
        number = settled.transition.alert.number
        if settled.delivered_at is not None:
            self._heard.add(number)
            self._outlet.delivered(settled)
            if self._gate is not None:
                self._gate.told(settled)
        elif self._gate is not None and settled.dead == self._gate.told_by:
            self._heard.add(number)
            self._outlet.receiver.start([settled.transition])
            self._gate.told(settled)
        elif settled.dead not in (SUPERSEDED, NEVER_TOLD, ANSWERED):
            self._outlet.gave_up(settled)
        if settled.transition.change is Change.CLOSED:
            self._heard.discard(number)
