"""From a page to the phone of who is on call, with delays of seconds, until somebody acknowledges."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from coalmine_runtime import clock
from tests.e2e.paged import Paged, Servers, paged
from tests.e2e.wired_fleet import REGIONS

ALERT = "ingest-loss-1"
SOON_S, LATE_S = 2.0, 22.0

EVERY_S = 30.0
"""As often as a phone may ring at most."""

ANNA = [{"receiver": "sms", "to": "anna"}]
CALL = [{"receiver": "voice", "to": "anna"}]


def steps(sms_s: float, voice_s: float) -> list[dict[str, Any]]:
    """An SMS, then calls again and again."""
    return [
        {"after": f"{sms_s}s", "to": ANNA},
        {"after": f"{voice_s}s", "to": CALL, "every": f"{EVERY_S}s", "times": 3},
    ]


async def broken(subject: Paged) -> float:
    """When the loss was first told."""
    subject.fleet.broken = {REGIONS[0]}
    await subject.until(lambda: subject.pagerduty.incidents, "it is paged")
    rows = await subject.rows()
    return min(row.made_at for row in rows)


async def healed(subject: Paged) -> None:
    subject.fleet.broken = set()
    await subject.until(lambda: subject.pagerduty.incidents[0].resolved, "it is resolved", 60)
    assert len(subject.pagerduty.incidents) == 1
    assert subject.pagerduty.refusals == []


def told(rows: list[Any], receiver: str) -> list[float]:
    """When a receiver was told, in seconds since the page, of steps and repeats alone."""
    first = min(row.made_at for row in rows)
    return sorted(
        row.made_at - first for row in rows if row.receiver == receiver and row.step and not row.dead
    )


async def at_the_api(subject: Paged) -> None:
    assert await subject.acknowledge(ALERT) == 200
    await subject.until(
        lambda: subject.pagerduty.incidents[0].acknowledged, "PagerDuty knows that somebody works on it"
    )


async def at_the_provider(subject: Paged) -> None:
    assert await subject.acknowledge_at_pagerduty("Ben") == 200


async def answered(subject: Paged, acknowledge: Callable[[Paged], Awaitable[None]], by: str) -> None:
    """Somebody acknowledges between the SMS and the first call."""
    began = await broken(subject)
    await subject.until(subject.sms, "an SMS comes")
    assert subject.voice() == 0
    await acknowledge(subject)
    alert = await subject.aggregator.api.until_alert(id=ALERT)
    assert alert["acknowledged_by"] == by
    await asyncio.sleep(began + LATE_S + 2.0 - clock.wall())  # past the time of the first call
    assert (subject.sms(), subject.voice()) == (1, 0)
    (sms,) = told(await subject.rows(), "sms")
    assert SOON_S <= sms < SOON_S + 2.0
    await healed(subject)
    await subject.until_delivered()
    assert (subject.sms(), subject.voice()) == (1, 0)


async def over(subject: Paged) -> None:
    """The loss ends before anybody is called."""
    began = await broken(subject)
    await healed(subject)
    await asyncio.sleep(began + LATE_S + 2.0 - clock.wall())
    assert (subject.sms(), subject.voice()) == (0, 0)


@pytest.mark.prove
async def test_steps_come_in_order_until_somebody_acknowledges_or_it_is_over(tmp_path: Path) -> None:
    later = steps(LATE_S, LATE_S)
    async with (
        Servers(tmp_path) as servers,
        paged("api", 1, servers, steps(SOON_S, LATE_S)) as api,
        paged("provider", 2, servers, steps(SOON_S, LATE_S)) as provider,
        paged("over", 3, servers, later) as ended,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(answered(api, at_the_api, "anna"))
        group.create_task(answered(provider, at_the_provider, "Ben via PagerDuty"))
        group.create_task(over(ended))


@pytest.mark.prove
@pytest.mark.timeout(240)
async def test_the_phone_rings_again_until_somebody_acknowledges(tmp_path: Path) -> None:
    async with (
        Servers(tmp_path) as servers,
        paged("called", 4, servers, steps(SOON_S, SOON_S + 1.0)) as subject,
    ):
        began = await broken(subject)
        await subject.until(lambda: subject.voice() == 1, "the phone rings")
        await subject.until(lambda: subject.voice() == 2, "the phone rings again", EVERY_S + 10)
        assert await subject.acknowledge(ALERT) == 200
        await asyncio.sleep(began + SOON_S + 2 * EVERY_S + 5.0 - clock.wall())
        assert (subject.sms(), subject.voice()) == (1, 2)
        rows = await subject.rows()
        (sms,), calls = told(rows, "sms"), told(rows, "voice")
        assert SOON_S <= sms < SOON_S + 2.0
        assert [round((each - SOON_S) // EVERY_S) for each in calls] == [0, 1]
        assert all(1.0 <= (each - SOON_S) % EVERY_S < 3.0 for each in calls), calls
        await healed(subject)
