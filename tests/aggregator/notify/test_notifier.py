"""From the outbox to receivers: each on its own, in order, at least once, again after a restart."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

import pytest

from coalmine_aggregator.model.alerts import Severity, Transition
from coalmine_aggregator.notify import backoff
from coalmine_aggregator.notify.lane import NEVER_TOLD, SUPERSEDED
from coalmine_aggregator.notify.links import Links
from coalmine_aggregator.notify.notice import Notice
from coalmine_aggregator.notify.notifier import Notifier
from coalmine_aggregator.notify.outlet import Outlet
from coalmine_aggregator.notify.receiver import TryLaterError
from coalmine_aggregator.notify.settings import NotifySettings, check_names
from coalmine_aggregator.notify.webhook import receiver as webhook_receiver
from coalmine_aggregator.paging.dispatch import Dispatch
from coalmine_aggregator.paging.match import Match
from coalmine_aggregator.paging.policy import Group, PagingPolicy, Route, Traits
from coalmine_aggregator.paging.target import Target
from coalmine_aggregator.store.store import Store
from coalmine_runtime import clock
from coalmine_runtime.settings import SettingError
from tests.aggregator.notify.receivers import notifying, paging
from tests.aggregator.notify.receivers import pagerduty as to_pagerduty
from tests.aggregator.notify.receivers import webhook as to_webhook
from tests.aggregator.store.beside import locked
from tests.aggregator.store.samples import alert, changed, closed, opened
from tests.servers.hook import Hook
from tests.servers.pagerduty import Answer, PagerDuty
from tests.servers.waiting import until, within


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries again within a few milliseconds."""
    monkeypatch.setattr(backoff, "FIRST_S", 0.01)


def notifier(store: Store, *lists: Sequence[NotifySettings]) -> AbstractAsyncContextManager[Notifier]:
    return notifying(store, [entry for entries in lists for entry in entries])


def recent(transition: Transition) -> Transition:
    """Made now: what is a day old is given up."""
    return transition._replace(at=clock.wall())


def put(store: Store, running: Notifier, *transitions: Transition) -> None:
    recently = [recent(transition) for transition in transitions]
    store.put_transitions(running.route(recently, clock.wall()))


async def drained(store: Store) -> None:
    """Waits until the outbox holds nothing more to do."""

    async def empty() -> bool:
        return await store.flushed() and not (await store.standing(0.0)).pending

    await until(empty, deadline_s=10.0, what="the outbox is empty")


async def fates(url: str) -> list[tuple[int, str, str | None]]:
    """Transition, receiver, and why it was given up, of every row of the outbox."""

    def read() -> list[tuple[int, str, str | None]]:
        with sqlite3.connect(url.removeprefix("sqlite:///")) as file:
            rows = file.execute(
                "SELECT transition, receiver, dead FROM outbox ORDER BY 1, 2"
            ).fetchall()
        file.close()
        return rows

    return await asyncio.to_thread(read)


async def test_an_alert_reaches_every_receiver(store: Store, pagerduty: PagerDuty, hook: Hook) -> None:
    async with notifier(store, to_pagerduty(pagerduty.url), to_webhook(hook.url)) as running:
        put(store, running, opened())
        await pagerduty.until_events(1)
        await hook.until(1)
        await drained(store)
        assert [(view.name, view.delivered, view.pending) for view in running.view()] == [
            ("pd", 1, 0),
            ("hook", 1, 0),
        ]


async def test_a_dead_receiver_delays_no_other(store: Store, pagerduty: PagerDuty, hook: Hook) -> None:
    pagerduty.mood = Answer(hang=True)
    async with notifier(store, to_pagerduty(pagerduty.url), to_webhook(hook.url)) as running:
        put(store, running, opened(1))
        await pagerduty.until_requests(1)
        # The other one hears the whole story while the first still holds its first request.
        for count, transition in enumerate((changed(1), closed(1)), start=2):
            put(store, running, transition)
            await hook.until(count, deadline_s=2.0)
        assert pagerduty.requests == 1


async def test_trouble_is_tried_again_until_it_is_over(store: Store, pagerduty: PagerDuty) -> None:
    pagerduty.moody.extend([Answer(503), Answer(500), Answer(429), Answer(503)])
    async with notifier(store, to_pagerduty(pagerduty.url)) as running:
        put(store, running, opened())
        await pagerduty.until_events(1)
        await drained(store)
        (view,) = running.view()
        assert (view.delivered, view.failed, view.error) == (1, 4, "")
    assert pagerduty.requests == 5


async def test_retry_after_holds_for_the_whole_receiver(store: Store, pagerduty: PagerDuty) -> None:
    pagerduty.moody.append(Answer(429, {"Retry-After": "1"}))
    async with notifier(store, to_pagerduty(pagerduty.url)) as running:
        put(store, running, opened(1))
        await pagerduty.until_requests(1)
        asked = clock.monotonic()
        put(store, running, opened(2, "logs"))
        await pagerduty.until_events(2)
        assert clock.monotonic() - asked >= 0.9
    assert pagerduty.requests == 3


async def test_400_is_told_once_and_the_resolution_spared(
    store: Store, url: str, pagerduty: PagerDuty
) -> None:
    pagerduty.moody.append(Answer(400))
    async with notifier(store, to_pagerduty(pagerduty.url)) as running:
        put(store, running, opened(1), closed(1))
        await drained(store)
        # The next alert under the same key is another one.
        put(store, running, opened(2), closed(2))
        await drained(store)
        (view,) = running.view()
        assert view.dead == 1
    assert [event["event_action"] for event in pagerduty.events] == ["trigger", "resolve"]
    dead = [reason for _, _, reason in await fates(url)]
    assert dead[0] is not None
    assert dead[0].startswith("400")
    assert dead[1:] == [NEVER_TOLD, None, None]


async def test_order_holds_within_a_key_while_others_pass(store: Store, pagerduty: PagerDuty) -> None:
    pagerduty.moody.extend([Answer(503)] * 4)
    async with notifier(store, to_pagerduty(pagerduty.url)) as running:
        put(store, running, opened(1), closed(1), opened(2, "logs"))
        await pagerduty.until_events(3)
        await drained(store)
    by_key: dict[str, list[str]] = {}
    for event in pagerduty.events:
        by_key.setdefault(event["dedup_key"], []).append(event["event_action"])
    assert by_key == {"prod/ingest/loss/1": ["trigger", "resolve"], "prod/logs/loss/1": ["trigger"]}


async def test_changes_that_a_newer_state_overtook_are_left_out(
    store: Store, url: str, pagerduty: PagerDuty
) -> None:
    pagerduty.mood = Answer(503)
    async with notifier(store, to_pagerduty(pagerduty.url)) as running:
        put(store, running, opened(), changed(), changed(), changed())
        await pagerduty.until_requests(1)
        put(store, running, closed())
        await store.flushed(10.0)
        pagerduty.mood = None
        await drained(store)
    assert [event["event_action"] for event in pagerduty.events] == ["trigger", "resolve"]
    assert [reason for _, _, reason in await fates(url)] == [None, *[SUPERSEDED] * 3, None]


async def test_what_was_undelivered_is_delivered_after_a_restart(
    url: str, pagerduty: PagerDuty
) -> None:
    pagerduty.mood = Answer(503)
    store = await Store.open(url)
    async with notifier(store, to_pagerduty(pagerduty.url)) as running:
        put(store, running, opened(), closed())
        await pagerduty.until_requests(1)
    await store.close()
    pagerduty.mood = None
    store = await Store.open(url)
    async with notifier(store, to_pagerduty(pagerduty.url)):
        await drained(store)
    await store.close()
    assert [event["event_action"] for event in pagerduty.events] == ["trigger", "resolve"]


async def test_a_page_whose_commit_ends_after_the_close_goes_out_after_the_next_start(
    url: str, pagerduty: PagerDuty
) -> None:
    store = await Store.open(url)
    with locked(url):
        async with notifier(store, to_pagerduty(pagerduty.url)) as running:
            put(store, running, opened())
    # Sessions are closed by now, and the store is not.
    assert await store.flushed(10.0)
    await store.close()
    assert await fates(url) == [(1, "pd", None)]
    assert pagerduty.requests == 0
    store = await Store.open(url)
    async with notifier(store, to_pagerduty(pagerduty.url)):
        await drained(store)
    await store.close()
    assert [event["event_action"] for event in pagerduty.events] == ["trigger"]


async def test_410_ends_a_webhook(store: Store, url: str, hook: Hook) -> None:
    hook.status = 410
    async with notifier(store, to_webhook(hook.url)) as running:
        put(store, running, opened(1), opened(2, "logs"))
        await drained(store)
        put(store, running, opened(3, "metrics"))
        await drained(store)
        (view,) = running.view()
        assert view.gone
        assert view.dead == 3
    assert 1 <= len(hook.messages) <= 2  # two lanes may have been on their way at once
    assert all("410" in str(reason) for *_, reason in await fates(url))


async def test_what_nobody_could_take_for_a_day_is_given_up(
    store: Store, url: str, pagerduty: PagerDuty
) -> None:
    pagerduty.mood = Answer(503)
    async with notifier(store, to_pagerduty(pagerduty.url)) as running:
        at = clock.wall() - backoff.GIVE_UP_S - 1
        store.put_transitions(running.route([opened(at=at)], at))
        await drained(store)
    ((_, _, reason),) = await fates(url)
    assert reason == "given up after 1 tries"


async def test_a_receiver_that_was_taken_away_leaves_nothing_pending(
    url: str, pagerduty: PagerDuty
) -> None:
    pagerduty.mood = Answer(503)
    store = await Store.open(url)
    async with notifier(store, to_pagerduty(pagerduty.url)) as running:
        put(store, running, opened())
        await pagerduty.until_requests(1)
    async with notifier(store, to_pagerduty(pagerduty.url, name="other")):
        await drained(store)
    await store.close()
    assert [reason for *_, reason in await fates(url)] == ["no such receiver"]


async def test_routes_say_who_hears_of_what(store: Store, pagerduty: PagerDuty, hook: Hook) -> None:
    entries = to_pagerduty(pagerduty.url) + to_webhook(hook.url)
    routes = "routes: [{match: {severity: page}, to: [pd]}, {to: [hook]}]"
    async with notifying(store, entries, paging(routes)) as running:
        ticket = opened(2, "logs")._replace(alert=alert(2, "logs")._replace(severity=Severity.TICKET))
        routed = running.route([opened(), ticket], clock.wall())
        assert [[order.receiver for order in each.orders] for each in routed] == [["pd"], ["hook"]]


class _OutboxReader:
    """A receiver that takes everything and notes what the outbox said when it was told."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.seen: list[list[bool]] = []

    takes_groups = False
    address = ""

    def start(self, standing: Sequence[Transition]) -> None:
        pass

    async def deliver(self, notice: Notice) -> None:
        def marks() -> list[bool]:
            with sqlite3.connect(self._url.removeprefix("sqlite:///")) as file:
                rows = file.execute("SELECT delivered_at FROM outbox ORDER BY transition").fetchall()
            file.close()
            return [delivered_at is not None for (delivered_at,) in rows]

        self.seen.append(await asyncio.to_thread(marks))

    async def close(self) -> None:
        pass


async def test_it_is_committed_what_was_told_before_the_next_is_told(store: Store, url: str) -> None:
    """Otherwise a crash after the resolution would trigger again: a second page for one cause."""
    reader = _OutboxReader(url)
    policy = PagingPolicy({"reader": Traits()})
    outlet = Outlet("reader", reader, lambda person, field: "", Links())
    dispatch = Dispatch(policy, (), (), (), clock.wall())
    running = Notifier(policy, {"reader": outlet}, store, dispatch, ())
    put(store, running, opened(1), closed(1), opened(2))
    await drained(store)
    await running.close()
    assert reader.seen == [[False, False, False], [True, False, False], [True, True, False]]


class _Channel:
    """A receiver that tells several at once; `told` has the numbers of each notice."""

    takes_groups = True
    address = ""

    def __init__(self) -> None:
        self.told: asyncio.Queue[list[int]] = asyncio.Queue()

    def start(self, standing: Sequence[Transition]) -> None:
        pass

    async def deliver(self, notice: Notice) -> None:
        self.told.put_nowait([each.alert.number for each in notice.transitions])

    async def close(self) -> None:
        pass


async def test_a_page_does_not_wait_for_tickets_that_are_grouped_alike(store: Store) -> None:
    """Each route's `wait` is its own, whichever of them was the first to tell of the service."""
    channel = _Channel()
    to = (Target("chat"),)
    routes = (
        Route(Match(severities=(Severity.PAGE,)), to, group=Group(("service",), 0.0)),
        Route(Match(), to, group=Group(("service",), 600.0)),
    )
    policy = PagingPolicy({"chat": Traits(takes_groups=True)}, routes)
    outlet = Outlet("chat", channel, lambda person, field: "", Links())
    dispatch = Dispatch(policy, (), (), (), clock.wall())
    running = Notifier(policy, {"chat": outlet}, store, dispatch, ())
    ticket = opened(1)._replace(alert=alert(1)._replace(severity=Severity.TICKET))
    put(store, running, ticket)
    assert await store.flushed(10.0)
    put(store, running, opened(2))
    assert await within(channel.told.get(), 10.0) == [2]
    await running.close()


class _Swallower:
    """A receiver that waits for its answers as aiosmtplib does."""

    takes_groups = False
    address = ""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[asyncio.Future[Exception | None]] = asyncio.Queue()

    def start(self, standing: Sequence[Transition]) -> None:
        pass

    async def deliver(self, notice: Notice) -> None:
        answer: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self.asked.put_nowait(answer)
        error = await asyncio.wait_for(answer, 20.0)  # noqa: TID251
        if error is not None:
            raise error

    async def close(self) -> None:
        pass


@pytest.mark.parametrize("error", [None, TryLaterError("busy")])
async def test_an_answer_that_comes_with_the_close_is_kept_and_nothing_more_is_told(
    store: Store, error: Exception | None
) -> None:
    receiver = _Swallower()
    policy = PagingPolicy({"mail": Traits()})
    outlet = Outlet("mail", receiver, lambda person, field: "", Links())
    dispatch = Dispatch(policy, (), (), (), clock.wall())
    running = Notifier(policy, {"mail": outlet}, store, dispatch, ())
    put(store, running, opened(1), closed(1))
    answer = await receiver.asked.get()
    answer.set_result(error)
    await within(running.close(), 10.0)
    assert receiver.asked.empty()
    assert await store.flushed(10.0)
    pending = (await store.standing(0.0)).pending
    assert [each.attempts for each in pending] == ([0] if error is None else [1, 0])


async def test_a_fault_in_a_receiver_ends_neither_lane_nor_process(
    store: Store, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(*_: object) -> dict[str, str]:
        raise ZeroDivisionError

    async with notifier(store, to_webhook(hook.url)) as running:
        with monkeypatch.context() as broken:
            broken.setattr(webhook_receiver, "sign", fault)
            put(store, running, opened(1))
            await drained(store)
        put(store, running, opened(2))
        await hook.until(1)
        await drained(store)
    assert json.loads(hook.messages[0].body)["data"]["number"] == 2


def test_two_of_a_kind_need_names() -> None:
    twice = to_pagerduty("https://a.example/", "a") + to_pagerduty("https://b.example/", "b")
    check_names(twice)
    with pytest.raises(SettingError, match="taken"):
        check_names(twice + to_webhook("https://c.example/", "a"))
