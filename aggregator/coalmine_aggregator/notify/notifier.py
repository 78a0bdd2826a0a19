"""The notifier: hands each committed delivery to its receiver, every receiver on its own.

A receiver that is dead, slow or limits its rate delays no other, and one alert's retries delay no
other alert. What is undelivered when the process dies is in the outbox and delivered by the next one.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import aiohttp

from coalmine_aggregator.model.alerts import Transition
from coalmine_aggregator.notify.alertmanager.alert import RESOLVED_S
from coalmine_aggregator.notify.lane import Lane
from coalmine_aggregator.notify.outlet import Outlet, OutletView
from coalmine_aggregator.notify.registry import receiver_of
from coalmine_aggregator.notify.settings import NotifySettings
from coalmine_aggregator.store.pending import Delivery
from coalmine_aggregator.store.store import Recipients, Store
from coalmine_runtime import clock
from coalmine_runtime.logs import get_logger

log = get_logger("notify")


class Notifier:
    """Use `await Notifier.open(settings, store)` before the first transition is put into the store."""

    def __init__(
        self, outlets: Mapping[str, Outlet], store: Store, session: aiohttp.ClientSession
    ) -> None:
        self._outlets = outlets
        self._store = store
        self._session = session
        self._lanes: dict[tuple[str, str], Lane] = {}

    @classmethod
    async def open(cls, receivers: Sequence[NotifySettings], store: Store) -> Notifier:
        """Starts delivering what the outbox holds, and what the store commits from now on."""
        session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        outlets = {
            entry.known_as: Outlet(entry.known_as, receiver_of(entry, session), entry.when)
            for entry in receivers
        }
        notifier = cls(outlets, store, session)
        try:
            await notifier._take_over()
        except BaseException:
            await notifier.close()
            raise
        return notifier

    def route(self, transitions: Iterable[Transition]) -> list[Recipients]:
        """Who is to hear of each transition; for `Store.put_transitions`."""
        return [
            Recipients(
                transition,
                tuple(
                    name
                    for name, outlet in self._outlets.items()
                    if outlet.when.admits(transition.alert)
                ),
            )
            for transition in transitions
        ]

    def view(self) -> list[OutletView]:
        """How each receiver does."""
        pending: Counter[str] = Counter()
        for (name, _), lane in self._lanes.items():
            pending[name] += len(lane)
        return [outlet.view(pending[name]) for name, outlet in self._outlets.items()]

    async def close(self) -> None:
        """Stops; what is not delivered stays in the outbox."""
        await asyncio.gather(*(lane.close() for lane in self._lanes.values()))
        for outlet in self._outlets.values():
            await outlet.receiver.close()
        await self._session.close()

    async def _take_over(self) -> None:
        self._store.on_deliveries = self._deliver
        pending, standing = await self._store.standing(clock.wall() - RESOLVED_S)
        for outlet in self._outlets.values():
            outlet.receiver.start([t for t in standing if outlet.when.admits(t.alert)])
        if pending:
            log.info("notify.taken_over", deliveries=len(pending))
        self._deliver(pending)

    def _deliver(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            outlet = self._outlets.get(delivery.receiver)
            if outlet is None:
                # Its entry was taken out of the configuration while something was on its way to it.
                log.error("notify.receiver.unknown", receiver=delivery.receiver)
                self._store.put_delivery(delivery._replace(dead="no such receiver"))
                continue
            key = (delivery.receiver, delivery.transition.alert.dedup_key)
            lane = self._lanes.get(key)
            if lane is None:
                lane = self._lanes[key] = Lane(outlet, self._store)
            lane.put(delivery)
