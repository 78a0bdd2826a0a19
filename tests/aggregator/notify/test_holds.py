"""Silences, maintenance, hours and groups, from the settings as people write them to PagerDuty and a
chat: nobody is told while something holds, all are told once it ends, once."""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

import pytest

from coalmine_aggregator.model.alerts import Severity, Transition
from coalmine_aggregator.notify.notifier import Notifier
from coalmine_aggregator.paging.match import Match
from coalmine_aggregator.paging.order import HoldKind
from coalmine_aggregator.paging.silence import Silence, SilenceKind
from coalmine_aggregator.store.store import Store
from coalmine_runtime import clock
from tests.aggregator.notify.receivers import notifying, paging, receivers
from tests.aggregator.notify.receivers import pagerduty as to_pagerduty
from tests.aggregator.notify.test_notifier import drained
from tests.aggregator.store.samples import alert, closed, opened
from tests.servers.chat import MATTERMOST_HOOK, ChatServer
from tests.servers.pagerduty import PagerDuty

DUBLIN = ZoneInfo("Europe/Dublin")


@pytest.fixture
def now() -> float:
    """A time for transitions: what is a day old is given up."""
    return clock.wall()


async def put(store: Store, running: Notifier, transition: Transition, at: float) -> None:
    store.put_transitions(running.route([transition._replace(at=at)], at))
    await drained(store)


async def due(store: Store, running: Notifier, at: float) -> None:
    running.due(at)
    await drained(store)


def actions(pagerduty: PagerDuty) -> list[str]:
    return [event["event_action"] for event in pagerduty.events]


@pytest.mark.parametrize("kind", SilenceKind)
async def test_nobody_is_told_during_a_silence_or_maintenance_and_all_are_after_it(
    store: Store, pagerduty: PagerDuty, now: float, kind: SilenceKind
) -> None:
    begins = now + (30.0 if kind is SilenceKind.MAINTENANCE else 0.0)
    quiet = Silence("s1", kind, Match(("ingest",)), "anna", "new disks", begins, begins + 60.0, now)
    async with notifying(store, to_pagerduty(pagerduty.url)) as running:
        running.put_silence(quiet, now)
        await put(store, running, opened(1), begins + 1.0)
        await put(store, running, opened(2, "logs"), begins + 2.0)
        (hold,) = running.holds(begins + 3.0).values()
        assert (hold.kind, hold.who, hold.why, hold.until) == (
            HoldKind(kind.value),
            "anna",
            "new disks",
            begins + 60.0,
        )
        await due(store, running, begins + 59.0)
        assert [each.dedup_key for each in pagerduty.incidents] == ["prod/logs/loss/1"]
        for at in (60.0, 61.0, 62.0):
            await due(store, running, begins + at)
        assert actions(pagerduty) == ["trigger", "trigger"]
        await put(store, running, closed(1), begins + 70.0)
        assert [each.resolved for each in pagerduty.incidents] == [False, True]


async def test_what_is_over_before_its_silence_ends_is_never_told(
    store: Store, pagerduty: PagerDuty, now: float
) -> None:
    quiet = Silence(
        "s1", SilenceKind.SILENCE, Match(("ingest",)), "anna", "known", now, now + 60.0, now
    )
    async with notifying(store, to_pagerduty(pagerduty.url)) as running:
        running.put_silence(quiet, now)
        await put(store, running, opened(1), now + 1.0)
        await put(store, running, closed(1), now + 30.0)
        await due(store, running, now + 61.0)
        assert pagerduty.events == []


async def test_tickets_wait_for_hours_and_pages_do_not(
    store: Store, pagerduty: PagerDuty, now: float
) -> None:
    """It is night: the office opens in two hours, by Dublin's clocks."""
    opens = datetime.datetime.fromtimestamp(now, DUBLIN).replace(second=0, microsecond=0)
    opens += datetime.timedelta(hours=2)
    shuts = opens + datetime.timedelta(hours=8)
    office = f"{{from: '{opens:%H:%M}', until: '{shuts:%H:%M}', zone: Europe/Dublin}}"
    settings = paging(
        f"routes: [{{match: {{severity: page}}, to: [pd]}}, {{to: [pd], hours: {office}}}]"
    )
    ticket = opened(2, "logs")._replace(alert=alert(2, "logs")._replace(severity=Severity.TICKET))
    async with notifying(store, to_pagerduty(pagerduty.url), settings) as running:
        await put(store, running, opened(1), now)
        await put(store, running, ticket, now)
        (hold,) = running.holds(now).values()
        assert (hold.kind, hold.until) == (HoldKind.HOURS, opens.timestamp())
        await due(store, running, opens.timestamp() - 1.0)
        assert [each.dedup_key for each in pagerduty.incidents] == ["prod/ingest/loss/1"]
        await due(store, running, opens.timestamp())
        await due(store, running, opens.timestamp() + 1.0)
        assert [len(each.triggers) for each in pagerduty.incidents] == [1, 1]
        assert pagerduty.incidents[1].triggers[0]["payload"]["severity"] == "warning"


async def test_what_opens_within_a_moment_is_one_message_in_a_chat(store: Store) -> None:
    async with ChatServer() as chats:
        entries = receivers(
            f"  - {{name: ops, chat: {{url: 'mmost://127.0.0.1:{chats.port}/{MATTERMOST_HOOK}'}}}}"
        )
        settings = paging("routes: [{to: [ops], group: {by: [severity], wait: 1s}}]")
        async with notifying(store, entries, settings) as running:
            began = clock.wall()
            for number, service in enumerate(("ingest", "logs", "metrics"), start=1):
                at = clock.wall()
                store.put_transitions(running.route([opened(number, service)._replace(at=at)], at))
            await drained(store)
            took = clock.wall() - began
        (shown,) = chats.shown
        assert all(service in shown.text for service in ("ingest", "logs", "metrics"))
        assert 1.0 <= took < 4.0
