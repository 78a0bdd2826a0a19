"""Two aggregators that watch each other, a real broker, one PagerDuty: each cause is one incident,
whoever of them dies when."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.e2e.fleet import SERVICE, Aggregator
from tests.e2e.wired_fleet import REGIONS, WiredFleet
from tests.servers.mosquitto import Mosquitto
from tests.servers.pagerduty import ROUTING_KEY, Incident, PagerDuty
from tests.servers.ports import free_port
from tests.servers.waiting import until

FLEET = "prod"
KEY = f"{FLEET}/{SERVICE}/loss/1"


class Pair:
    """Both, their fleet, and whom they tell. Use `paired`."""

    def __init__(self, folder: Path, broker: Mosquitto, pagerduty: PagerDuty) -> None:
        self.pagerduty = pagerduty
        self.broker = broker
        self.dice = random.Random()
        ports = [free_port(), free_port()]
        self.both = [
            Aggregator(
                folder / name,
                fleet=FLEET,
                receive={"tcp": f"127.0.0.1:{port}"},
                broker={"url": f"mqtt://127.0.0.1:{broker.port}"},
                notify=[
                    {"name": "pd", "pagerduty": {"routing_key": ROUTING_KEY, "url": pagerduty.url}}
                ],
            )
            for name, port in zip("ab", ports, strict=True)
        ]
        for aggregator, name, peer in zip(self.both, "ab", "ba", strict=True):
            aggregator.settings["pair"] = {"name": name, "peer": peer}
            aggregator.write()
        self.fleet = WiredFleet(FLEET, broker_port=broker.port, tcp_ports=ports)

    def incidents(self, what: str = "loss") -> list[Incident]:
        """Those of a class."""
        return [each for each in self.pagerduty.incidents if f"/{what}/" in each.dedup_key]

    def told(self, number: int) -> int:
        """Notices that one of them told."""
        return self.both[number].text().count(" notify.delivered ")

    async def until_incident(self, *, resolved: bool, count: int = 1, deadline_s: float = 40.0) -> None:
        """Waits for the newest incident of loss."""

        async def seen() -> bool:
            found = self.incidents()
            return len(found) >= count and found[-1].resolved is resolved

        what = f"incident {count} is {'resolved' if resolved else 'open'}"
        await until(seen, deadline_s=deadline_s, what=what, explain=self.tail)

    def tail(self) -> str:
        return "\n".join(aggregator.tail() for aggregator in self.both)


@asynccontextmanager
async def paired(folder: Path) -> AsyncIterator[Pair]:
    """They run, and have heard of each other."""
    broker = Mosquitto(folder / "broker")
    await broker.start()
    async with PagerDuty() as pagerduty:
        pair = Pair(folder, broker, pagerduty)
        try:
            for aggregator in pair.both:
                await aggregator.start()
            async with pair.fleet, pair.both[0].api, pair.both[1].api:
                for aggregator in pair.both:
                    await aggregator.api.until_whole({"tcp": 6})
                yield pair
        finally:
            for aggregator in pair.both:
                if aggregator.running:
                    await aggregator.kill()
            await broker.stop()


async def test_the_first_tells_and_the_second_goes_on_when_it_dies(tmp_path: Path) -> None:
    async with paired(tmp_path) as pair:
        pair.fleet.broken = {REGIONS[0]}
        await pair.until_incident(resolved=False)
        for aggregator in pair.both:

            async def opened(aggregator: Aggregator = aggregator) -> bool:
                return len((await aggregator.api.alerts())["open"]) == 1

            await until(opened, deadline_s=20, what="both see it", explain=pair.tail)
        await asyncio.sleep(11)  # longer than the second waits
        assert (pair.told(0), pair.told(1)) == (1, 0)
        await pair.both[0].kill()
        pair.fleet.broken = set()
        await pair.until_incident(resolved=True)
        assert pair.told(1) == 1
        assert [each.dedup_key for each in pair.incidents()] == [KEY]


async def test_the_second_tells_what_the_first_is_not_there_to_tell(tmp_path: Path) -> None:
    async with paired(tmp_path) as pair:
        await pair.both[0].kill()
        pair.fleet.broken = {REGIONS[0]}
        await pair.until_incident(resolved=False, deadline_s=20)
        await pair.both[0].start()  # it finds the same, under the same key, and says no more
        await pair.both[0].api.until_ready()
        pair.fleet.broken = set()
        await pair.until_incident(resolved=True)
        assert [each.dedup_key for each in pair.incidents()] == [KEY]


@pytest.mark.prove
@pytest.mark.timeout(600)
async def test_either_dies_at_any_moment(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    async with paired(tmp_path) as pair:
        pair.pagerduty.lag_s = lambda: dice.choice([0.0, 0.02, 0.2])
        for count in range(1, 6):
            pair.fleet.broken = {REGIONS[0]}
            victim = pair.both[dice.randrange(2)]
            await asyncio.sleep(dice.uniform(3.0, 9.0))
            await victim.kill()
            await asyncio.sleep(dice.uniform(0.0, 3.0))
            await victim.start()
            await pair.until_incident(resolved=False, count=count)
            await asyncio.sleep(dice.uniform(0.0, 5.0))
            pair.fleet.broken = set()
            victim = pair.both[dice.randrange(2)]
            await asyncio.sleep(dice.uniform(0.0, 8.0))
            await victim.kill()
            await victim.start()
            await pair.until_incident(resolved=True, count=count, deadline_s=90)
            for aggregator in pair.both:

                async def over(aggregator: Aggregator = aggregator) -> bool:
                    return not (await aggregator.api.alerts())["open"]

                await until(over, deadline_s=60, what="both see it end", explain=pair.tail)
            assert len(pair.incidents()) == count
        assert pair.pagerduty.refusals == []
