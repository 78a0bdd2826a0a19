"""The site goes on whatever becomes of the store, and says what it knows."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coalmine_aggregator.model.endings import PLAIN_ENDING
from coalmine_aggregator.status.compose import Inputs
from coalmine_aggregator.status_page import keeper as keeping
from coalmine_aggregator.status_page.keeper import Keeper
from coalmine_aggregator.status_page.store_reader import StoreReader
from coalmine_aggregator.store.database import open_engine
from tests.aggregator.reading.kept import START, Past, fleet, keep
from tests.aggregator.status_page.test_store_reader import plan


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No look is late because the machine is busy."""
    monkeypatch.setattr(keeping, "LATE_S", 30.0)


@pytest.fixture
def store(sqlite_url: str) -> Iterator[Path]:
    """A store of ten minutes, as a file."""
    engine = open_engine(sqlite_url)
    every = fleet()
    keep(engine, Past(every, np.full((600, len(every)), PLAIN_ENDING, dtype=np.uint8)))
    assert engine.url.database is not None
    yield Path(engine.url.database)
    engine.dispose()


@pytest.fixture
async def keeper(store: Path) -> AsyncIterator[Keeper]:
    reader = StoreReader(f"sqlite:///{store}", plan())
    keeper = Keeper(reader)
    yield keeper
    reader.close()


def summary(keeper: Keeper) -> Any:
    assert keeper.site is not None
    return json.loads(keeper.site["api/v2/summary.json"].body)


def page(keeper: Keeper) -> str:
    assert keeper.site is not None
    return keeper.site["index.html"].body.decode()


MEASURED = f'datetime="{np.datetime64(START + 599, "s")}Z"'


UNMATCHED = "status_page.component.unmatched"


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What is logged of the store and of faults."""
    records = [record for record in caplog.records if record.name == "coalmine.status_page"]
    return [record.message for record in records if record.message != UNMATCHED]


async def test_the_last_site_stays_while_the_store_is_away(
    keeper: Keeper, store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "coalmine")
    await keeper.turn()
    before = summary(keeper)
    assert MEASURED in page(keeper)
    away = put_away(store)
    for _ in range(3):
        await keeper.turn()
        assert summary(keeper) == before
        assert MEASURED in page(keeper), "it says since when nothing is known"
    put_back(away)
    await keeper.turn()
    assert summary(keeper) == before
    assert told(caplog) == ["status_page.store.away", "status_page.store.back"], "each once"


async def test_a_component_of_which_the_fleet_has_nothing_is_told_once(
    keeper: Keeper, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "coalmine")
    for _ in range(3):
        await keeper.turn()
    said = [str(vars(record)) for record in caplog.records if record.message == UNMATCHED]
    assert len([each for each in said if 'component "none": no service "absent"' in each]) == 1


async def test_without_a_store_there_is_no_site_until_there_is_one(keeper: Keeper, store: Path) -> None:
    away = put_away(store)
    await keeper.turn()
    assert keeper.site is None
    put_back(away)
    await keeper.turn()
    assert keeper.site is not None


def put_away(store: Path) -> Path:
    """Moves it out of sight."""
    return store.rename(store.with_suffix(".away"))


def put_back(away: Path) -> None:
    """And back."""
    away.rename(away.with_suffix(".db"))


class HangingReader(StoreReader):
    """Its second look, and no other, takes until it is let go."""

    def __init__(self, url: str) -> None:
        super().__init__(url, plan())
        self.go_on = threading.Event()
        self.looks = 0

    def look(self, now: float) -> Inputs:
        self.looks += 1
        if self.looks == 2:
            self.go_on.wait(30)
        return super().look(now)


async def test_a_store_that_hangs_holds_up_nothing(
    store: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "coalmine")
    reader = HangingReader(f"sqlite:///{store}")
    keeper = Keeper(reader)
    await keeper.turn()
    first = keeper.site
    monkeypatch.setattr(keeping, "LATE_S", 0.05)
    for _ in range(3):
        await keeper.turn()
        assert reader.looks == 2, "no second look begins while one is under way"
        assert keeper.site is not first, "made anew of what was known"
        assert MEASURED in page(keeper)
    monkeypatch.setattr(keeping, "LATE_S", 30.0)
    reader.go_on.set()
    while reader.looks == 2:
        await keeper.turn()
    assert told(caplog) == ["status_page.store.away", "status_page.store.back"]
    reader.close()


class FaultyReader(StoreReader):
    """Fails as no store does."""

    fails = False

    def look(self, now: float) -> Inputs:
        if self.fails:
            raise ZeroDivisionError
        return super().look(now)


async def test_a_fault_of_ours_is_told_once_and_leaves_the_site(
    store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reader = FaultyReader(f"sqlite:///{store}", plan())
    keeper = Keeper(reader)
    await keeper.turn()
    site = keeper.site
    reader.fails = True
    for _ in range(3):
        await keeper.turn()
        assert keeper.site is site
    assert told(caplog) == ["status_page.site.failed"]
    reader.fails = False
    await keeper.turn()
    assert keeper.site is not site
    reader.close()
