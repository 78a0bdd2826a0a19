"""A story, run and kept in a store as an aggregator would."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from coalmine_aggregator.engine import Engine, Tick
from coalmine_aggregator.model.settled_slot import SettledSlot
from coalmine_aggregator.replay.reading import Loaded
from coalmine_aggregator.replay.timing import EPOCH
from coalmine_aggregator.store.store import Store
from tests.aggregator.replay.stories import run


async def record(
    loaded: Loaded, url: str, monkeypatch: pytest.MonkeyPatch, without: range = range(0)
) -> list[dict[str, Any]]:
    """Runs a story, keeps its slots in a store, and gives what the run said."""
    kept: dict[int, SettledSlot] = {}
    names: list[Sequence[str]] = []
    take = Engine.tick

    def tick(engine: Engine, now: float) -> Tick:
        done = take(engine, now)
        kept.update((one.slot, one) for one in done.slots)
        names[:] = [engine.series_names]
        return done

    monkeypatch.setattr(Engine, "tick", tick)
    lines, _ = run(loaded)
    store = await Store.open(url)
    store.follow(names[0])
    slots = [kept[slot] for slot in sorted(kept) if slot - EPOCH < loaded.scenario.slots]
    store.put_slots([each for each in slots if each.slot - EPOCH not in without])
    await store.close()
    return lines
