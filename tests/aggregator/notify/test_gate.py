"""What waits for the other aggregator of a pair, and what becomes of it when that dies or ends it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from coalmine_aggregator.model.alerts import Transition
from coalmine_aggregator.model.findings import Finding
from coalmine_aggregator.model.progress import Counting, Progress
from coalmine_aggregator.notify.backoff import GIVE_UP_S
from coalmine_aggregator.notify.notifier import Notifier
from coalmine_aggregator.notify.settings import NotifySettings
from coalmine_aggregator.paging_settings import PagingSettings
from coalmine_aggregator.pair.pair import Pair
from coalmine_aggregator.pair.word import Life, Open, Over, Word, open_of
from coalmine_aggregator.store.store import Store
from coalmine_runtime import clock
from tests.aggregator.notify.receivers import pagerduty as to_pagerduty
from tests.aggregator.notify.receivers import receivers
from tests.aggregator.store.samples import closed, just_now, opened
from tests.servers.alertmanager import Alertmanager
from tests.servers.pagerduty import Answer, PagerDuty
from tests.servers.waiting import until


class Second:
    """The notifier of b, which gives way to a, and what it hears of that one."""

    def __init__(self, store: Store, running: Notifier, pair: Pair) -> None:
        self.store = store
        self.running = running
        self.pair = pair

    def put(self, transition: Transition, made_at: float | None = None) -> None:
        at = clock.wall() if made_at is None else made_at
        routed = self.running.route([transition._replace(at=at)], at)
        self.store.put_transitions(routed)

    def overdue(self) -> list[Finding]:
        now = clock.wall()
        return self.running.look(Progress(now, int(now) - 5, Counting.UNCHECKED))

    async def until_failed(self) -> None:
        async def failed() -> bool:
            return self.running.view()[0].failed > 0 or self.running.view()[0].dead > 0

        await until(failed, deadline_s=10.0, what="a try failed")

    def hear(self, opened: Sequence[Open], over: Sequence[Over] = ()) -> None:
        now = clock.wall()
        self.pair.hear(Word("a", Life.RUNNING, now, int(now) - 5, open=[*opened], over=[*over]), now)

    def hear_that_it_died(self) -> None:
        self.pair.hear(Word("a", Life.LOST), clock.wall())

    async def hold(self, begun: Transition, receiver: str) -> None:
        """It opens here too, and waits at the gate, for a has told it."""
        self.hear([told(begun, receiver)])
        self.put(begun)
        await self.until_held()

    async def until_held(self) -> None:
        async def held() -> bool:
            return self.running.at_gate() == 1

        await until(held, deadline_s=10.0, what="it waits")

    async def settled(self) -> None:
        async def empty() -> bool:
            return await self.store.flushed() and not (await self.store.standing(0.0)).pending

        await until(empty, deadline_s=10.0, what="the outbox is empty")


@asynccontextmanager
async def second(
    url: str, entries: list[NotifySettings], heard: Sequence[Open] = ()
) -> AsyncIterator[Second]:
    """A run of b, which has `heard` that a has these alerts open; leaving ends it."""
    policy, pair = PagingSettings().policy(entries), Pair("b", "a", clock.wall() - 60.0)
    if heard:
        now = clock.wall()
        pair.hear(Word("a", Life.RUNNING, now, int(now) - 5, open=[*heard]), now)
    store = await Store.open(url)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        running = await Notifier.open(entries, policy, store, session, pair=pair)
        try:
            yield Second(store, running, pair)
        finally:
            await running.close()
            await store.close()


@pytest.fixture
async def alertmanager(tmp_path: Path) -> AsyncIterator[Alertmanager]:
    server = Alertmanager(tmp_path / "am")
    await server.start()
    yield server
    await server.stop()


def to_alertmanager(server: Alertmanager) -> list[NotifySettings]:
    return receivers(f"  - alertmanager: {{urls: ['{server.url}'], resend: 1s}}")


def told(begun: Transition, receiver: str) -> Open:
    """As a says that it has told this receiver of an alert."""
    return open_of(begun.alert, [(receiver, "", 0, 0)])


async def test_who_outlived_the_other_tells_the_end_after_a_restart_too(
    url: str, pagerduty: PagerDuty
) -> None:
    async with second(url, to_pagerduty(pagerduty.url)) as b:
        await b.hold(just_now(opened()), "pd")
        b.hear_that_it_died()
        await b.settled()
    assert pagerduty.requests == 0
    async with second(url, to_pagerduty(pagerduty.url)) as b:
        b.put(just_now(closed()))
        await b.settled()
    assert [event["event_action"] for event in pagerduty.events] == ["resolve"]


async def test_who_outlives_the_other_goes_on_telling_an_alertmanager(
    url: str, alertmanager: Alertmanager
) -> None:
    async with second(url, to_alertmanager(alertmanager)) as b:
        await b.hold(just_now(opened()), "alertmanager")
        b.hear_that_it_died()
        await alertmanager.until_firing()
        b.put(just_now(closed()))
        await alertmanager.until_quiet()


async def test_what_the_other_ended_is_fired_at_an_alertmanager_no_more(
    url: str, alertmanager: Alertmanager
) -> None:
    begun = just_now(opened())
    async with second(url, to_alertmanager(alertmanager)) as b:
        await b.hold(begun, "alertmanager")
    heard = [told(begun, "alertmanager")]
    async with second(url, to_alertmanager(alertmanager), heard) as b:
        await b.until_held()
        await alertmanager.until_firing()  # a start goes on with what is open, whoever told it
        over, alert = just_now(closed()), begun.alert
        key = (alert.service, alert.alert_class, alert.ordinal)
        b.hear([], [Over(*key, alert.since, over.at, [("alertmanager", "")])])
        b.put(over)
        await b.settled()
        await alertmanager.until_quiet()


async def test_what_waited_for_the_other_is_neither_overdue_nor_given_up_at_once(
    url: str, pagerduty: PagerDuty
) -> None:
    """It was for the other to tell; from when that is over it has as long as anything else."""
    pagerduty.mood = Answer(503)
    begun = just_now(opened())
    async with second(url, to_pagerduty(pagerduty.url)) as b:
        b.hear([told(begun, "pd")])
        b.put(begun, made_at=clock.wall() - GIVE_UP_S - 60.0)
        await b.until_held()
        b.hear([])
        await pagerduty.until_requests(1)
        await b.until_failed()
        assert b.overdue() == []
        pagerduty.mood = None
        await pagerduty.until_events(1)
        await b.settled()
