"""A year of seconds in SQLite: how large it is, and how soon a week of it is read.

    python -m benchmarks.history [--quick] [--json] [--check]

The year is made by `made_year` and written into the tables of a real database as the store writes them:
every second's exceptions, sums of minutes and hours, two weeks of histograms of step times by the
minute and a year of them by the hour, labels and rosters. What is read is read as readers do, for
reading alone. `--quick` writes a week with all outages, and extrapolates from its quiet rows.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import sqlalchemy as sa

from benchmarks import made_year
from benchmarks.made_year import BEGIN, DAY, LEAF_OF, LEAVES, Timer
from benchmarks.report import Options, Report, main, say
from coalmine_aggregator.history import minute, roster_mask, step_times, sums
from coalmine_aggregator.history.columns import read
from coalmine_aggregator.history.tally import add, blank, expected_by_group, tally
from coalmine_aggregator.reading import seconds
from coalmine_aggregator.reading.counts import count
from coalmine_aggregator.reading.database import open_read_only
from coalmine_aggregator.reading.library import Library
from coalmine_aggregator.reading.question import Question
from coalmine_aggregator.store import schema
from coalmine_aggregator.store.database import open_engine
from coalmine_runtime import clock

SERVICE: Final = "ingest"
YEAR: Final = 365
WEEK: Final = 7
STEP_TIMES_DAYS: Final = 14
MIB: Final = 1 << 20
TIMES: Final = 7


class Kept(NamedTuple):
    """The size of the file in bytes, and what is in it by table."""

    size: int
    tables: Mapping[str, int]


class Book:
    """Writes the year."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._timer = Timer(11)

    def labels(self, days: int) -> None:
        """All that has a number."""
        with self._engine.begin() as connection:
            for table, labels in (
                (schema.series, made_year.series_labels()),
                (schema.leaves, made_year.leaf_labels()),
                (schema.cells, made_year.cell_labels()),
            ):
                connection.execute(sa.insert(table), [{"service": SERVICE, **row} for row in labels])
            self._insert(
                connection,
                schema.rosters,
                (
                    {"number": day, "used": BEGIN, "body": roster_mask.encode(made_year.roster(day))}
                    for day in range(days)
                ),
            )

    def days(self, begin: int, end: int, outages: Sequence[made_year.Outage]) -> None:
        """Whole days of seconds and their sums, a transaction a day."""
        for day in range(begin, end):
            made = made_year.minutes(day * DAY, day * DAY + DAY, outages, 5)
            bodies = [(number, minute.encode(what)) for number, what in made]
            with self._engine.begin() as connection:
                rows = ({"minute": number, "body": body} for number, body in bodies)
                self._insert(connection, schema.seconds, rows)
                self._sums(connection, bodies)
            if day % 30 == 29:
                say(f"{day + 1} days")

    def minutes(self, made: Iterable[tuple[int, minute.Minute]]) -> None:
        """Minutes anew."""
        with self._engine.begin() as connection:
            for number, what in made:
                body = minute.encode(what)
                table = schema.seconds
                connection.execute(
                    sa.update(table)
                    .where(table.c.service == SERVICE, table.c.minute == number)
                    .values(body=body)
                )

    def step_times(self, begin: int, end: int, step_s: int) -> None:
        """Histograms of whole days."""
        every = step_s // 60
        for day in range(begin, end):
            starts = range(BEGIN + day * DAY, BEGIN + day * DAY + DAY, every)
            rows = (
                {
                    "step_s": step_s,
                    "start": 60 * start,
                    "body": step_times.encode(self._timer.of(start, every)),
                }
                for start in starts
            )
            with self._engine.begin() as connection:
                self._insert(connection, schema.step_times, rows)

    def _sums(self, connection: sa.Connection, bodies: Sequence[tuple[int, bytes]]) -> None:
        by_minute, by_hour = [], []
        day = made_year.roster_of(bodies[0][0])
        expected = {day: made_year.expected_of(day)}
        for begin in range(0, len(bodies), 60):
            hour = bodies[begin : begin + 60]
            first = 60 * hour[0][0]
            found = tally(read(hour), expected, LEAF_OF, LEAVES, first, first + 3599, 60)
            parts = [
                sums.Sums(np.arange(LEAVES, dtype=np.int32), table, int(seen))
                for table, seen in zip(found.sums, found.seen, strict=True)
            ]
            by_minute += [
                {"step_s": 60, "start": first + 60 * place, "body": sums.encode(part)}
                for place, part in enumerate(parts)
            ]
            by_hour.append({"step_s": 3600, "start": first, "body": sums.encode(sums.add(parts))})
        self._insert(connection, schema.sums, by_minute)
        self._insert(connection, schema.sums, by_hour)

    def _insert(
        self, connection: sa.Connection, table: sa.Table, rows: Iterable[Mapping[str, Any]]
    ) -> None:
        connection.execute(sa.insert(table), [{"service": SERVICE, **row} for row in rows])


def kept(engine: sa.Engine) -> Kept:
    """What the file holds, as if all of it were in its place already."""
    with engine.connect() as connection:
        page = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        free = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
        bodies = {
            f"{table.name}{by and f' by {by} s'}": connection.exec_driver_sql(
                f"SELECT coalesce(sum(length(body)), 0) FROM {table.name}"
                + (f" WHERE step_s = {by}" if by else "")
            ).scalar_one()
            for table, by in (
                (schema.seconds, ""),
                (schema.sums, "60"),
                (schema.sums, "3600"),
                (schema.step_times, "60"),
                (schema.step_times, "3600"),
                (schema.rosters, ""),
            )
        }
    return Kept(page * (pages - free), bodies)


def write_year(report: Report, engine: sa.Engine, url: str) -> None:
    """All of it; then a week with an outage of everything of a kind is read, and the one with most."""
    book = Book(engine)
    book.labels(YEAR)
    book.days(0, YEAR, made_year.spread_over(YEAR))
    book.step_times(YEAR - STEP_TIMES_DAYS, YEAR, 60)
    book.step_times(0, YEAR, 3600)
    found = kept(engine)
    report.add("a year in SQLite", found.size / MIB, "MiB", at_most=256)
    for name, size in found.tables.items():
        report.add(f"of it bodies: {name}", size / MIB, "MiB")
    report.note("the year was written in full")
    outages = made_year.spread_over(YEAR)
    for name in ("an hour of all udp", "16 % of https for 3 hours"):
        begin = next(outage.begin for outage in outages if outage.name == name)
        read_week(report, url, begin // DAY - 3 if begin > 3 * DAY else 0, f"with {name}")


def write_week(report: Report, engine: sa.Engine, url: str) -> None:
    """A quiet week, then its outages, each read; the year is extrapolated from what each adds."""
    book = Book(engine)
    book.labels(YEAR)
    labels = kept(engine).size
    book.days(0, WEEK, ())
    quiet = kept(engine).size - labels
    book.step_times(0, 1, 60)
    by_minute = kept(engine).size - labels - quiet
    book.step_times(1, WEEK, 3600)
    by_hour = kept(engine).size - labels - quiet - by_minute
    before = kept(engine).size
    read_week(report, url, 0, "without an outage")
    for outage in made_year.OUTAGES:
        end = min(outage.begin + outage.minutes, WEEK * DAY)
        book.minutes(made_year.minutes(outage.begin, end, made_year.OUTAGES, 5))
    outages = kept(engine).size - before
    read_week(report, url, 0, "with ten outages")
    year = (
        labels
        + quiet * YEAR / WEEK
        + by_minute * STEP_TIMES_DAYS
        + by_hour * YEAR / (WEEK - 1)
        + outages
    )
    report.add("a year in SQLite, extrapolated", year / MIB, "MiB", at_most=256)
    for name, size in (
        ("a quiet week with its sums", quiet),
        ("a day of step times by the minute", by_minute),
        ("six days of step times by the hour", by_hour),
        ("ten outages", outages),
    ):
        report.add(f"of it {name}", size / MIB, "MiB")
    report.note("the year was extrapolated from a week")


def measure(report: Report, name: str, act: Callable[[], object], bound_ms: float) -> None:
    """The first time, then the median of several, on the wall's clock and the processor's."""
    walls, cpus = [], []
    for _ in range(TIMES):
        began, used = clock.monotonic(), time.process_time()
        act()
        walls.append(1000 * (clock.monotonic() - began))
        cpus.append(1000 * (time.process_time() - used))
    report.add(f"{name}, median", statistics.median(walls[1:]), "ms", at_most=bound_ms)
    report.add(f"{name}, of the processor", statistics.median(cpus[1:]), "ms")
    report.add(f"{name}, the first time", walls[0], "ms")


def read_week(report: Report, url: str, day: int, told: str) -> None:
    """The week from this day on."""
    report.note(f"a week {told} was read" + (f", of days {day} to {day + WEEK - 1}" if day else ""))
    first, last = 60 * (BEGIN + day * DAY), 60 * (BEGIN + (day + WEEK) * DAY) - 1
    engine = open_read_only(url)
    library = Library()
    masks = {number: made_year.roster(number) for number in range(day, day + WEEK)}
    chosen = {
        "udp in a zone": ((made_year.PROTOCOL == 2) & (made_year.ZONE == 3)).astype(np.int32) - 1,
        "everything": np.zeros(made_year.SERIES, dtype=np.int32),
        "each of 1,000 hosts": made_year.HOST.astype(np.int32),
    }

    def decoded(group_of: Any, step_s: int) -> object:
        groups = int(group_of.max()) + 1
        expected = {number: expected_by_group(mask, group_of, groups) for number, mask in masks.items()}
        result = blank(groups, first, last, step_s)
        with engine.connect() as connection:
            for columns in seconds.read(connection, SERVICE, first, last):
                add(result, columns, expected, group_of)
        return result

    def graph(by: tuple[str, ...], where: dict[str, str], step_s: int) -> object:
        with engine.connect() as connection:
            return count(library, connection, Question(by, where, first, last, step_s))

    for name, group_of in chosen.items():
        step_s = 21_600 if group_of.max() > 0 else 600
        measure(
            report,
            f"{name}: a week {told}, read and decoded",
            partial(decoded, group_of, step_s),
            50,
        )
    for name, by, where, step_s in (
        ("by protocol from minutes", ("protocol",), {}, 900),
        ("by protocol and region from minutes", ("protocol", "region"), {}, 900),
        ("of a zone by protocol from hours", ("protocol",), {"zone": "zone-03"}, 3600),
        ("of a host by protocol from seconds", ("protocol",), {"host": "host-0042"}, 900),
    ):
        measure(
            report,
            f"{name}: graph of a week {told}",
            partial(graph, by, where, step_s),
            150,
        )
    engine.dispose()


def run(options: Options) -> Report:
    """Writes, then reads."""
    report = Report()
    with tempfile.TemporaryDirectory(prefix="coalmine-history-") as folder:
        url = f"sqlite:///{Path(folder) / 'history.db'}"
        engine = open_engine(url)
        began = clock.monotonic()
        (write_week if options.quick else write_year)(report, engine, url)
        say(f"written and read in {clock.monotonic() - began:.0f} s")
        engine.dispose()
    report.note(
        f"{made_year.SERIES:,} series, {LEAVES} leaves, {made_year.CELLS} cells; "
        f"{made_year.LOSS:.2%} lost; " + ", ".join(outage.name for outage in made_year.OUTAGES)
    )
    return report


if __name__ == "__main__":
    sys.exit(main("a year of history", run))
