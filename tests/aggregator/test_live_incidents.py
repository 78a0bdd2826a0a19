"""Incidents over a real desk, engine, store and reader: kept with the alerts, counted, answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from coalmine_aggregator.engine import Engine
from coalmine_aggregator.incidents.opening import Opening
from coalmine_aggregator.incidents.policy import IncidentPolicy
from coalmine_aggregator.live_incidents import LiveIncidents
from coalmine_aggregator.measuring import Measuring
from coalmine_aggregator.model.alerts import Alert, AlertClass, Change, Severity, Transition
from coalmine_aggregator.model.endings import fate_of_ending
from coalmine_aggregator.model.fates import BAD, NEITHER
from coalmine_aggregator.model.incident import (
    EntryKind,
    Incident,
    IncidentState,
    Postmortem,
    Publication,
)
from coalmine_aggregator.model.incident_snapshot import SnapshotName
from coalmine_aggregator.model.incidents_wanted import IncidentsWanted
from coalmine_aggregator.model.progress import Counting, Progress
from coalmine_aggregator.model.restored import Restored
from coalmine_aggregator.reading.readers import Readers
from coalmine_aggregator.receivers.table import SeriesTable
from coalmine_aggregator.status.components import Component, Components, Publish
from coalmine_aggregator.store.database import open_engine
from coalmine_aggregator.store.store import Store
from coalmine_aggregator.web.duty import NotKeptError
from coalmine_aggregator.web.incident_desk import PostmortemChangedError
from coalmine_aggregator.web.reader_tasks import MODULE
from tests.aggregator.notify.receivers import notifying
from tests.aggregator.reading.kept import START as PAST
from tests.aggregator.reading.kept import UNSEEN, Past, keep, random_past
from tests.aggregator.store.beside import execute, locked
from tests.aggregator.store.samples import START, acknowledged, alert, birth, closed, opened, routed
from tests.aggregator.store.troubled import written
from tests.servers.waiting import until

NOW = START + 20.0
POLICY = IncidentPolicy(fleet="prod")
UDP = Component("udp", "UDP ingestion", "ingest", protocols=("udp",))
HELD = Component("eu", "Europe", "ingest", regions=("eu-*",), publish=Publish.HELD)


class Site:
    """A store, and incidents over it that are started as often as one likes."""

    def __init__(self, url: str, store: Store) -> None:
        self.url = url
        self.store = store
        self.readers = Readers(MODULE, url)

    async def start(
        self,
        *open_alerts: Alert,
        now: float = NOW,
        policy: IncidentPolicy = POLICY,
        components: Components | None = None,
    ) -> LiveIncidents:
        self.engine = Engine(
            fleet="prod",
            policies={},
            sources=["tcp"],
            restored=Restored(open_alerts=open_alerts, next_number=100),
            now=now,
        )
        return await LiveIncidents.started(
            policy, self.engine, self.store, self.readers, components, now
        )

    def happens(self, incidents: LiveIncidents, *transitions: Transition, now: float = NOW) -> None:
        """As the measuring does it."""
        self.store.put_transitions([routed(each) for each in transitions])
        incidents.follow(transitions, now)

    def kept(self) -> list[tuple[int, str]]:
        """By another program, from the database."""
        rows = execute(self.url, "SELECT number, state FROM incidents ORDER BY number")
        return [(number, state) for number, state in rows]


@asynccontextmanager
async def reading(readers: Readers) -> AsyncIterator[None]:
    readers.start()
    try:
        yield
    finally:
        await readers.close()


@pytest.fixture
async def site(sqlite_url: str) -> AsyncIterator[Site]:
    store = await Store.open(sqlite_url)
    yield Site(sqlite_url, store)
    await store.close()


def progress(now: float) -> Progress:
    return Progress(now, int(now) - 3, Counting.UNCHECKED)


async def test_an_open_alert_without_an_incident_gets_one_at_a_start_and_no_second(site: Site) -> None:
    for _ in range(3):
        incidents = await site.start(alert(7), now=NOW)
        assert await site.store.flushed(10.0)
        assert site.kept() == [(1, "investigating")]
    found = await incidents.find(incidents.of_alert(7))
    assert (found.service, found.opened_at, found.since) == ("ingest", START + 4.2, START)
    assert [each.kind for each in await incidents.entries(1, 0, 10)] == [EntryKind.OPENED]


async def test_an_alert_that_closed_while_nobody_looked_leaves_no_incident_that_waits(
    site: Site,
) -> None:
    await site.start(alert(7))
    assert await site.store.flushed(10.0)
    incidents = await site.start(now=NOW + 5.0)
    assert (await incidents.find(1)).state is IncidentState.MONITORING


async def test_its_course_is_kept_as_it_goes(site: Site) -> None:
    incidents = await site.start()
    site.happens(incidents, opened(3))
    site.happens(incidents, acknowledged(3), now=NOW + 1)
    site.happens(incidents, closed(3, at=NOW + 30.0), now=NOW + 30)
    assert await site.store.flushed(10.0)
    assert site.kept() == [(1, "monitoring")]
    incidents.look(progress(NOW + 629.0))
    assert (await incidents.find(1)).state is IncidentState.MONITORING
    incidents.look(progress(NOW + 631.0))
    assert await site.store.flushed(10.0)
    assert site.kept() == [(1, "resolved")]
    entries = await incidents.entries(1, 0, 100)
    assert [each.sequence for each in entries] == list(range(1, len(entries) + 1))
    assert {EntryKind.OPENED, EntryKind.ACKNOWLEDGED, EntryKind.ALERT_CLOSED} <= {
        each.kind for each in entries
    }
    again = await site.start(now=NOW + 640.0)
    assert await again.find(1) == await incidents.find(1)


async def test_what_people_do_is_on_disk_before_they_are_answered(site: Site) -> None:
    incidents = await site.start(alert(7))
    second = await incidents.open(Opening("query", "Slow answers"), "anna", NOW)
    assert site.kept() == [(1, "investigating"), (2, "investigating")]
    told = await incidents.update(
        2, state=IncidentState.IDENTIFIED, text="found", public="", who="ben", now=NOW + 1
    )
    assert (told.number, told.state, told.told_at) == (second.number, IncidentState.IDENTIFIED, NOW + 1)
    assert site.kept()[1] == (2, "identified")
    await incidents.title(2, "Answers are slow", None, "ben", NOW + 2)
    await incidents.note(2, "a note", "ben", NOW + 3)
    await incidents.publish(2, "ben", NOW + 4)
    assert (await incidents.withhold(2, "ben", NOW + 5)).publication is Publication.WITHHELD
    again = await site.start(alert(7), now=NOW + 6)
    assert (await again.find(2)).title == "Answers are slow"
    with locked(site.url), pytest.raises(NotKeptError):
        await incidents.note(1, "while nothing can be written", "ben", NOW + 7)
    await written(site.store)
    assert (await incidents.entries(1, 0, 10))[-1].text == "while nothing can be written"


async def test_one_that_only_the_store_remembers_is_worked_on_all_the_same(site: Site) -> None:
    incidents = await site.start()
    for number in (1, 2):
        site.happens(incidents, opened(number, f"s{number}"), now=NOW)
        site.happens(incidents, closed(number, f"s{number}", at=NOW + 9), now=NOW + 9)
    incidents.look(progress(NOW + 1_000.0))
    assert await site.store.flushed(10.0)
    late = NOW + 30 * 86_400.0
    incidents = await site.start(now=late)
    assert incidents.of_alert(1) == 0
    assert (await incidents.reopen(1, "not over", "anna", late)).state is IncidentState.INVESTIGATING
    with pytest.raises(ValueError, match=r"into: is incident 2, of s2; this one is of s1"):
        await incidents.merge(1, 2, "anna", late)
    with pytest.raises(ValueError, match="into: there is no incident 99"):
        await incidents.merge(1, 99, "anna", late)
    for number in (0, 3, 10**30):
        with pytest.raises(KeyError):
            await incidents.find(number)
        with pytest.raises(KeyError):
            await incidents.note(number, "x", "anna", late)


async def test_what_cannot_be_written_yet_is_shown(site: Site) -> None:
    incidents = await site.start()
    for number in range(1, 6):
        site.happens(incidents, opened(number, f"s{number}"))
    assert await site.store.flushed(10.0)
    wanted = IncidentsWanted(states=frozenset({IncidentState.INVESTIGATING}))
    with locked(site.url):
        site.happens(incidents, opened(6, "s6"), closed(3, "s3"), now=NOW + 60)
        for before, limit, numbers in ((None, 3, [6, 5, 4]), (4, 3, [2, 1]), (3, 1, [2])):
            found = await incidents.page(wanted, before, limit)
            assert [each.number for each in found] == numbers
    await written(site.store)
    found = await incidents.page(IncidentsWanted(), None, 10)
    assert [each.number for each in found] == [6, 5, 4, 3, 2, 1]


async def test_a_page_is_full_whatever_the_store_has_still_to_learn(site: Site) -> None:
    """Invariant: however memory and store disagree, pages hold all that are wanted, once each."""
    incidents = await site.start()
    for number in range(1, 10):
        site.happens(incidents, opened(number, f"s{number}"))
    assert await site.store.flushed(10.0)
    going = IncidentsWanted(states=frozenset({IncidentState.INVESTIGATING}))
    over = IncidentsWanted(states=frozenset({IncidentState.RESOLVED}))

    async def pages(wanted: IncidentsWanted, limit: int) -> list[list[int]]:
        found, before = list[list[int]](), None
        while page := await incidents.page(wanted, before, limit):
            found.append([each.number for each in page])
            before = page[-1].number
        return found

    with locked(site.url):
        for number in (9, 8, 7, 5, 1):
            site.happens(incidents, closed(number, f"s{number}"), now=NOW + 60)
        incidents.look(progress(NOW + 700.0))
        assert await pages(going, 2) == [[6, 4], [3, 2]]
        assert await pages(over, 2) == [[9, 8], [7, 5], [1]]
        assert await pages(IncidentsWanted(), 4) == [[9, 8, 7, 6], [5, 4, 3, 2], [1]]
    await written(site.store)
    assert await pages(over, 2) == [[9, 8], [7, 5], [1]]


async def test_of_two_who_write_one_post_mortem_at_once_one_is_told(site: Site) -> None:
    """Also of an old one, which both had to be read from the store for."""
    incidents = await site.start()
    site.happens(incidents, opened(1), closed(1, at=NOW + 9))
    incidents.look(progress(NOW + 1_000.0))
    assert await site.store.flushed(10.0)
    late = NOW + 30 * 86_400.0
    incidents = await site.start(now=late)
    before = (await incidents.find(1)).postmortem
    done = await asyncio.gather(
        *(
            incidents.write_up(1, Postmortem(summary=who), who, late, before)
            for who in ("anna", "ben", "carl")
        ),
        return_exceptions=True,
    )
    (kept,) = [each for each in done if isinstance(each, Incident)]
    assert sum(isinstance(each, PostmortemChangedError) for each in done) == 2
    assert (await incidents.find(1)).postmortem == kept.postmortem


async def test_one_resolved_long_ago_whose_alert_goes_on_is_the_only_one_of_it(site: Site) -> None:
    incidents = await site.start(alert(7))
    await incidents.update(
        1, state=IncidentState.RESOLVED, text="known", public="", who="anna", now=NOW
    )
    late = NOW + 30 * 86_400.0
    incidents = await site.start(alert(7), now=late)
    assert await site.store.flushed(10.0)
    assert site.kept() == [(1, "resolved")]
    assert incidents.of_alert(7) == 1


async def test_what_people_said_is_in_the_timeline_before_it_is_on_disk(site: Site) -> None:
    """Who is told that it is not written yet looks again, and would say it twice otherwise."""
    incidents = await site.start(alert(7))
    assert await site.store.flushed(10.0)

    async def said(after: int = 0, limit: int = 10) -> list[str]:
        return [each.text for each in await incidents.entries(1, after, limit)][-2:]

    with locked(site.url):
        for text in ("one", "two"):
            with pytest.raises(NotKeptError):
                await incidents.note(1, text, "ben", NOW)
        assert await said() == ["one", "two"]
        assert await said(after=1, limit=1) == ["one"]
        assert await said(after=2) == ["two"]
        assert await said(after=3) == []
    await written(site.store)
    assert await said() == ["one", "two"]
    assert len(await incidents.entries(1, 0, 10)) == 3


async def test_nobody_who_says_anything_is_reminded(site: Site) -> None:
    incidents = await site.start(alert(7))
    opened_at = alert(7).opened_at
    assert incidents.look(progress(opened_at + 1_799.0)) == []
    (found,) = incidents.look(progress(opened_at + 1_801.0))
    assert (found.alert_class, found.service, found.handle, found.severity) == (
        AlertClass.UPDATE_DUE,
        "ingest",
        "incident-1",
        Severity.TICKET,
    )
    assert "coalmine incidents update 1" in found.note
    await incidents.note(1, "at it", "anna", opened_at + 1_802.0)
    assert incidents.look(progress(opened_at + 1_803.0)) == []
    quiet = await site.start(alert(7), policy=POLICY._replace(remind_s=0.0))
    assert (quiet.remind_s, quiet.look(progress(opened_at + 9_000.0))) == (0.0, [])


async def test_a_fault_of_the_desk_costs_no_page_and_is_made_good(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    incidents = await site.start(alert(7), policy=POLICY._replace(open=frozenset()))
    monkeypatch.setattr(incidents._desk, "take", lambda *_: 1 // 0)
    async with notifying(site.store, []) as notifier:
        measuring = Measuring(
            site.engine, SeriesTable(bytes(16)), site.store, notifier, (), [incidents]
        )
        measuring.acknowledge(7, "anna")
        assert await site.store.flushed(10.0)
        assert site.engine.open_alerts()[0].acknowledged_by == "anna"
        kept = await site.store.find_alert("7")
        assert kept is not None
        assert kept.acknowledged_by == "anna"
        now = measuring.now()
    assert site.kept() == []
    incidents._desk._policy = POLICY
    incidents.look(progress(now + 1.0))
    assert await site.store.flushed(10.0)
    assert (await incidents.find(1)).acknowledged_by == "anna"


def counts(past: Past, first: int, last: int) -> dict[tuple[str, str], tuple[int, int]]:
    """Of all udp: bad and judged by protocol and region."""
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for column, series in enumerate(past.series):
        if series.protocol != "udp":
            continue
        endings = past.endings[first - PAST : last - PAST + 1, column].tolist()
        fates = [fate_of_ending(each) for each in endings if each < UNSEEN]
        bad, judged = found.get(("udp", series.region), (0, 0))
        found["udp", series.region] = (
            bad + sum(fate in BAD for fate in fates),
            judged + sum(fate not in NEITHER for fate in fates),
        )
    return found


async def test_what_it_cost_is_counted_and_drawn_until_it_is_final(site: Site) -> None:
    past = random_past(1, 600)
    writer = open_engine(site.url)
    keep(writer, past)
    writer.dispose()
    since, over = PAST + 100, PAST + 299
    begun = alert(7)._replace(since=since, opened_at=since + 2.0)
    incidents = await site.start(begun, now=since + 2.0)

    async def impact() -> dict[tuple[str, str], tuple[int, int]]:
        found = (await incidents.find(1)).impact
        return {} if found is None else {(c.protocol, c.region): (c.bad, c.judged) for c in found.cells}

    async def drawn() -> list[SnapshotName]:
        return list(await incidents.snapshots(1))

    async def counted(last: int) -> None:
        expected = counts(past, since, last)

        async def reached() -> bool:
            return await impact() == expected

        await until(reached, deadline_s=30, what=f"{expected} is counted", explain=lambda: str(found()))

    def found() -> Incident | None:
        return incidents._desk.find(1)

    working = asyncio.create_task(incidents.run())
    try:
        async with reading(site.readers):
            incidents.look(progress(since + 66.0))
            await counted(since + 63)
            await until(drawn, deadline_s=30, what="the opening is drawn")
            end = begun._replace(closed_at=over + 4.0)
            site.happens(incidents, Transition(Change.CLOSED, over + 4.0, end), now=over + 4.0)
            last = found()
            assert last is not None
            (hit,) = last.affected
            assert hit.last is not None
            incidents.look(progress(over + 10.0))
            await counted(hit.last)
            incidents.look(progress(over + 700.0))

            async def both() -> bool:
                return await drawn() == [SnapshotName.OPENED, SnapshotName.RESOLVED]

            incidents.look(progress(over + 701.0))
            await until(both, deadline_s=30, what="the whole course is drawn")
            incidents.look(progress(over + 90_000.0))

            async def final() -> bool:
                counted = (await incidents.find(1)).impact
                return counted is not None and counted.is_final

            await until(final, deadline_s=30, what="the count is final")
            await counted(hit.last)
    finally:
        working.cancel()
    picture = await incidents.snapshot(1, SnapshotName.RESOLVED)
    assert picture is not None
    assert picture.body.startswith(b"<svg")
    assert b"Incident 1: " in picture.body
    assert await site.store.flushed(10.0)
    stored = await site.store.find_incident(1)
    assert stored is not None
    assert stored.impact is not None
    assert stored.impact.is_final


async def test_what_waits_for_customers_is_told_apart(site: Site) -> None:
    alone = await site.start(alert(7))
    assert alone.standing(await alone.find(1)) is None
    assert await alone.public_record(1) is None
    incidents = await site.start(alert(7), components=Components([UDP, HELD]))
    standing = incidents.standing(await incidents.find(1))
    assert standing is not None
    assert (standing.shown, standing.held) == ((), ())  # no series is known yet
    site.engine.birth(birth(), NOW)
    standing = incidents.standing(await incidents.find(1))
    assert standing is not None
    assert (standing.shown, standing.held) == (("UDP ingestion",), ("Europe",))
    assert standing.name == "Loss on UDP ingestion and Europe"
    assert await site.store.flushed(10.0)
    would = await incidents.public_record(1)
    assert would is not None
    assert would.components == ("udp", "eu")
    published = await incidents.publish(1, "anna", NOW)
    standing = incidents.standing(published)
    assert standing is not None
    assert (standing.shown, standing.held) == (("UDP ingestion", "Europe"), ())
    withheld = incidents.standing(await incidents.withhold(1, "anna", NOW))
    assert withheld is not None
    assert (withheld.shown, withheld.held) == ((), ())
