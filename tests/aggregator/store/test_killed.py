"""Killed at any moment, the store has lost less than two seconds, and is sound.

Invariant: what was put two seconds before a kill is there, as it was put; sums are what seconds make.
"""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from coalmine_aggregator.store.store import Store
from coalmine_runtime import clock
from tests.aggregator.store.beside import execute
from tests.aggregator.store.kept import endings, is_sound
from tests.aggregator.store.samples import LOST, START, counted, settled, told
from tests.aggregator.store.writing_process import EVERY, NAMES

KILLS = 4
LOST_S = 2.0


async def killed(url: str, journal: Path, first: int, after_s: float) -> float:
    """Runs the process for so long; when it was killed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.aggregator.store.writing_process",
        url,
        str(journal),
        str(first),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    await asyncio.sleep(after_s)
    at = clock.monotonic()
    process.send_signal(signal.SIGKILL)
    await process.wait()
    return at


def is_paired(url: str, put: Iterable[int]) -> None:
    """Each alert has its incident, each incident its timeline."""
    alerts, incidents, timelines = (
        {number for (number,) in execute(url, f"SELECT {of}")}
        for of in ("number FROM alerts", "number FROM incidents", "incident FROM incident_entries")
    )
    assert alerts == incidents == timelines
    assert set(put) <= alerts


@pytest.mark.prove
async def test_a_kill_costs_two_seconds_at_most(database_url: str, tmp_path: Path) -> None:
    chance = random.Random(7)
    first = START // 60 * 60 + 30
    for kill in range(KILLS):
        journal = tmp_path / f"journal{kill}"
        at = await killed(database_url, journal, first, LOST_S + chance.uniform(0.0, 1.0))
        lines = [line.split() for line in journal.read_text().splitlines()]
        put = [(float(time), int(slot), int(lost)) for time, slot, lost in lines]
        kept = {slot: lost for time, slot, lost in put if time <= at - LOST_S}
        later = {slot for time, slot, _ in put if time > at - LOST_S}
        assert kept
        if database_url.startswith("sqlite"):
            assert execute(database_url, "PRAGMA integrity_check") == [("ok",)]
        store = await Store.open(database_url)
        found = {counts.slot: told(counts) for counts in await store.slots(first - 10, first + 600)}
        await store.close()
        for slot, lost in kept.items():
            if slot not in later:
                assert found[slot] == counted(settled(slot, EVERY, {lost: LOST}), NAMES), slot
        is_sound(database_url, max(endings(database_url)))
        assert int(execute(database_url, "SELECT count(*) FROM lives")[0][0]) >= len(kept)
        is_paired(database_url, kept)
        first = max(slot for _, slot, _ in put) + 1
