"""The measuring path when this process stands still: what it could not see in time is no loss."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest

from coalmine_aggregator.engine import Engine
from coalmine_aggregator.measuring import STALL_S, TICK_S, Measuring
from coalmine_aggregator.model.receipts import Receipts
from coalmine_aggregator.receivers.receivers import Receivers
from coalmine_aggregator.receivers.table import SeriesTable
from coalmine_aggregator.store.store import Store
from coalmine_runtime import clock
from tests.aggregator.fleet import Canary, T

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


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    hands = Hands()
    monkeypatch.setattr(clock, "wall", lambda: hands.wall)
    monkeypatch.setattr(clock, "monotonic", lambda: hands.monotonic)
    return hands


@pytest.fixture
async def measuring(hands: Hands, tmp_path: Path) -> AsyncIterator[Measuring]:
    store = await Store.open(f"sqlite:///{tmp_path / 'history.db'}")
    engine = Engine(fleet="test", policies={}, sources=["tcp"], now=hands.wall)
    yield Measuring(engine, SeriesTable(bytes(16)), store, lambda transitions: [])
    await store.close()


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
