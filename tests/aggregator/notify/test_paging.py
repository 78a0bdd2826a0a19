"""Routes, holds and escalations from the dispatch to receivers, over restarts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from coalmine_aggregator.model.alerts import AlertClass, Change, Severity, Transition
from coalmine_aggregator.model.progress import Counting, Progress
from coalmine_aggregator.notify import backoff, lane
from coalmine_aggregator.notify.lane import ANSWERED, SUPERSEDED
from coalmine_aggregator.notify.links import Links
from coalmine_aggregator.notify.notice import Notice
from coalmine_aggregator.notify.notifier import Notifier
from coalmine_aggregator.notify.outlet import Outlet
from coalmine_aggregator.notify.receiver import TryLaterError
from coalmine_aggregator.paging.dispatch import Dispatch
from coalmine_aggregator.paging.escalation import Policy, Step
from coalmine_aggregator.paging.match import Match
from coalmine_aggregator.paging.order import HoldKind
from coalmine_aggregator.paging.person import Person
from coalmine_aggregator.paging.policy import Group, PagingPolicy, Route, Traits
from coalmine_aggregator.paging.silence import Silence, SilenceKind
from coalmine_aggregator.paging.target import Target
from coalmine_aggregator.store.store import Store
from coalmine_runtime import clock
from tests.aggregator.notify.test_notifier import drained, fates
from tests.aggregator.store.samples import closed, opened

LINKS = Links("https://coalmine.example")
CALLS = Policy((Step(600.0, (Target("sms", "anna"),), 300.0, 3),))
POLICY = PagingPolicy(
    {"chat": Traits(takes_groups=True), "pd": Traits(), "sms": Traits(address="phone")},
    (
        Route(Match(("logs", "metrics")), (Target("chat"),), group=Group(("severity",), 0.05)),
        Route(to=(Target("pd"),), escalation="calls"),
    ),
    {"calls": CALLS},
    people={"anna": Person(phone="+353861234567")},
)


class Told:
    """A receiver that takes notices, or fails as it is told."""

    def __init__(self, traits: Traits) -> None:
        self.takes_groups = traits.takes_groups
        self.address = traits.address
        self.notices: list[Notice] = []
        self.standing: Sequence[Transition] = ()
        self.dead = False
        self.patience_s: float | None = None
        self.tries: asyncio.Queue[int] = asyncio.Queue()

    def start(self, standing: Sequence[Transition]) -> None:
        self.standing = standing

    async def deliver(self, notice: Notice) -> None:
        self.tries.put_nowait(1)
        if self.dead:
            raise TryLaterError("503")
        if self.patience_s is not None:
            raise TryLaterError("429", self.patience_s)
        self.notices.append(notice)

    async def close(self) -> None:
        pass

    @property
    def changes(self) -> list[Change]:
        return [each.change for notice in self.notices for each in notice.transitions]


class Paged:
    """A notifier on a store, and its receivers by name."""

    def __init__(self, store: Store, notifier: Notifier, receivers: dict[str, Told]) -> None:
        self.store = store
        self.notifier = notifier
        self.chat, self.pd, self.sms = (receivers[name] for name in ("chat", "pd", "sms"))

    def put(self, *transitions: Transition, now: float) -> None:
        dated = [each._replace(at=now) for each in transitions]
        self.store.put_transitions(self.notifier.route(dated, now))


@asynccontextmanager
async def paged(
    url: str, now: float, policy: PagingPolicy = POLICY, *, receivers_dead: bool = False
) -> AsyncIterator[Paged]:
    """A run of the aggregator that begins at `now`."""
    store = await Store.open(url)
    left, past = await store.standing(now - 300.0), await store.paging(now)
    still_open = [each for each in left.standing if each.alert.closed_at is None]
    receivers = {name: Told(traits) for name, traits in POLICY.receivers.items()}
    for receiver in receivers.values():
        receiver.dead = receivers_dead

    def contact(person: str, field: str) -> str:
        return policy.people[person].address(field) if person in policy.people else ""

    notifier = Notifier(
        policy,
        {name: Outlet(name, receiver, contact, LINKS) for name, receiver in receivers.items()},
        store,
        Dispatch(policy, still_open, past.made, past.silences, now),
        still_open,
    )
    notifier._take_over(left)
    try:
        yield Paged(store, notifier, receivers)
    finally:
        await notifier.close()
        await store.close()


def acknowledged(number: int = 1, at: float = 0.0) -> Transition:
    taken = opened(number).alert._replace(acknowledged_at=at, acknowledged_by="anna")
    return Transition(Change.ACKNOWLEDGED, at, taken)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "FIRST_S", 0.01)


@pytest.fixture
def now() -> float:
    return clock.wall()


async def test_nobody_acknowledges_and_somebody_is_called(url: str, now: float) -> None:
    async with paged(url, now) as page:
        page.put(opened(), now=now)
        await drained(page.store)
        page.notifier.due(now + 599.0)
        page.notifier.due(now + 600.0)
        page.notifier.due(now + 601.0)
        await drained(page.store)
        (notice,) = page.sms.notices
        assert (notice.contact, notice.step, notice.repeat) == ("+353861234567", 1, 0)
        assert notice.links.view(notice.transition.alert).startswith("https://coalmine.example/?at=")
    # The next run goes on where this one ended.
    async with paged(url, now + 700.0) as page:
        page.notifier.due(now + 700.0)
        page.notifier.due(now + 900.0)
        await drained(page.store)
        assert [(each.step, each.repeat) for each in page.sms.notices] == [(1, 1)]
        page.put(acknowledged(at=now + 901.0), now=now + 901.0)
        page.notifier.due(now + 1200.0)
        await drained(page.store)
        assert page.pd.changes == page.sms.changes[1:] == [Change.ACKNOWLEDGED]
    async with paged(url, now + 1300.0) as page:
        page.notifier.due(now + 1300.0)
        page.put(closed(), now=now + 1301.0)
        await drained(page.store)
        assert page.pd.changes == page.sms.changes == [Change.CLOSED]


@pytest.mark.parametrize("over", [acknowledged(), closed()], ids=["acknowledged", "closed"])
async def test_a_call_that_waits_is_not_made_once_it_is_answered(
    url: str, now: float, over: Transition
) -> None:
    async with paged(url, now) as page:
        page.sms.dead = True
        page.put(opened(), now=now)
        page.notifier.due(now + 600.0)
        await page.sms.tries.get()
        page.put(over, now=now + 601.0)
        page.sms.dead = False
        await drained(page.store)
        assert page.sms.notices == []  # nor of the end of what was never told
        assert page.pd.changes == [Change.OPENED, over.change]
    assert ANSWERED in [reason for *_, reason in await fates(url)]


async def test_a_call_that_waits_for_a_receiver_s_patience_is_not_made_once_it_is_answered(
    url: str, now: float
) -> None:
    async with paged(url, now) as page:
        page.sms.patience_s = 0.3
        page.put(opened(1, "ingest"), now=now)
        page.put(opened(2, "other"), now=now)
        page.notifier.due(now + 600.0)
        await page.sms.tries.get()  # it asks everybody to wait
        page.sms.patience_s = None
        page.put(acknowledged(1), acknowledged(2), now=now + 601.0)
        await drained(page.store)
        assert page.sms.notices == []


async def test_a_fault_of_grouping_keeps_no_page_back(
    url: str, now: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no group")

    async with paged(url, now) as page:
        monkeypatch.setattr("coalmine_aggregator.notify.notifier.group_of", broken)
        page.put(opened(1, "logs"), opened(2, "ingest"), now=now)
        await drained(page.store)
        assert page.chat.changes == page.pd.changes == [Change.OPENED]


async def test_downtime_of_ours_is_no_delay_of_a_receiver_s(url: str, now: float) -> None:
    async with paged(url, now - 3_600.0) as page:
        page.pd.dead = True
        page.put(opened(), now=now - 3_600.0)
        await page.pd.tries.get()
    async with paged(url, now, receivers_dead=True) as page:
        await page.pd.tries.get()
        assert page.notifier.look(Progress(now + 30.0, int(now), Counting.UNCHECKED)) == []
        (late,) = page.notifier.look(Progress(now + 90.0, int(now), Counting.UNCHECKED))
        assert late.alert_class is AlertClass.UNDELIVERED


async def test_a_call_that_waits_over_a_restart_is_not_made_once_it_is_answered(
    url: str, now: float
) -> None:
    async with paged(url, now) as page:
        page.sms.dead = True
        page.put(opened(), now=now)
        page.notifier.due(now + 600.0)
        await page.sms.tries.get()
        page.put(acknowledged(at=now + 601.0), now=now + 601.0)
    async with paged(url, now + 602.0) as page:
        await drained(page.store)
        assert page.sms.notices == []


async def test_who_was_called_before_a_restart_hears_of_the_end(url: str, now: float) -> None:
    async with paged(url, now) as page:
        page.put(opened(), now=now)
        page.notifier.due(now + 600.0)
        await drained(page.store)
        page.pd.dead = page.sms.dead = True
        page.put(closed()._replace(alert=closed(at=now - 9_000.0).alert), now=now + 601.0)
        await page.sms.tries.get()
        await page.sms.tries.get()
    # However long ago: what has been told is taken back.
    async with paged(url, now + 602.0) as page:
        await drained(page.store)
        assert page.pd.changes == page.sms.changes == [Change.CLOSED]


async def test_of_calls_that_wait_only_the_newest_is_made(url: str, now: float) -> None:
    async with paged(url, now) as page:
        page.sms.dead = True
        page.put(opened(), now=now)
        page.notifier.due(now + 600.0)
        await page.sms.tries.get()
        page.notifier.due(now + 900.0)
        assert await page.store.flushed(10.0)
        page.sms.dead = False
        await drained(page.store)
        assert [each.repeat for each in page.sms.notices] == [1]
    assert SUPERSEDED in [reason for *_, reason in await fates(url)]


async def test_what_belongs_together_is_told_together(
    url: str, now: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane, "MAX_TOLD", 3)
    async with paged(url, now) as page:
        alerts = [opened(1, "logs"), opened(2, "metrics"), opened(3, "logs"), opened(4, "metrics")]
        for each in alerts[:2]:
            page.put(each, now=clock.wall())
        page.put(*alerts[2:], now=clock.wall())
        await drained(page.store)
        numbers = [[each.alert.number for each in notice.transitions] for notice in page.chat.notices]
        assert numbers == [[1, 2, 3], [4]]
        # A receiver in trouble is told of everything at once when it is back.
        page.chat.dead = True
        page.put(closed(1, "logs"), now=clock.wall())
        await page.chat.tries.get()
        page.put(closed(2, "metrics"), now=clock.wall())
        assert await page.store.flushed(10.0)
        page.chat.dead = False
        await drained(page.store)
        assert [each.alert.number for each in page.chat.notices[-1].transitions] == [1, 2]
        assert page.pd.notices == []


async def test_the_end_waits_behind_the_opening_whatever_became_of_its_group(
    url: str, now: float
) -> None:
    async with paged(url, now) as run:
        run.chat.dead = True
        run.put(opened(1, "logs"), now=now)
        await run.chat.tries.get()
        over = closed(1, "logs")
        ticket = over.alert._replace(severity=Severity.TICKET)  # another group, were it new
        run.put(over._replace(alert=ticket), now=now + 1.0)
        await run.store.flushed(10.0)
        assert run.chat.changes == []
        assert len(run.notifier._lanes) == 1
        run.chat.dead = False
        await drained(run.store)
    assert run.chat.changes == [Change.OPENED, Change.CLOSED]


async def test_a_silence_holds_over_a_restart_and_its_end_is_told_once(url: str, now: float) -> None:
    quiet = Silence(
        "s1", SilenceKind.SILENCE, Match(("ingest",)), "anna", "known", now, now + 60.0, now
    )
    async with paged(url, now) as page:
        page.notifier.put_silence(quiet, now)
        page.put(opened(), now=now + 1.0)
        await drained(page.store)
    async with paged(url, now + 10.0) as page:
        page.notifier.due(now + 11.0)
        (hold,) = page.notifier.holds(now + 11.0).values()
        assert (hold.kind, hold.by, hold.who) == (HoldKind.SILENCE, "s1", "anna")
        await drained(page.store)
        assert page.pd.notices == []
        ended = page.notifier.end_silence("s1", "ben", now + 20.0)
        assert (ended.ended_at, ended.ended_by) == (now + 20.0, "ben")
        page.notifier.due(now + 21.0)
        page.notifier.due(now + 22.0)
        await drained(page.store)
        assert page.pd.changes == [Change.OPENED]
        with pytest.raises(KeyError):
            page.notifier.end_silence("s1", "ben", now + 23.0)
    async with paged(url, now + 30.0) as page:
        page.notifier.due(now + 31.0)
        assert page.notifier.silences(now + 31.0) == []
        await drained(page.store)
        assert page.pd.notices == []
        assert [each.alert.number for each in page.pd.standing] == [1]
        assert page.sms.standing == []


async def test_who_was_taken_out_of_the_configuration_is_not_told(url: str, now: float) -> None:
    async with paged(url, now) as page:
        page.sms.dead = True
        page.put(opened(), now=now)
        page.notifier.due(now + 600.0)
        await page.sms.tries.get()
    gone = POLICY._replace(people={}, escalations={}, routes=(Route(to=(Target("pd"),)),))
    async with paged(url, now + 610.0, gone) as page:
        await drained(page.store)
        assert page.sms.notices == []
    assert "anna has no phone" in [reason for *_, reason in await fates(url)]


async def test_idle_ways_to_receivers_are_forgotten(
    url: str, now: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coalmine_aggregator.notify.notifier.MAX_IDLE", 3)
    async with paged(url, now) as page:
        for number in range(1, 8):
            page.put(opened(number, f"s{number}"), now=now)
            assert await page.store.flushed(10.0)
            await drained(page.store)
        assert len(page.notifier._lanes) <= 4
