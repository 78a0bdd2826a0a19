"""Replays of recorded history: what would have paged under a proposed configuration."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import sqlalchemy as sa

from coalmine_aggregator.judge.judge import Evidence, Judge
from coalmine_aggregator.model.fates import FATES, Fate
from coalmine_aggregator.model.slot_counts import SlotCounts
from coalmine_aggregator.replay.courses import Courses
from coalmine_aggregator.replay.files import Tell, Watch, print_line
from coalmine_aggregator.replay.lines import alert_line, summary_line
from coalmine_aggregator.replay.progress import Meter
from coalmine_aggregator.replay.recorded import Recorded
from coalmine_aggregator.settings import AggregatorSettings
from coalmine_aggregator.store.database import StoreError, open_engine, shown
from coalmine_aggregator.store.recorded import Recorded as Kept
from coalmine_runtime import clock
from coalmine_wire.slots import SETTLE_S

PAUSE_S = 5
"""Where more slots in a row were not recorded, nobody looked."""


class Period(NamedTuple):
    """The slots from `first` to before `end`."""

    first: int
    end: int

    @classmethod
    def parse(cls, start: str, end: str) -> Period:
        """Two times, see `parse_time`. Raises ValueError."""
        period = cls(parse_time(start), parse_time(end))
        if period.first >= period.end:
            raise ValueError(f"{end} is not after {start}")
        return period


def parse_time(text: str) -> int:
    """Seconds since the epoch, or a time such as `2026-11-20T03:12:00Z`, `2026-11-20`: UTC unless it
    says otherwise. Raises ValueError."""
    if text.isascii() and text.isdigit():
        return int(text)
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f'expected seconds since the epoch or a time such as 2026-11-20T03:12:00Z, not "{text}"'
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return int(moment.timestamp())


def replay_history(
    settings: AggregatorSettings, url: str, period: Period, tell: Tell, watch: Watch
) -> None:
    """Judges what a store has of `period` by the policies of `settings`; times are told from its first
    slot on. Raises `StoreError`."""
    began = clock.monotonic()
    judge = Judge(settings.fleet, settings.policies(), settings.detection.policy(), began=period.first)
    recorded, courses = Recorded(), Courses()
    totals = np.zeros(FATES, dtype=np.int64)
    slots, next_slot = 0, period.first
    engine = open_existing(url)
    try:
        for counts in _counts(engine, period):
            if counts.slot - next_slot > PAUSE_S:
                judge.pause(counts.slot)
            next_slot = counts.slot + 1
            cells = recorded.cells(counts)
            now = float(counts.slot + SETTLE_S)
            for transition in judge.step(Evidence(cells=(cells,)), recorded.series, now):
                courses.take(transition, now - period.first)
                tell(alert_line(transition, now - period.first))
            totals += counts.fates.sum(axis=0)
            slots += 1
            if counts.slot % 60 == 0:
                judge.kept(counts.slot)  # what a store would be given is let go
                watch(counts.slot - period.first)
    finally:
        engine.dispose()
    tell(
        summary_line(
            f"{_utc(period.first)} to {_utc(period.end)}",
            slots=slots,
            fates={fate.label: int(totals[fate]) for fate in Fate},
            balanced=slots == period.end - period.first,
            pages=courses.pages,
            wall_s=clock.monotonic() - began,
        )
    )


def print_history(settings: AggregatorSettings, url: str, period: Period) -> None:
    """The same on standard output. Raises `StoreError`."""
    with Meter("history", period.end - period.first) as meter:
        replay_history(settings, url, period, print_line, meter.at)


def open_existing(url: str) -> sa.Engine:
    """The store behind a URL, which must be there: reading one makes none. Raises `StoreError`."""
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError) as error:
        raise StoreError(f"{shown(url)}: {error}") from None
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        path = Path(parsed.database)
        if not path.is_file():
            raise StoreError(f"{url}: there is no {path}")
    return open_engine(url)


def _counts(engine: sa.Engine, period: Period) -> Iterator[SlotCounts]:
    with engine.connect().execution_options(coalmine_reads=True) as connection:
        kept = Kept(connection)
        spans = kept.spans(connection, period.first, period.end - 1)
    for first, last in spans:
        with engine.connect().execution_options(coalmine_reads=True) as connection:
            found = kept.slots(connection, first, last)
        yield from found


def _utc(slot: int) -> str:
    moment = datetime.datetime.fromtimestamp(slot, datetime.UTC)
    return moment.isoformat().replace("+00:00", "Z")
