"""A receiver as the notifier runs it: bounded in parallel requests, paused as a whole when it asks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from coalmine_aggregator.model.alerts import Severity
from coalmine_aggregator.notify.backoff import LONGEST_ASKED_S
from coalmine_aggregator.notify.links import Links
from coalmine_aggregator.notify.notice import Notice
from coalmine_aggregator.notify.receiver import GoneError, Receiver, RefusedError, TryLaterError
from coalmine_aggregator.paging.undelivered import Trouble
from coalmine_aggregator.store.pending import Delivery
from coalmine_runtime import clock
from coalmine_runtime.logs import get_logger

PARALLEL = 4
"""Requests to one receiver at a time."""

log = get_logger("notify")


class OutletView(NamedTuple):
    """How a receiver does, counted since the start. `error` is its last failure, empty after a
    success; `gone` why it is told nothing any more."""

    name: str
    pending: int
    delivered: int
    failed: int
    dead: int
    error: str
    gone: str


class Outlet:
    """One configured receiver. `contact` gives the address of a person under a field of theirs, empty
    where there is none. `trouble` is what the receiver has given up and not made good by taking
    something since."""

    def __init__(
        self,
        name: str,
        receiver: Receiver,
        contact: Callable[[str, str], str],
        links: Links,
    ) -> None:
        self.name = name
        self.receiver = receiver
        self._contact = contact
        self._links = links
        self.gone = ""
        self.trouble: Trouble | None = None
        self._turns = asyncio.Semaphore(PARALLEL)
        self._paused_until = 0.0  # on the loop's clock
        self._counts = {"delivered": 0, "failed": 0, "dead": 0}
        self._error = ""

    @property
    def error(self) -> str:
        """How it failed last; empty after a success."""
        return self._error

    @property
    def takes_groups(self) -> bool:
        """Whether several transitions go in one notice."""
        return self.receiver.takes_groups

    async def ready(self) -> None:
        """Waits for the end of a pause; another request may prolong it meanwhile."""
        loop = asyncio.get_running_loop()
        while (left := self._paused_until - loop.time()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(left)

    async def deliver(self, deliveries: Sequence[Delivery]) -> None:
        """Tells them in one notice: all go to one person.

        Waits for its turn and for the end of a pause; raises as `Receiver.deliver` does."""
        notice = self._notice(deliveries)
        loop = asyncio.get_running_loop()
        async with self._turns:
            await self.ready()
            if self.gone:
                raise GoneError(self.gone)
            try:
                await self.receiver.deliver(notice)
            except TryLaterError as error:
                if error.after_s is not None:
                    pause_s = min(error.after_s, LONGEST_ASKED_S)
                    self._paused_until = max(self._paused_until, loop.time() + pause_s)
                raise
            except GoneError as error:
                self.gone = f"receiver is gone: {error}"
                log.error("notify.receiver.gone", receiver=self.name, answer=error)
                raise

    def _notice(self, deliveries: Sequence[Delivery]) -> Notice:
        newest = deliveries[-1]
        contact, person = "", newest.target
        if person and self.receiver.address:
            contact = self._contact(person, self.receiver.address)
            if not contact:
                # The configuration lost the person while something was on its way to them.
                raise RefusedError(f"{person} has no {self.receiver.address}")
        transitions = tuple(each.transition for each in deliveries)
        return Notice(transitions, contact, self._links, newest.step, newest.repeat)

    def delivered(self, delivery: Delivery) -> None:
        """Counts and tells a success."""
        self._counts["delivered"] += 1
        self._error = ""
        self.trouble = None
        log.info("notify.delivered", **self._fields(delivery), attempts=delivery.attempts)

    def failed(self, delivery: Delivery, wait_s: float) -> None:
        """Counts and tells a failure that will be tried again."""
        self._counts["failed"] += 1
        self._error = delivery.error or ""
        log.warning(
            "notify.failed", **self._fields(delivery), error=delivery.error, again_in_s=round(wait_s, 1)
        )

    def gave_up(self, delivery: Delivery) -> None:
        """Counts and tells a delivery that will not be made."""
        self._counts["dead"] += 1
        self._error = delivery.dead or ""
        is_page = delivery.transition.alert.severity is Severity.PAGE
        before = self.trouble or Trouble(clock.wall(), is_page, "")
        self.trouble = Trouble(before.since, before.of_page or is_page, self._error)
        log.error("notify.dead", **self._fields(delivery), reason=delivery.dead)

    def view(self, pending: int) -> OutletView:
        """How it does."""
        return OutletView(self.name, pending, **self._counts, error=self._error, gone=self.gone)

    def _fields(self, delivery: Delivery) -> dict[str, object]:
        transition = delivery.transition
        return {
            "receiver": self.name,
            **({"person": delivery.target} if delivery.target else {}),
            **({"step": delivery.step, "repeat": delivery.repeat} if delivery.step else {}),
            "alert": transition.alert.id,
            "number": transition.alert.number,
            "change": transition.change,
        }
