"""One cause is one incident: over restarts, over changes of its scope, and on two aggregators of a
fleet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from coalmine_aggregator.demo.ports import free_port
from tests.e2e.fleet import SERVICE, Aggregator
from tests.e2e.wired_fleet import REGIONS, WiredFleet
from tests.servers.mosquitto import Mosquitto
from tests.servers.pagerduty import ROUTING_KEY, PagerDuty
from tests.servers.waiting import until

FLEET = "prod"
KEY = f"{FLEET}/{SERVICE}/loss/1"


@pytest.mark.prove
async def test_two_aggregators_name_a_cause_alike_whatever_its_scope_and_their_lives(
    tmp_path: Path,
) -> None:
    broker = Mosquitto(tmp_path / "broker")
    await broker.start()
    ports = [free_port(), free_port()]
    async with PagerDuty() as left, PagerDuty() as right:
        pair = [
            Aggregator(
                tmp_path / f"aggregator{number}",
                fleet=FLEET,
                receive={"tcp": f"127.0.0.1:{port}"},
                broker={"url": f"mqtt://127.0.0.1:{broker.port}"},
                notify=[
                    {"name": f"pd{number}", "pagerduty": {"routing_key": ROUTING_KEY, "url": told.url}}
                    for told in (left, right)[number : number + 1]
                ],
            )
            for number, port in enumerate(ports)
        ]
        try:
            for aggregator in pair:
                await aggregator.start()
            async with WiredFleet(FLEET, broker_port=broker.port, tcp_ports=ports) as fleet:
                async with pair[0].api, pair[1].api:
                    await whole_story(fleet, pair, (left, right))
        finally:
            for aggregator in pair:
                if aggregator.running:
                    await aggregator.kill()
            await broker.stop()


async def whole_story(
    fleet: WiredFleet, pair: list[Aggregator], pagerduties: tuple[PagerDuty, PagerDuty]
) -> None:
    """A region is lost, one aggregator dies and comes back, the other region is lost too, all is
    well."""
    for aggregator in pair:
        await aggregator.api.until_whole({"tcp": 6})
    fleet.broken = {REGIONS[0]}
    for pagerduty in pagerduties:
        await pagerduty.until_events(1, 30)
    await pair[1].kill()
    await pair[1].start()
    narrow = [(await each.api.until_alert(service=SERVICE))["scope"] for each in pair]
    fleet.broken = set(REGIONS)

    async def wider() -> bool:
        scopes = [(await each.api.until_alert(service=SERVICE))["scope"] for each in pair]
        return all(scope != before for scope, before in zip(scopes, narrow, strict=True))

    # The one that has just started may take the silence for its own fault for half a minute.
    await until(wider, deadline_s=60, what="the scope is wider", explain=pair[1].tail)
    fleet.broken = set()
    for aggregator, pagerduty in zip(pair, pagerduties, strict=True):
        await aggregator.api.until_quiet()
        await until(lambda told=pagerduty: over(told), deadline_s=10, what="it is resolved")  # type: ignore[misc]
    for aggregator, pagerduty in zip(pair, pagerduties, strict=True):
        assert {event["dedup_key"] for event in pagerduty.events} == {KEY}
        assert len(pagerduty.incidents) == 1
        scopes = {event["payload"]["component"] for event in pagerduty.events if "payload" in event}
        assert len(scopes) >= 2, scopes
        found: list[dict[str, Any]] = (await aggregator.api.alerts())["recent"]
        assert [each["number"] for each in found] == [1]


async def over(pagerduty: PagerDuty) -> bool:
    return pagerduty.incidents[0].resolved
