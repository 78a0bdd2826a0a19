"""kill -9 between detection and delivery: nothing is lost, nothing doubled under its key.

Invariants, for any moments of the kills:
- Every outage has exactly one incident at PagerDuty, opened before it is resolved, and resolved.
- Every alert of the store was triggered at least once, and the outbox ends empty.
- Who acknowledges is remembered; no outage that somebody answers is called out, and no other twice.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import sys
from collections import Counter, defaultdict
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from tests.aggregator.notify.paging_process import FIRST, answers, outage_of
from tests.servers.hook import Hook
from tests.servers.pagerduty import Answer, PagerDuty
from tests.servers.waiting import within

KILLS = 6


async def paging(
    store: str, journal: Path, pagerduty: PagerDuty, hook: Hook
) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.aggregator.notify.paging_process",
        store,
        str(journal),
        pagerduty.url,
        hook.url,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=Path(__file__).parents[3],
    )
    assert process.stdout is not None
    assert await within(process.stdout.readline(), 30) == b"ready\n"
    return process


async def run(tmp_path: Path, kills: int, seed: int) -> None:
    dice = random.Random(seed)
    store, journal = f"sqlite:///{tmp_path}/h.db", tmp_path / "journal"
    async with PagerDuty() as pagerduty, Hook() as hook:
        pagerduty.lag_s = lambda: dice.choice([0.0, 0.0, 0.01, 0.05])
        for _ in range(kills):
            process = await paging(store, journal, pagerduty, hook)
            pagerduty.moody.extend([Answer(503)] * dice.randrange(3))
            hook.answers.extend([(503, {})] * dice.randrange(3))
            await asyncio.sleep(dice.uniform(0.0, 1.0))  # the moment is the point
            process.kill()
            await process.wait()
        process = await paging(store, journal, pagerduty, hook)
        process.terminate()
        assert await within(process.wait(), 30) == 0
        check(pagerduty, tmp_path / "h.db", journal)
        check_calls(hook, tmp_path / "h.db")


def check(pagerduty: PagerDuty, database: Path, journal: Path) -> None:
    assert pagerduty.refusals == []
    assert all(incident.resolved for incident in pagerduty.incidents)
    told = Counter(
        outage_of(int(datetime.fromisoformat(incident.triggers[0]["payload"]["timestamp"]).timestamp()))
        for incident in pagerduty.incidents
    )
    slots = [int(line) for line in journal.read_text().split()]
    assert slots[0] == FIRST
    seen = Counter(outage_of(slot) for slot in slots)
    # An outage of which only a slot or two passed while a process lived may be over unseen.
    outages = {outage for outage, count in seen.items() if outage is not None and count >= 6}
    assert outages <= told.keys()
    assert told.keys() <= seen.keys() - {None}
    assert set(told.values()) == {1}, told
    with sqlite3.connect(database) as file:
        pending = file.execute(
            "SELECT count(*) FROM outbox WHERE delivered_at IS NULL AND dead IS NULL"
        ).fetchone()[0]
        alerts = file.execute("SELECT count(*) FROM alerts").fetchone()[0]
        open_alerts = file.execute("SELECT count(*) FROM alerts WHERE closed_at IS NULL").fetchone()[0]
    file.close()
    assert (pending, open_alerts) == (0, 0)
    assert alerts == len(pagerduty.incidents)
    assert len(told) >= len(outages) >= 1


def check_calls(hook: Hook, database: Path) -> None:
    with sqlite3.connect(database) as file:
        alerts = [msgspec.json.decode(body) for (body,) in file.execute("SELECT body FROM alerts")]
    file.close()
    outages = {alert["number"]: int(alert["handle"]) for alert in alerts}
    answered = {alert["number"] for alert in alerts if alert["acknowledged_by"] == "anna"}
    assert answered <= {number for number, outage in outages.items() if answers(outage)}
    assert answered
    called: defaultdict[int, set[str]] = defaultdict(set)
    for message in hook.messages:
        told = msgspec.json.decode(message.body)
        if told["type"] == "alert.opened":
            called[told["data"]["number"]].add(message.headers["webhook-id"])
    assert called
    assert not called.keys() & answered
    assert all(len(messages) == 1 for messages in called.values()), called


async def test_half_a_dozen_kills(tmp_path: Path) -> None:
    await run(tmp_path, KILLS, seed=random.SystemRandom().randrange(2**32))


@pytest.mark.prove
@pytest.mark.timeout(600)
async def test_fifty_kills(tmp_path: Path) -> None:
    await run(tmp_path, 50, seed=random.SystemRandom().randrange(2**32))
