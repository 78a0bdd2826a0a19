"""The measuring path when this process stands still: what it could not see in time is no loss."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from coalmine_aggregator.engine import Engine
from coalmine_aggregator.measuring import STALL_S, TICK_S, Measuring
from coalmine_aggregator.model.alerts import AlertClass, Change, Severity, Transition
from coalmine_aggregator.model.findings import Finding
from coalmine_aggregator.model.policy import ServicePolicy
from coalmine_aggregator.model.progress import Progress
from coalmine_aggregator.model.receipts import Receipts
from coalmine_aggregator.model.remediation_policy import RemediationPolicy
from coalmine_aggregator.model.restored import Restored
from coalmine_aggregator.model.withdrawal import Mode
from coalmine_aggregator.paging.order import Order, Recipients
from coalmine_aggregator.receivers.receivers import Receivers
from coalmine_aggregator.receivers.table import SeriesTable
from coalmine_aggregator.remediate.turn import Controls, Turn
from coalmine_aggregator.store.pending import Delivery
from coalmine_aggregator.store.store import Store
from coalmine_runtime import clock
from coalmine_wire.series import Location
from tests.aggregator.fleet import Canary, T
from tests.aggregator.store.samples import alert, closed

CANARY = Canary(first_slot=T + 1)


class Hands:
    """Both clocks, moved by the test."""

    def __init__(self) -> None:
        self.wall = float(T)
        self.monotonic = 1000.0

    def move(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds


class StallingReceivers(Receivers):
    """Receivers whose look at the sockets does what the test says, once."""

    def __init__(self) -> None:
        self.each = []
        self.next: Callable[[], None] = lambda: None

    async def drain(self, timeout_s: float = 0.5) -> bool:
        act, self.next = self.next, lambda: None
        act()
        return True


class Nobody:
    """A pager that tells nobody and notes what it was asked."""

    def __init__(self) -> None:
        self.routed: list[Transition] = []
        self.asked: list[float] = []
        self.is_broken = False

    def route(self, transitions: Sequence[Transition], now: float) -> list[Recipients]:
        if self.is_broken:
            raise ZeroDivisionError
        self.routed += transitions
        return [Recipients(transition, ()) for transition in transitions]

    def everybody(self, transitions: Sequence[Transition]) -> list[Recipients]:
        return [Recipients(each, (Order(each, "anybody"),)) for each in transitions]

    def due(self, now: float) -> None:
        self.asked.append(now)
        if self.is_broken:
            raise ZeroDivisionError

    def look(self, progress: Progress) -> list[Finding]:
        if self.is_broken:
            raise ZeroDivisionError
        return []


@pytest.fixture
def pager() -> Nobody:
    return Nobody()


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    hands = Hands()
    monkeypatch.setattr(clock, "wall", lambda: hands.wall)
    monkeypatch.setattr(clock, "monotonic", lambda: hands.monotonic)
    return hands


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(f"sqlite:///{tmp_path / 'history.db'}")
    yield store
    await store.close()


@pytest.fixture
def measuring(hands: Hands, store: Store, pager: Nobody) -> Measuring:
    past = Restored(open_alerts=(alert(7),), closed_alerts=(closed(6).alert,), next_number=8)
    engine = Engine(fleet="test", policies={}, sources=["tcp"], restored=past, now=hands.wall)
    return Measuring(engine, SeriesTable(bytes(16)), store, pager)


async def walk(measuring: Measuring, receivers: Receivers, hands: Hands, until: float) -> None:
    while hands.wall < until:
        hands.move(TICK_S)
        await measuring.tick(receivers)


def receive(measuring: Measuring, slot: int, arrived: float) -> None:
    series = np.arange(len(CANARY.protocols), dtype=np.int32)
    measuring.receive(Receipts(0, arrived, series, np.full(len(series), slot, dtype=np.int64)))


def fates(measuring: Measuring) -> dict[int, list[int]]:
    (group,) = measuring.engine.rates((), {}, T, T + 60)
    return dict(zip(group.slots, group.fates, strict=True))


DELIVERED, UNKNOWN = [3, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 3]


@pytest.mark.parametrize("where", ["between", "looking"])
async def test_what_was_read_only_after_a_stall_is_unknown_and_not_late(
    measuring: Measuring, hands: Hands, where: str
) -> None:
    """Wherever the process was stopped: receipts waited in the sockets meanwhile."""
    receivers = StallingReceivers()
    measuring.birth(CANARY.birth(), hands.wall)
    for slot in (T + 1, T + 2, T + 3):
        await walk(measuring, receivers, hands, slot + 0.3)
        if slot == T + 1:
            receive(measuring, slot, slot + 0.3)
        measuring.report(CANARY.report([slot], sent_at=hands.wall), hands.wall)
    await walk(measuring, receivers, hands, T + 4.3)

    def stopped() -> None:
        hands.move(6)
        receive(measuring, T + 2, hands.wall)
        receive(measuring, T + 3, hands.wall)

    if where == "looking":
        receivers.next = stopped
    else:
        stopped()
    await walk(measuring, receivers, hands, T + 12)

    assert fates(measuring)[T + 1] == DELIVERED
    assert fates(measuring)[T + 2] == fates(measuring)[T + 3] == UNKNOWN


async def test_a_short_delay_is_no_stall(measuring: Measuring, hands: Hands) -> None:
    receivers = StallingReceivers()
    measuring.birth(CANARY.birth(), hands.wall)
    for slot in range(T + 1, T + 8):
        await walk(measuring, receivers, hands, slot + 0.3)
        receive(measuring, slot, slot + 0.3)
        measuring.report(CANARY.report([slot], sent_at=hands.wall), hands.wall)
        hands.move(STALL_S * 0.9)
    assert [fates(measuring)[slot] for slot in range(T + 1, T + 5)] == [DELIVERED] * 4


async def test_an_acknowledgement_is_told_and_kept(
    measuring: Measuring, store: Store, pager: Nobody, hands: Hands
) -> None:
    measuring.acknowledge(7, "anna")
    measuring.acknowledge(7, "ben")
    assert [(each.change, each.at) for each in pager.routed] == [(Change.ACKNOWLEDGED, hands.wall)]
    assert await store.flushed(10.0)
    kept = await store.find_alert("7")
    assert kept is not None
    assert (kept.acknowledged_by, kept.acknowledged_at) == ("anna", hands.wall)
    assert [each.change for each in await store.explained(7)] == [Change.ACKNOWLEDGED]
    with pytest.raises(KeyError):
        measuring.acknowledge(8, "anna")


async def test_what_people_say_of_a_closed_alert_is_kept(measuring: Measuring, store: Store) -> None:
    over = closed(6).alert
    measuring.closed.append(over)
    answered = measuring.answer(over, actionable=False)
    assert await store.flushed(10.0)
    assert await store.find_alert("6") == answered == over._replace(actionable=False)
    assert list(measuring.closed) == measuring.engine.closed_alerts() == [answered]


async def test_what_is_due_is_asked_for_once_a_second(
    measuring: Measuring, pager: Nobody, hands: Hands
) -> None:
    await walk(measuring, StallingReceivers(), hands, T + 3.0)
    assert [int(now) for now in pager.asked] == [T, T + 1, T + 2, T + 3]


class Finder:
    """A watcher that always finds something."""

    def look(self, progress: Progress) -> list[Finding]:
        return [Finding(AlertClass.PEER, "_fleet", "b", Severity.TICKET, (), int(progress.now))]


async def test_no_fault_of_paging_or_of_watchers_ends_the_counting(
    hands: Hands, store: Store, pager: Nobody
) -> None:
    past = Restored(open_alerts=(alert(7),), next_number=8)
    engine = Engine(fleet="test", policies={}, sources=["udp"], restored=past, now=T - 1.0)
    told: list[Delivery] = []
    store.on_deliveries = told.extend
    measuring = Measuring(engine, SeriesTable(bytes(16)), store, pager, [pager, Finder()])
    pager.is_broken = True
    measuring.acknowledge(7, "anna")
    await walk(measuring, StallingReceivers(), hands, T + 9.0)
    assert await store.flushed(10.0)
    assert engine.first_unsettled > T
    assert [(each.receiver, each.transition.alert.number, each.transition.change) for each in told] == [
        ("anybody", 7, Change.ACKNOWLEDGED),
        ("anybody", 7, Change.CLOSED),
        ("anybody", 8, Change.OPENED),
    ]


class Decider:
    """Notes what was decided; it may break where it is asked, and where it is told."""

    def __init__(self) -> None:
        self.modes: list[Mode] = []
        self.is_broken = False

    def controls(self) -> Controls:
        if self.is_broken:
            raise ZeroDivisionError
        return Controls()

    def take(self, turn: Turn, now: float) -> None:
        self.modes += [wanted.mode for wanted in turn.wanted.values()]
        if self.is_broken:
            raise ZeroDivisionError


async def test_where_nobody_can_say_what_people_want_nobody_is_withdrawn(
    hands: Hands, store: Store, pager: Nobody
) -> None:
    policies = {"ingest": ServicePolicy("ingest", 0.001)}
    rules = {"ingest": RemediationPolicy(dry_run=False)}
    engine = Engine(fleet="test", policies=policies, sources=["tcp"], remediation=rules, now=hands.wall)
    measuring, receivers = Measuring(engine, SeriesTable(bytes(16)), store, pager), StallingReceivers()
    decider = measuring.decider = Decider()
    node = Canary(location=Location.ON_MACHINE, first_slot=T + 1)
    measuring.birth(node.birth(), hands.wall)
    await walk(measuring, receivers, hands, T + 8.0)
    assert set(decider.modes) == {Mode.ACTING}
    decider.modes, decider.is_broken = [], True
    await walk(measuring, receivers, hands, T + 12.0)
    assert set(decider.modes) == {Mode.STANDBY}
    assert engine.first_unsettled > T + 8
