"""Restarts of our own parts are no loss of the service's.

The invariant, for every second of every group, whatever is restarted in whatever order and however:
expected is the sum of the fates; nothing is `lost`, `late` or `abandoned`; `failed` is only what was
sent to a receiver of the aggregator's own while that was down; nobody is paged. Seconds that cannot
be judged are `unknown` or `not_attempted`, and they end.
"""

from __future__ import annotations

import itertools
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from coalmine_runtime import clock
from tests.conftest import Authority, Certificate
from tests.e2e.fleet import Fleet
from tests.e2e.site import Site
from tests.servers.mosquitto import Mosquitto

Restart = Callable[[signal.Signals], Awaitable[None]]

PARTS = ("agents", "broker", "aggregator")
ORDERS = list(itertools.permutations(PARTS))
HOW = (signal.SIGKILL, signal.SIGTERM)
CASES = [(order, how) for order in ORDERS for how in HOW]
# Every part is restarted in every position here, one way or the other; `prove` tries all.
QUICK = [
    (("agents", "broker", "aggregator"), signal.SIGKILL),
    (("aggregator", "agents", "broker"), signal.SIGTERM),
]
OWN_RECEIVER = "https"
"""The protocol whose datapoints end in the aggregator itself, with no relay to keep them."""


class Ground:
    """A site whose broker is a Mosquitto that forgets everything when it ends, and its fleet."""

    def __init__(self, site: Site, broker: Mosquitto, fleet: Fleet) -> None:
        self.site = site
        self.broker = broker
        self.fleet = fleet
        self.down: list[tuple[float, float]] = []
        """When the aggregator was away: from its end to its first readiness after."""

    async def restart(self, part: str, how: signal.Signals) -> None:
        """Ends a part and starts it again at once."""
        match part:
            case "agents":
                if how is signal.SIGTERM:
                    await self.fleet.finish()
                else:
                    await self.fleet.kill()
                await self.fleet.start()
            case "broker":
                await self.broker.stop(how)
                await self.broker.start()
            case "aggregator":
                began = clock.wall()
                await self.site.aggregator.stop(how)
                await self.site.aggregator.start()
                await self.site.api.until_ready()
                self.down.append((began, clock.wall()))


@pytest.fixture
async def ground(tmp_path: Path, authority: Authority, loopback: Certificate) -> AsyncIterator[Ground]:
    broker = Mosquitto(tmp_path / "broker")
    await broker.start()
    section = {"url": f"mqtt://127.0.0.1:{broker.port}"}
    async with Site(tmp_path, authority, loopback, broker=section) as site:
        await site.api.until_ready()
        fleet = Fleet(tmp_path / "agents", broker=section, endpoints=site.endpoints)
        try:
            await fleet.start()
            await site.api.until_whole(fleet.expected)
            yield Ground(site, broker, fleet)
        finally:
            await fleet.kill()
            await broker.stop()


def label(case: tuple[tuple[str, ...], signal.Signals]) -> str:
    return "-".join((*case[0], case[1].name))


@pytest.mark.parametrize("case", QUICK, ids=label)
async def test_restarts_invent_no_loss(
    ground: Ground, case: tuple[tuple[str, ...], signal.Signals]
) -> None:
    await restart_and_settle(ground, *case)


@pytest.mark.prove
@pytest.mark.parametrize("case", [case for case in CASES if case not in QUICK], ids=label)
async def test_restarts_invent_no_loss_in_any_order(
    ground: Ground, case: tuple[tuple[str, ...], signal.Signals]
) -> None:
    await restart_and_settle(ground, *case)


@pytest.mark.prove
@pytest.mark.timeout(300)
async def test_all_at_once_and_again(ground: Ground) -> None:
    """A power cut: everything of ours goes at the same moment, twice."""
    for _ in range(2):
        began = clock.wall()
        await ground.fleet.kill()
        await ground.broker.kill()
        await ground.site.aggregator.kill()
        await ground.broker.start()
        await ground.site.aggregator.start()
        await ground.fleet.start()
        await ground.site.api.until_ready()
        ground.down.append((began, clock.wall()))
        await ground.site.api.until_whole(ground.fleet.expected, deadline_s=60)
    await judge(ground, int(ground.down[0][0]) - 5)


async def restart_and_settle(ground: Ground, order: tuple[str, ...], how: signal.Signals) -> None:
    """Restarts the parts one right after the other, and judges every second from before to after."""
    first = await ground.site.api.settled() + 1
    for part in order:
        await ground.restart(part, how)
    # Whole again, in all protocols, for some seconds; reports from the spool revise what is past.
    await ground.site.api.until_whole(ground.fleet.expected, slots=5, deadline_s=60)
    await judge(ground, first)


async def judge(ground: Ground, first: int) -> None:
    """The invariant above, from slot `first` on."""
    api, fleet = ground.site.api, ground.fleet
    rates = await api.rates("protocol", first=first)
    assert rates.keys() == fleet.expected.keys()
    last = await api.settled()
    for protocol, rows in rates.items():
        slots = [row.slot for row in rows]
        assert slots == list(range(first, slots[-1] + 1)), protocol
        assert slots[-1] >= last - 1
        for row in rows:
            where = f"{protocol} {row}\naway {ground.down}\n" + "\n".join(map(str, rows))
            assert row.expected == sum(row.fates.values()), where
            assert row.expected == fleet.expected[protocol], where
            assert row.fates["lost"] == row.fates["late"] == row.fates["abandoned"] == 0, where
            if protocol == OWN_RECEIVER and any(
                began - 1 <= row.slot <= ended + 1 for began, ended in ground.down
            ):
                continue
            assert row.fates["failed"] == 0, where
    assert (await api.fates(**{"by": "host,protocol", "from": str(first)}))["balanced"]
    alerts = await api.alerts()
    assert alerts["open"] == alerts["recent"] == []
    assert [agent["status"] for agent in await api.agents()] == ["alive"] * len(fleet.agents)
