"""The notifier: who hears of what, and each delivery to its receiver, every receiver on its own.

A receiver that is dead, slow or limits its rate delays no other, and one alert's retries delay no
other alert. What is undelivered when the process dies is in the outbox and delivered by the next one.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import aiohttp

from coalmine_aggregator.model.alerts import Alert, AlertClass, Change, Severity, Transition
from coalmine_aggregator.model.findings import Finding
from coalmine_aggregator.model.progress import Progress
from coalmine_aggregator.notify.alertmanager.alert import RESOLVED_S
from coalmine_aggregator.notify.alertmanager.watchdog import Watchdog
from coalmine_aggregator.notify.gate import Gate
from coalmine_aggregator.notify.lane import Lane
from coalmine_aggregator.notify.links import Links
from coalmine_aggregator.notify.outlet import Outlet, OutletView
from coalmine_aggregator.notify.registry import receiver_of
from coalmine_aggregator.notify.settings import NotifySettings
from coalmine_aggregator.paging.dispatch import Dispatch
from coalmine_aggregator.paging.order import Hold, Recipients
from coalmine_aggregator.paging.policy import GroupKey, PagingPolicy
from coalmine_aggregator.paging.routing import group_of
from coalmine_aggregator.paging.silence import Silence
from coalmine_aggregator.paging.telling import to_everybody
from coalmine_aggregator.paging.undelivered import Standing, Trouble, Waiting, undelivered
from coalmine_aggregator.pair.pair import Pair
from coalmine_aggregator.store.pending import Delivery
from coalmine_aggregator.store.read import Standing as Left
from coalmine_aggregator.store.store import Store
from coalmine_runtime import clock
from coalmine_runtime.logs import get_logger

MAX_IDLE = 1_000
"""Lanes that are kept though nothing waits in them."""

log = get_logger("notify")

_LaneKey = tuple[str, str, tuple[str, ...]]


class Notifier:
    """Use `await Notifier.open(...)` before the first transition is put into the store. Times are
    seconds since the epoch, from the clock that alerts go by."""

    def __init__(
        self,
        policy: PagingPolicy,
        outlets: Mapping[str, Outlet],
        store: Store,
        dispatch: Dispatch,
        standing: Sequence[Transition],
        gate: Gate | None = None,
    ) -> None:
        """`standing` has the newest transition of every open alert. What leaves passes the `gate`."""
        self._gate = gate
        self._policy = policy
        self._outlets = outlets
        self._store = store
        self._dispatch = dispatch
        self._lanes: dict[_LaneKey, Lane] = {}
        # Where an open alert's deliveries queue, by receiver, person and number; the wait of its group.
        self._places: dict[tuple[str, str, int], tuple[_LaneKey, float]] = {}
        self._calling: set[int] = set()  # the alerts that are open and that nobody acknowledged
        self._heard: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
        for transition in standing:
            self._note(transition)
        store.on_deliveries = self._deliver

    @classmethod
    async def open(
        cls,
        receivers: Sequence[NotifySettings],
        policy: PagingPolicy,
        store: Store,
        session: aiohttp.ClientSession,
        links: Links = Links(),  # noqa: B008
        watchdog: Watchdog | None = None,
        pair: Pair | None = None,
    ) -> Notifier:
        """Starts delivering what the outbox holds, and what the store commits from now on."""
        now = clock.wall()
        left = await store.standing(now - RESOLVED_S)
        past = await store.paging(now)
        still_open = [each for each in left.standing if each.alert.closed_at is None]
        dispatch = Dispatch(policy, still_open, past.made, past.silences, now, _fault)
        people = policy.people

        def contact(person: str, field: str) -> str:
            return people[person].address(field) if person in people else ""

        outlets = {
            entry.known_as: Outlet(
                entry.known_as, receiver_of(entry, session, watchdog), contact, links
            )
            for entry in receivers
        }
        gate = None
        if pair is not None:
            gate = Gate(pair)
            pair.restore([each.alert for each in still_open], left.heard)
        notifier = cls(policy, outlets, store, dispatch, still_open, gate)
        notifier._recall_troubles(still_open)
        notifier._take_over(left)
        return notifier

    @property
    def gate(self) -> Gate | None:
        """Where notices wait for the other aggregator of a pair; None where there is none."""
        return self._gate

    def route(self, transitions: Sequence[Transition], now: float) -> list[Recipients]:
        """Who is to hear of each transition; for `Store.put_transitions`."""
        for transition in transitions:
            self._note(transition)
            if self._gate is not None:
                self._gate.note(transition)
        return self._dispatch.take(transitions, now)

    def everybody(self, transitions: Sequence[Transition]) -> list[Recipients]:
        """All who can be told, whatever routes say."""
        return to_everybody(self._policy, transitions)

    def due(self, now: float) -> None:
        """Has told what is due by now without anything having happened; to be called once a second."""
        orders = self._dispatch.due(now)
        if orders:
            self._store.put_orders(orders, now)

    def look(self, progress: Progress) -> list[Finding]:
        """The receivers that do not deliver; see `Watcher`."""
        waiting = dict.fromkeys(self._outlets, Waiting())
        for (name, *_), lane in self._lanes.items():
            if len(lane) and name in waiting:
                page, ticket = lane.oldest(Severity.PAGE), lane.oldest(Severity.TICKET)
                before = waiting[name]
                waiting[name] = Waiting(_earlier(before.page, page), _earlier(before.ticket, ticket))
        standing = [
            Standing(name, outlet.trouble, waiting[name]._replace(error=outlet.error))
            for name, outlet in self._outlets.items()
        ]
        return undelivered(standing, progress.now, self._policy.overdue_s)

    def put_silence(self, silence: Silence, now: float) -> None:
        """From now on it holds what it is about, also after a restart. Raises ValueError for one that
        cannot be."""
        self._dispatch.put_silence(silence, now)
        self._keep_silence(silence)

    def end_silence(self, id_: str, who: str, now: float) -> Silence:
        """Ends a silence by hand. Raises KeyError where there is none, ValueError for a name that
        cannot be."""
        ended = self._dispatch.end_silence(id_, who, now)
        self._keep_silence(ended)
        return ended

    def silences(self, now: float) -> list[Silence]:
        """Those that hold, or will."""
        return self._dispatch.silences(now)

    def holds(self, now: float) -> dict[int, Hold]:
        """Why open alerts, by number, are not told now."""
        return self._dispatch.holds(now)

    def at_gate(self) -> int:
        """Notices that wait for the other aggregator of a pair."""
        return sum(lane.at_gate for lane in self._lanes.values())

    def view(self) -> list[OutletView]:
        """How each receiver does."""
        pending: Counter[str] = Counter()
        for (name, *_), lane in self._lanes.items():
            pending[name] += len(lane)
        return [outlet.view(pending[name]) for name, outlet in self._outlets.items()]

    async def close(self) -> None:
        """Stops; what is not delivered stays in the outbox."""
        # The store goes on: what it commits from now on goes out after the next start.
        self._store.on_deliveries = lambda _: None
        await asyncio.gather(*(lane.close() for lane in self._lanes.values()))
        for outlet in self._outlets.values():
            await outlet.receiver.close()

    def _keep_silence(self, silence: Silence) -> None:
        self._store.put_silence(silence)
        if self._gate is not None:
            self._gate.changed.set()

    def _recall_troubles(self, standing: Sequence[Transition]) -> None:
        """What did not deliver before the restart does not do so until it has taken something."""
        for transition in standing:
            alert = transition.alert
            outlet = self._outlets.get(alert.handle)
            if alert.alert_class is AlertClass.UNDELIVERED and outlet is not None:
                of_page = alert.severity is Severity.PAGE
                outlet.trouble = Trouble(float(alert.since), of_page, "before a restart")

    def _take_over(self, left: Left) -> None:
        for name, outlet in self._outlets.items():
            outlet.receiver.start(
                [each for each in left.standing if (each.alert.number, name) in left.told]
            )
        for number, name, person in left.heard:
            self._heard[name, person].add(number)
        if left.pending:
            log.info("notify.taken_over", deliveries=len(left.pending))
        self._deliver(left.pending)

    def _note(self, transition: Transition) -> None:
        alert = transition.alert
        if transition.change is Change.CLOSED or alert.acknowledged_at is not None:
            self._calling.discard(alert.number)
        else:
            self._calling.add(alert.number)
        if transition.change is Change.CLOSED:
            for (name, _), heard in self._heard.items():
                traits = self._policy.receivers.get(name)
                if traits is None or Change.CLOSED not in traits.hears:
                    heard.discard(alert.number)

    def _deliver(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            outlet = self._outlets.get(delivery.receiver)
            if outlet is None:
                # Its entry was taken out of the configuration while something was on its way to it.
                log.error("notify.receiver.unknown", receiver=delivery.receiver)
                self._store.put_delivery(delivery._replace(dead="no such receiver"))
                continue
            self._lane(delivery, outlet).put(delivery)

    def _group(self, delivery: Delivery) -> GroupKey | None:
        try:
            return group_of(self._policy, delivery.transition.alert, delivery.receiver)
        except Exception as error:
            # Told alone it is told, and so are the others of its batch.
            _fault(delivery.transition.alert, error)
            return None

    def _lane(self, delivery: Delivery, outlet: Outlet) -> Lane:
        alert = delivery.transition.alert
        own = (delivery.receiver, delivery.target, alert.number)
        # What it is grouped by may change while it is open: its end must not overtake its opening.
        place = self._places.get(own)
        if place is None:
            group = self._group(delivery)
            wait_s = 0.0 if group is None else group.wait_s
            # What may wait for long would hold up what may not, where both were in one lane.
            values = (
                ("alert", alert.dedup_key) if group is None else ("group", f"{wait_s:g}", *group.values)
            )
            place = (delivery.receiver, delivery.target, values), wait_s
        key, wait_s = place
        if delivery.transition.change is Change.CLOSED:
            self._places.pop(own, None)
        else:
            self._places[own] = place
        lane = self._lanes.get(key)
        if lane is None:
            if len(self._lanes) >= MAX_IDLE:
                self._lanes = {each: lane for each, lane in self._lanes.items() if not lane.is_empty}
                self._places = {
                    each: place for each, place in self._places.items() if place[0] in self._lanes
                }
            heard = self._heard[delivery.receiver, delivery.target]
            calls_for = self._calling.__contains__
            lane = self._lanes[key] = Lane(outlet, self._store, calls_for, heard, wait_s, self._gate)
        return lane


def _earlier(one: float | None, other: float | None) -> float | None:
    return min((each for each in (one, other) if each is not None), default=None)


def _fault(alert: Alert, error: Exception) -> None:
    log.exception("notify.dispatch_fault", error, alert=alert.id, number=alert.number)
