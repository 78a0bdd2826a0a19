"""What is read of a store is what is in it, whether at once or look by look."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import ProgrammingError

from coalmine_aggregator.model.alerts import Severity
from coalmine_aggregator.model.endings import PLAIN_ENDING, ending_of
from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.model.incident import Entry, EntryKind, Incident, IncidentState
from coalmine_aggregator.paging.match import Match
from coalmine_aggregator.paging.silence import Silence, SilenceKind
from coalmine_aggregator.reading.judged import judged_and_bad
from coalmine_aggregator.reading.question import TOTAL_STEP_S
from coalmine_aggregator.status.components import Cell, Component, Components
from coalmine_aggregator.status.compose import Inputs
from coalmine_aggregator.status.days import spans
from coalmine_aggregator.status.plan import Plan
from coalmine_aggregator.status.site import ComponentStatus
from coalmine_aggregator.status_page.known_days import OVER_S, TODAY_S
from coalmine_aggregator.status_page.store_file import StoreAwayError
from coalmine_aggregator.status_page.store_reader import ALL_S, StoreReader
from coalmine_aggregator.store import schema
from coalmine_aggregator.store.database import open_engine
from coalmine_aggregator.store.incident_log import write_incidents
from coalmine_aggregator.store.paging_log import write_silences
from tests.aggregator.reading.kept import START, UNSEEN, Past, fleet, keep, random_past
from tests.servers.postgres import Postgres

DOCS = Path(__file__).parents[3] / "docs"

COMPONENTS = Components(
    [
        Component("udp", "UDP", "ingest", protocols=("udp",)),
        Component("eu", "Europe", "ingest", regions=("e*",)),
        Component("all", "Everything", "ingest"),
        Component("logs", "Logs", "logs"),
        Component("none", "Nothing", "absent"),
    ]
)
HALF = ZoneInfo("Asia/Kolkata")
HOURS = 4
"""START is 15:00 UTC; midnight of that zone is at 18:30."""

LOST = ending_of(Fate.LOST, 0)


def plan(zone: ZoneInfo = HALF) -> Plan:
    return Plan("default", "page", "Example", COMPONENTS, zone)


@pytest.fixture(params=["sqlite_url", "postgres_url"])
def store(request: pytest.FixtureRequest) -> Iterator[sa.Engine]:
    engine = open_engine(request.getfixturevalue(request.param))
    yield engine
    engine.dispose()


def url(store: sa.Engine) -> str:
    return store.url.set(drivername=store.dialect.name).render_as_string(hide_password=False)


def look(store: sa.Engine, now: float, zone: ZoneInfo = HALF) -> Inputs:
    """What a start reads."""
    reader = StoreReader(url(store), plan(zone))
    try:
        return reader.look(now)
    finally:
        reader.close()


def model(past: Past, first: int, last: int) -> Mapping[str, tuple[int, int]]:
    """Judged and bad by component, of all that is in the past."""
    found: dict[str, tuple[int, int]] = {}
    for component in COMPONENTS.all:
        rates = past.rates(
            ("protocol", "region"), {"service": component.service}, first, last, TOTAL_STEP_S
        )
        judged = bad = 0
        for (protocol, region), steps in rates.items():
            if component.takes(Cell(component.service, protocol, region)):
                for row in steps.values():
                    some, lost = judged_and_bad(np.array(row, dtype=np.int64))
                    judged, bad = judged + int(some), bad + int(lost)
        if judged:
            found[component.id] = judged, bad
    return found


def days_of(inputs: Inputs) -> dict[datetime.date, dict[str, tuple[int, int]]]:
    found: dict[datetime.date, dict[str, tuple[int, int]]] = {}
    for component, days in inputs.days.items():
        for day in days:
            found.setdefault(day.date, {})[component] = day.judged, day.bad
    return found


@pytest.mark.parametrize("zone", [HALF, ZoneInfo("Europe/Dublin"), ZoneInfo("Asia/Kathmandu")])
def test_days_are_those_of_the_zone_and_exact(store: sa.Engine, zone: ZoneInfo) -> None:
    past = random_past(7, HOURS * 3600, [*fleet(), *fleet(["logs"], hosts=1)])
    keep(store, past)
    now = START + HOURS * 3600.0
    inputs = look(store, now, zone)
    expected = {
        span.date: sums for span in spans(now, zone) if (sums := model(past, span.first, span.last))
    }
    assert len(expected) == (1 if zone.key == "Europe/Dublin" else 2)
    assert days_of(inputs) == expected
    assert inputs.cells == {
        Cell(service, protocol, region)
        for service in ("ingest", "logs")
        for protocol in ("tcp", "udp")
        for region in ("eu", "us")
    }


def growing(minutes: int, lost: Sequence[tuple[int, int]]) -> Past:
    """All delivered, but udp in these spans of seconds."""
    every = fleet()
    endings = np.full((minutes * 60, len(every)), PLAIN_ENDING, dtype=np.uint8)
    udp = [i for i, each in enumerate(every) if each.protocol == "udp"]
    for begin, end in lost:
        endings[begin:end, udp] = LOST
    return Past(every, endings)


def test_look_by_look_it_knows_what_a_start_would(store: sa.Engine) -> None:
    past = growing(30, [(600, 700), (1500, 1800)])
    reader = StoreReader(url(store), plan())
    for end in (1, 59, 60, 300, 660, 661, 700, 1200, 1560, 1800):
        part = Past(past.series, past.endings[:end])
        keep(store, part)
        now = START + end + TODAY_S * end
        inputs = reader.look(now)
        anew = look(store, now)
        assert inputs == anew
        assert inputs.measured_at == START + end - 1
        outage = 600 < end < 800 or end > 1500
        assert (inputs.states["udp"].status is not ComponentStatus.OPERATIONAL) == outage
        assert inputs.states["logs"].status is ComponentStatus.OPERATIONAL
    reader.close()


def test_late_evidence_is_taken_up(store: sa.Engine) -> None:
    keep(store, growing(30, [(1500, 1800)]))
    reader = StoreReader(url(store), plan())
    now = START + 1800.0
    assert reader.look(now).states["udp"].status is ComponentStatus.MAJOR_OUTAGE
    keep(store, growing(30, []))
    after = now + max(ALL_S, OVER_S, TODAY_S)
    inputs = reader.look(after)
    assert inputs == look(store, after)
    assert inputs.states["udp"].status is ComponentStatus.OPERATIONAL
    reader.close()


def test_after_a_long_gap_the_hour_before_it_still_counts(store: sa.Engine) -> None:
    past = growing(300, [(3_000, 3_600)])
    past.endings[3_600:17_990] = UNSEEN
    keep(store, Past(past.series, past.endings[:3_600]))
    reader = StoreReader(url(store), plan())
    assert reader.look(START + 3_600.0).states["udp"].status is ComponentStatus.MAJOR_OUTAGE
    keep(store, past)
    gap = schema.seconds.c.minute.between(START // 60 + 60, START // 60 + 298)
    with store.begin() as connection:  # of a minute that nobody saw the store has no row
        connection.execute(sa.delete(schema.seconds).where(gap))
    inputs = reader.look(START + 18_000.0)
    assert inputs.states == look(store, START + 18_000.0).states
    assert inputs.states["udp"].status is ComponentStatus.MAJOR_OUTAGE, "it is not over for 2 minutes"
    reader.close()


def incident(number: int, state: IncidentState, entries: int) -> Incident:
    return Incident(
        number=number,
        fleet="default",
        service="ingest",
        severity=Severity.PAGE,
        title="",
        state=state,
        since=START,
        opened_at=float(START),
        opened_by="",
        updated_at=float(START + entries),
        told_at=float(START),
        entries=entries,
    )


def entry(number: int, sequence: int) -> Entry:
    return Entry(
        number, sequence, float(START), EntryKind.UPDATE, "anna", "", IncidentState.INVESTIGATING
    )


def test_incidents_are_followed_and_those_that_rest_are_the_same_objects(store: sa.Engine) -> None:
    reader = StoreReader(url(store), plan())
    assert reader.look(START + 1.0).incidents == ()
    with store.begin() as connection:
        first, second = (incident(number, IncidentState.INVESTIGATING, 1) for number in (1, 2))
        write_incidents(connection, [first, second], [entry(1, 1), entry(2, 1)], [])
    before = reader.look(START + 2.0).incidents
    assert [each.incident for each in before] == [first, second]
    with store.begin() as connection:
        resolved = incident(1, IncidentState.RESOLVED, 3)
        write_incidents(connection, [resolved], [entry(1, 2), entry(1, 3)], [])
    after = reader.look(START + 3.0).incidents
    assert after[0].incident == resolved
    assert [each.sequence for each in after[0].entries] == [1, 2, 3]
    assert after[1] is before[1]
    assert reader.look(START + 4.0).incidents[0] is after[0]
    with store.begin() as connection:  # an older copy of the store is put back
        connection.execute(sa.delete(schema.incidents).where(schema.incidents.c.number == 1))
        connection.execute(sa.delete(schema.incident_entries))
    assert [each.incident.number for each in reader.look(START + 5.0).incidents] == [2]
    reader.close()


def test_maintenances_that_customers_are_told_of_are_followed(store: sa.Engine) -> None:
    def window(name: str, public: str, ends_at: float, ended_at: float | None = None) -> Silence:
        return Silence(
            id=name,
            kind=SilenceKind.MAINTENANCE,
            match=Match(services=("ingest",)),
            who="anna",
            why="disks",
            starts_at=float(START),
            ends_at=ends_at,
            created_at=float(START),
            ended_at=ended_at,
            public=public,
        )

    reader = StoreReader(url(store), plan())
    old, secret = window("old", "Past work", START + 10.0), window("secret", "", START + 9_000.0)
    with store.begin() as connection:
        write_silences(connection, [old, secret])
    assert reader.look(START + 8_000.0).maintenances == (old,)
    new = window("new", "Work on disks", START + 9_000.0)
    with store.begin() as connection:
        write_silences(connection, [new])
    assert set(reader.look(START + 8_001.0).maintenances) == {old, new}
    ended = new._replace(ended_at=START + 8_002.0)
    with store.begin() as connection:
        write_silences(connection, [ended])
    assert set(reader.look(START + 8_003.0).maintenances) == {old, ended}
    reader.close()


def test_another_file_in_its_place_is_read_anew(sqlite_url: str, tmp_path: Path) -> None:
    store = open_engine(sqlite_url)
    keep(store, growing(10, [(500, 600)]))
    store.dispose()
    reader = StoreReader(sqlite_url, plan())
    now = START + 600.0
    assert reader.look(now).states["udp"].status is ComponentStatus.MAJOR_OUTAGE
    other = tmp_path / "other.db"
    replacement = open_engine(f"sqlite:///{other}")
    keep(replacement, growing(10, []))
    replacement.dispose()
    assert store.url.database is not None
    other.rename(store.url.database)
    assert reader.look(now + 1).states["udp"].status is ComponentStatus.OPERATIONAL
    reader.close()


def test_a_store_that_is_away_leaves_what_was_known(sqlite_url: str) -> None:

    store = open_engine(sqlite_url)
    keep(store, growing(10, [(500, 600)]))
    store.dispose()
    reader = StoreReader(sqlite_url, plan())
    assert reader.last(0.0) is None
    now = START + 600.0
    known = reader.look(now)
    assert store.url.database is not None
    file = Path(store.url.database)
    file.rename(file.with_suffix(".away"))
    with pytest.raises(StoreAwayError):
        reader.look(now + 1)
    assert reader.last(now + 1) == known._replace(now=now + 1)
    file.with_suffix(".away").rename(file)
    assert reader.look(now + 2) == known._replace(now=now + 2)
    reader.close()


def test_the_role_of_the_documentation_may_do_what_is_needed_and_no_more(
    postgres: Postgres, postgres_url: str
) -> None:
    store = open_engine(postgres_url)
    keep(store, growing(2, []))
    name = str(store.url.database)
    found = re.search(r"```sql\n(.*?)```", (DOCS / "status-page.md").read_text(), re.DOTALL)
    assert found is not None
    for statement in found[1].replace("DATABASE coalmine", f"DATABASE {name}").split(";"):
        if statement.strip():
            postgres.execute(statement, name)
    reader = StoreReader(url(store).replace("coalmine@", "status@"), plan())
    role = sa.create_engine(store.url.set(username="status"), isolation_level="AUTOCOMMIT")
    try:
        assert reader.look(START + 120.0) == look(store, START + 120.0)
        with role.connect() as connection:
            for table in schema.metadata.sorted_tables:
                with pytest.raises(ProgrammingError, match="permission denied"):
                    connection.execute(sa.delete(table))
    finally:
        reader.close()
        role.dispose()
        store.dispose()
        postgres.execute("DROP OWNED BY status", name)
        postgres.execute("DROP ROLE status")
