"""Incidents in the store: kept with the alerts that made them, found again, never let go of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
import sqlalchemy as sa

from coalmine_aggregator.model.incident import Entry, Incident, IncidentChanges, IncidentState
from coalmine_aggregator.model.incident_snapshot import Snapshot, SnapshotName
from coalmine_aggregator.model.incidents_wanted import IncidentsWanted
from coalmine_aggregator.store import incident_codec, schema
from coalmine_aggregator.store.database import open_engine
from coalmine_aggregator.store.pending import Delivery
from coalmine_aggregator.store.retention import Retention
from coalmine_aggregator.store.store import Store
from tests.aggregator.store.beside import execute, locked
from tests.aggregator.store.incident_samples import changes, entry, full, incident
from tests.aggregator.store.samples import START, expecting, names, opened, routed, settled
from tests.aggregator.store.troubled import written

LOOKS = 20
RESOLVED = IncidentState.RESOLVED


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    store = await Store.open(database_url)
    yield store
    await store.close()


def of(*incidents: Incident, entries: Sequence[Entry] = ()) -> IncidentChanges:
    return IncidentChanges(incidents, tuple(entries))


async def test_everything_is_read_back(store: Store) -> None:
    timeline = [entry(2, each, f"{each}\0") for each in (1, 2, 3)]
    store.put_incidents(of(incident(1), full(2), entries=timeline))
    store.put_snapshot(Snapshot(2, SnapshotName.OPENED, START + 70.0, b"<svg/>"))
    store.put_snapshot(Snapshot(2, SnapshotName.RESOLVED, START + 900.0, b"<svg> </svg>"))
    assert await store.flushed(10.0)
    assert [await store.find_incident(each) for each in (1, 2)] == [incident(1), full(2)]
    assert await store.incident_entries(2) == timeline
    assert await store.incident_entries(2, after=1, limit=1) == timeline[1:2]
    assert await store.incident_entries(1) == []
    assert await store.incident_snapshots(2) == [SnapshotName.OPENED, SnapshotName.RESOLVED]
    found = await store.find_snapshot(2, SnapshotName.RESOLVED)
    assert found == Snapshot(2, SnapshotName.RESOLVED, START + 900.0, b"<svg> </svg>")
    for number in (0, -1, 3, 2**63, 10**30):
        assert await store.find_incident(number) is None
        assert await store.find_snapshot(number, SnapshotName.OPENED) is None


async def test_a_start_takes_over_what_stands_and_what_was_over_lately(store: Store) -> None:
    """One that people resolved while an alert of it goes on is counted on."""
    ended = [
        incident(number, RESOLVED)._replace(
            resolved_at=at,
            affected=tuple(each._replace(last=START + 9) for each in incident(number).affected),
        )
        for number, at in ((1, 100.0), (2, 200.0), (3, 300.0))
    ]
    early = incident(4, RESOLVED)._replace(resolved_at=50.0)
    store.put_incidents(of(*ended, early, incident(5)))
    store.put_snapshot(Snapshot(3, SnapshotName.OPENED, 60.5, b""))
    store.put_snapshot(Snapshot(1, SnapshotName.OPENED, 60.5, b""))
    assert await store.flushed(10.0)
    past = await store.incidents_past(150.0)
    assert [each.number for each in past.incidents] == [2, 3, 4, 5]
    assert past.next_number == 6
    assert past.snapshots == {(3, SnapshotName.OPENED): 60.5}
    reopened = ended[0]._replace(state=IncidentState.INVESTIGATING)
    store.put_incidents(of(reopened))
    assert await store.flushed(10.0)
    assert (await store.incidents_past(150.0)).incidents[0] == reopened


async def test_an_empty_store_has_no_past(store: Store) -> None:
    assert await store.incidents_past(0.0) == ((), 1, {})


async def test_pages_go_down_by_number_and_hold_what_is_wanted(store: Store) -> None:
    many = [incident(number) for number in range(1, 8)]
    many[2] = many[2]._replace(service="query")
    many[3] = incident(4, RESOLVED)
    many[4] = many[4]._replace(opened_at=START + 5_000.0)
    store.put_incidents(of(*many))
    assert await store.flushed(10.0)

    async def numbers(wanted: IncidentsWanted, before: int | None = None, limit: int = 10) -> list[int]:
        found = await store.incidents_page(wanted, before, limit)
        assert found == [each for each in found if wanted.takes(each)]
        return [each.number for each in found]

    assert await numbers(IncidentsWanted(), limit=3) == [7, 6, 5]
    assert await numbers(IncidentsWanted(), before=5, limit=3) == [4, 3, 2]
    assert await numbers(IncidentsWanted(service="query")) == [3]
    assert await numbers(IncidentsWanted(states=frozenset({RESOLVED}))) == [4]
    assert await numbers(IncidentsWanted(states=frozenset())) == []
    assert await numbers(IncidentsWanted(last=START + 100.0)) == [7, 6, 4, 3, 2, 1]
    assert await numbers(IncidentsWanted(first=START + 701.0)) == [7, 6, 5, 3, 2, 1]


async def test_each_write_has_a_higher_version(store: Store, database_url: str) -> None:
    """Invariant: who has seen everything up to a version misses nothing of what comes after it."""
    seen = 0
    for numbers_ in ((1, 2), (2,), (1,), (3, 1)):
        store.put_incidents(of(*(incident(each) for each in numbers_)))
        assert await store.flushed(10.0)
        rows = execute(
            database_url,
            "SELECT number, version FROM incidents WHERE version > :seen ORDER BY version",
            seen=seen,
        )
        assert sorted(number for number, _ in rows) == sorted(numbers_)
        seen = max(version for _, version in rows)


async def test_they_are_committed_with_what_made_them(database_url: str, store: Store) -> None:
    """Never the one without the other, whatever happens between."""
    rows = "SELECT (SELECT COUNT(*) FROM transitions), (SELECT COUNT(*) FROM incidents)"
    counts: list[tuple[int, int]] = []

    async def looked() -> None:
        while True:
            counts.append(tuple((await asyncio.to_thread(execute, database_url, rows))[0]))

    looking = asyncio.create_task(looked())
    number = 0
    while len(counts) < LOOKS:
        number += 1
        store.put_transitions([routed(opened(number), "pd")])
        store.put_incidents(changes(number))
        if number % 3:
            await asyncio.sleep(0)
        else:
            assert await store.flushed(10.0)
    looking.cancel()
    await asyncio.wait([looking])
    assert all(alerts == incidents for alerts, incidents in counts), counts


async def test_a_locked_database_keeps_them_until_it_can_be_written(
    database_url: str, store: Store
) -> None:
    with locked(database_url):
        store.put_incidents(changes(1))
        assert not await store.flushed(0.2)
        newer = incident(1)._replace(title="newer")
        store.put_incidents(of(newer, entries=[entry(1, 2)]))
    await written(store)
    assert await store.find_incident(1) == newer
    assert [each.sequence for each in await store.incident_entries(1)] == [1, 2]


@pytest.mark.parametrize("bad", [entry(1, 1, "half a pair \ud800"), entry(2**70, 1)])
async def test_one_that_cannot_be_written_keeps_no_page_back(store: Store, bad: Entry) -> None:
    heard: asyncio.Queue[Sequence[Delivery]] = asyncio.Queue()
    store.on_deliveries = heard.put_nowait
    store.put_transitions([routed(opened(), "pd")])
    store.put_incidents(of(incident(1), entries=[bad, entry(1, 2)]))
    store.put_snapshot(Snapshot(1, SnapshotName.OPENED, 0.0, b"<svg/>"))
    assert await store.flushed(5.0)
    assert len(heard.get_nowait()) == 1
    assert store.health().ahead == 0
    assert store.health().dropped == {"incidents": 1}
    assert await store.find_incident(1) == incident(1)
    assert await store.incident_entries(1) == [entry(1, 2)]
    assert await store.incident_snapshots(1) == [SnapshotName.OPENED]


async def test_a_storm_is_written_in_one_go(store: Store) -> None:
    many = range(1, 2_001)
    store.put_incidents(of(*(incident(each) for each in many), entries=[entry(each) for each in many]))
    assert await store.flushed(5.0)
    assert store.health().dropped == {}
    assert (await store.incidents_past(0.0)).next_number == 2_001


async def test_what_cannot_be_read_is_left_out(store: Store, database_url: str) -> None:
    store.put_incidents(of(incident(1), incident(2), entries=[entry(2, 1), entry(2, 2)]))
    assert await store.flushed(10.0)
    for body in ("", "[]", "{}", '{"state": "never"}'):
        execute(database_url, "UPDATE incidents SET body = :body WHERE number = 1", body=body)
        execute(database_url, "UPDATE incident_entries SET body = :body WHERE sequence = 1", body=body)
        past = await store.incidents_past(0.0)
        assert [each.number for each in past.incidents] == [2]
        assert past.next_number == 3
        assert [each.sequence for each in await store.incident_entries(2)] == [2]


async def test_retention_leaves_them_alone(database_url: str) -> None:
    store = await Store.open(database_url, Retention(1, 1, 1, 1, 1, 1, 1))
    store.put_incidents(changes(1))
    store.put_snapshot(Snapshot(1, SnapshotName.OPENED, 0.0, b"<svg/>"))
    series = names()
    store.follow(series)
    expected = expecting(range(len(series)))

    def kept() -> list[int]:
        return [slot for (slot,) in execute(database_url, "SELECT minute FROM seconds")]

    for turn in range(3):
        store.put_slots([settled(START + turn * 50_000, expected)])
        await written(store)
    assert len(kept()) < 3
    assert await store.find_incident(1) == incident(1)
    assert await store.incident_entries(1) == [entry(1)]
    assert await store.incident_snapshots(1) == [SnapshotName.OPENED]
    await store.close()


def test_fields_of_a_newer_version_are_left_out_and_absent_ones_have_their_first_meaning() -> None:
    body = incident_codec.encode(full())[:-1] + ',"more":{"x":1}}'
    assert incident_codec.decode(body) == full()
    assert incident_codec.decode_entry(incident_codec.encode_entry(entry())[:-1] + ',"m":1}') == entry()
    least = (
        '{"number":1,"fleet":"prod","service":"ingest","severity":"page","title":"t",'
        '"state":"resolved","since":1,"opened_at":2,"opened_by":"","updated_at":3,"told_at":4,"entries":5}'
    )
    assert incident_codec.decode(least).affected == ()


def test_an_earlier_store_has_room_for_them(database_url: str) -> None:
    for _ in range(2):
        engine = open_engine(database_url)
        with engine.connect() as connection:
            assert connection.execute(sa.select(schema.incidents)).all() == []
        engine.dispose()
