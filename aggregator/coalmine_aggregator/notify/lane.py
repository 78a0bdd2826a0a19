"""One alert's way to one receiver: its transitions in order, each until it is taken or given up."""

from __future__ import annotations

import asyncio
import random
from collections import deque

from coalmine_aggregator.model.alerts import Change
from coalmine_aggregator.notify.backoff import GIVE_UP_S, LONGEST_ASKED_S, delay_s
from coalmine_aggregator.notify.notice import Notice
from coalmine_aggregator.notify.outlet import Outlet
from coalmine_aggregator.notify.receiver import GoneError, RefusedError, TryLaterError
from coalmine_aggregator.store.pending import Delivery
from coalmine_aggregator.store.store import Store
from coalmine_runtime import clock
from coalmine_runtime.logs import get_logger

SUPERSEDED = "superseded"
"""Why a change of scope was not told: a newer state of the same alert was."""

NEVER_TOLD = "never told of it"
"""Why a resolution was not told: the receiver had refused the alert itself."""

log = get_logger("notify")


class Lane:
    """The deliveries of one de-duplication key to one receiver.

    A resolution never overtakes its alert. Before the next transition leaves, it is committed that the
    one before was taken: after a crash, at most the last thing told is told again, and that is the
    same thing under the same key, so nothing is doubled.
    """

    def __init__(self, outlet: Outlet, store: Store) -> None:
        self._outlet = outlet
        self._store = store
        self._queue: deque[Delivery] = deque()
        self._untold: set[int] = set()  # alerts that the receiver refused, until they are closed
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        """Deliveries that wait or are on their way."""
        return len(self._queue)

    def put(self, delivery: Delivery) -> None:
        """Queues a delivery behind those that wait."""
        self._queue.append(delivery)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name=f"notify-{self._outlet.name}")

    async def close(self) -> None:
        """Stops where it is; the outbox knows the rest."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while self._queue:
            delivery = self._queue[0]
            why = self._needless(delivery)
            settled = delivery._replace(dead=why) if why else await self._until_settled(delivery)
            self._queue.popleft()
            self._store.put_delivery(settled)
            self._note(settled)
            await self._store.flushed()

    def _needless(self, delivery: Delivery) -> str | None:
        """Why this delivery need not be made; None if it must."""
        if self._outlet.gone:
            return self._outlet.gone
        alert, change = delivery.transition.alert, delivery.transition.change
        if change is Change.CHANGED and any(
            later.transition.alert.number == alert.number for later in list(self._queue)[1:]
        ):
            return SUPERSEDED
        if change is Change.CLOSED and alert.number in self._untold:
            return NEVER_TOLD
        return None

    async def _until_settled(self, delivery: Delivery) -> Delivery:
        """Tries until the receiver takes it, refuses it, or a day has passed."""
        # A clock that was stepped while we were down must not hold a page back for long.
        await asyncio.sleep(min(max(0.0, delivery.next_at - clock.wall()), LONGEST_ASKED_S))
        while True:
            error = await self._try(delivery)
            now = clock.wall()
            delivery = delivery._replace(attempts=delivery.attempts + 1, error=None)
            if error is None:
                return delivery._replace(delivered_at=now)
            what = str(error)
            if not isinstance(error, TryLaterError):
                return delivery._replace(dead=what, error=what)
            if now - delivery.transition.at > GIVE_UP_S:
                return delivery._replace(dead=f"given up after {delivery.attempts} tries", error=what)
            wait_s = delay_s(delivery.attempts, random.random(), error.after_s)  # noqa: S311
            delivery = delivery._replace(next_at=now + wait_s, error=what)
            self._queue[0] = delivery
            self._store.put_delivery(delivery)
            self._outlet.failed(delivery, wait_s)
            await asyncio.sleep(wait_s)

    async def _try(self, delivery: Delivery) -> Exception | None:
        try:
            await self._outlet.deliver(Notice((delivery.transition,)))
        except (TryLaterError, RefusedError, GoneError) as error:
            return error
        except Exception as error:
            # A fault of ours in one receiver must neither end its lane nor be tried for ever.
            log.exception("notify.fault", error, receiver=self._outlet.name)
            return RefusedError(f"fault: {type(error).__name__}")
        return None

    def _note(self, settled: Delivery) -> None:
        alert = settled.transition.alert
        if settled.transition.change is Change.CLOSED:
            self._untold.discard(alert.number)
        if settled.delivered_at is not None:
            self._untold.discard(alert.number)
            self._outlet.delivered(settled)
            return
        if settled.dead not in (SUPERSEDED, NEVER_TOLD):
            if settled.transition.change is Change.OPENED:
                self._untold.add(alert.number)
            self._outlet.gave_up(settled)
