"""History by series: numbers that last, sums that are exact, lives and step times.

Invariant: whatever was put, in whatever order, over whatever restarts, the tables say of every slot
how each series ended that was put last, and sums are there for what is over and are what seconds make.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as bounded
from hypothesis import strategies as st

from coalmine_aggregator.history import step_times, sums
from coalmine_aggregator.ledger.series import CONTROL, MARK
from coalmine_aggregator.model.agent_life import AgentLife
from coalmine_aggregator.model.endings import ENDINGS, PLAIN_ENDING
from coalmine_aggregator.model.settled_slot import SettledSlot
from coalmine_aggregator.model.timings import Timings
from coalmine_aggregator.model.views import AgentStatus
from coalmine_aggregator.store import rollups
from coalmine_aggregator.store.commit import HistoryWriter
from coalmine_aggregator.store.database import open_engine
from coalmine_aggregator.store.pending import History
from coalmine_aggregator.store.retention import DAY_S, KEPT
from coalmine_aggregator.store.store import Store
from coalmine_runtime import clock
from coalmine_wire.series import parse_name
from tests.aggregator.store.beside import execute
from tests.aggregator.store.kept import Labels, added_up, endings, is_sound, summed
from tests.aggregator.store.samples import LOST, START, expecting, names, settled
from tests.aggregator.store.troubled import written

HOUR = START // 3600 * 3600
NAMES = [*names(agents=2), *names("logs", ("tcp",), 2), MARK + names("logs", ("udp",), 1)[0]]
EVERY = expecting(range(len(NAMES)))


@pytest.fixture
def url(database_url: str) -> str:
    return database_url


async def put(url: str, slots: Sequence[SettledSlot], full_names: Sequence[str] = NAMES) -> None:
    """In a run of its own."""
    store = await Store.open(url)
    store.follow(full_names)
    store.put_slots(slots)
    await store.close()
    assert store.health().dropped == {}


def labels_of(name: str) -> Labels:
    series = parse_name(name.removeprefix(MARK))
    sent_to = series.service if name.startswith(MARK) else ""
    service = CONTROL if sent_to else series.service
    rest = (series.protocol, series.variant, series.location, series.region, series.zone)
    return (service, *map(str, rest), series.host, series.node, sent_to)


def told(slots: Sequence[SettledSlot], full_names: Sequence[str]) -> dict[int, dict[Labels, int]]:
    """What the tables are to say."""
    found = {}
    for slot in slots:
        unusual = dict(zip(slot.ids.tolist(), slot.endings.tolist(), strict=True))
        ids = np.flatnonzero(slot.expected.mask()).tolist()
        by_labels = {labels_of(full_names[each]): unusual.get(each, slot.usual) for each in ids}
        if by_labels:
            found[slot.slot] = by_labels
    return found


async def test_what_was_put_is_told_and_summed(url: str) -> None:
    few = expecting([0, 3, 5, len(NAMES) - 1])
    slots = [
        settled(HOUR + 3_500 + i, few if i % 50 == 7 else EVERY, {3: LOST, 5: i % ENDINGS})
        for i in range(200)
    ]
    await put(url, slots)
    assert endings(url) == told(slots, NAMES)
    is_sound(url, HOUR + 3_699)
    assert len(execute(url, "SELECT 1 FROM rosters WHERE service = 'ingest'")) == 2


async def test_numbers_last_over_restarts_that_know_series_by_other_ids(url: str) -> None:
    first = [settled(HOUR + i, EVERY, {1: LOST}) for i in range(5)]
    await put(url, first)
    numbers = execute(url, "SELECT * FROM series ORDER BY service, number")
    turned = [*names("new", ("udp",), 1), *reversed(NAMES)]
    every = expecting(range(len(turned)))
    second = [settled(HOUR + 5 + i, every, {0: LOST, 4: LOST, 9: 7}) for i in range(5)]
    await put(url, second, turned)
    assert endings(url) == told(first, NAMES) | told(second, turned)
    after = execute(url, "SELECT * FROM series ORDER BY service, number")
    assert set(numbers) <= set(after)
    assert len(after) == len(numbers) + 3


async def test_one_service_that_is_lost_does_not_make_the_other_exceptional(url: str) -> None:
    """What most of all had is not what most of a service had."""
    mine = [i for i, name in enumerate(NAMES) if ".logs." in name and not name.startswith(MARK)]
    slots = [settled(HOUR + i, EVERY, dict.fromkeys(mine[1:], LOST)) for i in range(60)]
    await put(url, slots)
    assert endings(url) == told(slots, NAMES)
    ((body,),) = execute(url, "SELECT body FROM seconds WHERE service = 'logs'")
    assert len(body) < 40


async def test_late_revisions_change_every_sum(url: str) -> None:
    slots = {HOUR + i: settled(HOUR + i, EVERY) for i in range(0, 7_300, 13)}
    await put(url, list(slots.values()))
    is_sound(url, max(slots))
    late = [settled(slot, EVERY, {2: LOST}) for slot in list(slots)[3:200:20]]
    await put(url, late)
    slots |= {each.slot: each for each in late}
    assert endings(url) == told(list(slots.values()), NAMES)
    is_sound(url, max(slots))


ids = st.integers(0, len(NAMES) - 1)
put_slots = st.tuples(
    st.integers(0, 400),
    st.sets(ids, min_size=1, max_size=len(NAMES)),  # a slot without any is no mark of time
    st.dictionaries(ids, st.integers(0, ENDINGS - 1), max_size=12),
    st.sampled_from([PLAIN_ENDING, LOST]),
)
runs = st.lists(st.lists(st.lists(put_slots, max_size=12), max_size=4), min_size=1, max_size=3)


@given(runs)
@bounded(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_of_slots_commits_and_restarts(
    tmp_path_factory: pytest.TempPathFactory,
    history: list[list[list[tuple[int, set[int], dict[int, int], int]]]],
) -> None:
    url = f"sqlite:///{tmp_path_factory.mktemp('any')}/h.db"
    right: dict[int, dict[Labels, int]] = {}
    newest = -1
    for run in history:
        engine = open_engine(url)
        writer = HistoryWriter(engine, KEPT)
        for commit in run:
            batch = History(lambda kind, count: None)
            for second, expected, unusual, usual in commit:
                slot = settled(
                    HOUR + 3_400 + second,
                    expecting(expected),
                    {each: ending for each, ending in unusual.items() if each in expected},
                    usual,
                )
                batch.put_slot(slot)
            assert writer.commit(batch, NAMES)
            for slot in batch.slots:
                newest = max(newest, slot.slot)
                of_slot = told([slot], NAMES).get(slot.slot, {})
                before = right.setdefault(slot.slot, {})
                # A service of which a revision expects nothing keeps what it had.
                revised = {labels[0] for labels in of_slot}
                kept = {labels: each for labels, each in before.items() if labels[0] not in revised}
                right[slot.slot] = kept | of_slot
        engine.dispose()
    if newest >= 0:
        assert endings(url) == {slot: each for slot, each in right.items() if each}
        is_sound(url, newest)


async def test_what_a_killed_run_could_not_sum_up_is_summed_up_later(url: str) -> None:
    slots = [settled(HOUR + i * 7, EVERY, {i % 9: LOST}) for i in range(1_100)]
    await put(url, slots)
    execute(url, "DELETE FROM sums WHERE step_s = 3600")
    execute(url, "DELETE FROM sums WHERE start >= :start", start=HOUR + 1_800)
    await put(url, [settled(HOUR + 7_800, EVERY)])
    is_sound(url, HOUR + 7_800)


async def test_an_hour_waits_for_all_of_its_minutes(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is more to add up than one commit may, nothing half done is kept."""
    monkeypatch.setattr(rollups, "AT_ONCE", 50)
    slots = [settled(HOUR + i * 60, EVERY, {i % 9: LOST}) for i in range(121)]
    await put(url, slots)
    newest = HOUR + 7_200
    for more in range(12):
        right = added_up(endings(url), 3600)
        assert all(rows == right[key] for key, rows in summed(url, 3600).items())
        newest += 1
        await put(url, [settled(newest, EVERY)])
        if more > 8:
            is_sound(url, newest)


def test_a_kill_leaves_no_sums_of_what_was_revised_before(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much late reports revise in one commit: no later run would look at it again."""
    monkeypatch.setattr(rollups, "AT_ONCE", 20)
    engine = open_engine(url)
    writer = HistoryWriter(engine, KEPT)

    def commit(slots: Sequence[SettledSlot]) -> None:
        batch = History(lambda kind, count: None)
        for slot in slots:
            batch.put_slot(slot)
        assert writer.commit(batch, NAMES)

    commit([settled(HOUR + minute * 60, EVERY) for minute in range(3 * 60)])
    newest = HOUR + 3 * 3_600
    for second in range(40):
        commit([settled(newest + second, EVERY)])
    commit([settled(HOUR + minute * 60, EVERY, {2: LOST}) for minute in range(3 * 60)])
    engine.dispose()
    is_sound(url, newest + 39)


async def test_a_commit_that_fails_changes_nothing(url: str) -> None:
    engine = open_engine(url)
    writer = HistoryWriter(engine, KEPT)

    def commit(slots: Sequence[SettledSlot], full_names: Sequence[str]) -> None:
        batch = History(lambda kind, count: None)
        for slot in slots:
            batch.put_slot(slot)
        batch.put_timings(slots[-1].slot, steps([0], 100))
        assert writer.commit(batch, full_names)

    known = list(NAMES)
    commit([settled(HOUR, EVERY)], known)
    known += names("new")
    slots = [settled(HOUR + 1, expecting(range(len(known))), {50: LOST})]
    broken = slots[0]._replace(slot=HOUR + 60, endings=slots[0].endings[:0])
    with pytest.raises(IndexError):
        commit([*slots, broken], known)
    assert len(endings(url)) == 1
    commit(slots, known)
    assert endings(url) == told([settled(HOUR, EVERY)], known) | told(slots, known)
    engine.dispose()
    assert counted_steps(url, 60) == {HOUR: 2}


def steps(of: Sequence[int], us: int) -> Timings:
    return Timings(
        np.array(of, dtype=np.int32), np.full((len(of), 5), us, dtype=np.int32), ((of[0], 1),)
    )


def counted_steps(url: str, step_s: int) -> dict[int, int]:
    """Attempts by start: how many first steps were counted."""
    rows = execute(
        url,
        "SELECT start, body FROM step_times WHERE step_s = :step_s ORDER BY start",
        step_s=step_s,
    )
    found: dict[int, int] = {}
    for start, body in rows:
        times = step_times.decode(body)
        found[start] = found.get(start, 0) + int(times.counts[times.step == 0].sum())
    return found


async def test_step_times_are_counted_by_cell_and_hour(url: str) -> None:
    for run in range(2):  # the second one goes on in the minute of the first
        store = await Store.open(url)
        store.follow(NAMES)
        for i in range(10):
            store.put_slots([settled(HOUR + 3_590 + run * 10 + i, EVERY)])
            store.put_timings(HOUR + 3_590 + run * 10 + i, steps([0, 1, 2], 200 + i))
        await store.close()
    assert counted_steps(url, 60) == {HOUR + 3_540: 30, HOUR + 3_600: 30}
    assert counted_steps(url, 3_600) == {HOUR: 30}
    ((body,),) = execute(
        url, "SELECT body FROM step_times WHERE step_s = 60 AND start = :start", start=HOUR + 3_600
    )
    cells = {
        number: tuple(labels)
        for number, *labels in execute(
            url, "SELECT number, protocol, location, region FROM cells WHERE service = 'ingest'"
        )
    }
    told_cells = {cells[cell] for cell in step_times.decode(body).cell.tolist()}
    assert told_cells == {("tcp", "external", "eu-west-1"), ("tcp", "external", "us-east-1")}


async def test_lives_are_kept_where_they_change(url: str) -> None:
    lives = [
        AgentLife("a1", START + 1.0, AgentStatus.ALIVE),
        AgentLife("a2", START + 1.0, AgentStatus.SET_ASIDE, "agent a1 has its labels"),
        AgentLife("a1", START + 2.0, AgentStatus.MISSING),
        AgentLife("a1", START + 3.0, AgentStatus.MISSING),
        AgentLife("a1", START + 4.0, AgentStatus.ALIVE),
    ]
    for _ in range(2):  # a restart says again how everybody stands
        store = await Store.open(url)
        store.put_lives(lives)
        await store.close()
        lives = [AgentLife("a1", START + 60.0, AgentStatus.ALIVE)]
    assert execute(url, "SELECT agent, at, status, note FROM lives ORDER BY id") == [
        ("a1", START + 1.0, "alive", ""),
        ("a2", START + 1.0, "set_aside", "agent a1 has its labels"),
        ("a1", START + 2.0, "missing", ""),
        ("a1", START + 4.0, "alive", ""),
    ]


async def test_what_is_too_old_goes_a_little_at_a_time(url: str) -> None:
    """Six hours a minute, however far the clock is ahead; rosters go with what refers to them."""
    engine = open_engine(url)
    writer = HistoryWriter(engine, KEPT._replace(seconds_s=2 * DAY_S, minutes_s=3 * DAY_S))

    def commit(slots: Sequence[SettledSlot]) -> None:
        batch = History(lambda kind, count: None)
        for slot in slots:
            batch.put_slot(slot)
        assert writer.commit(batch, NAMES)

    old = expecting(range(4))
    commit([settled(HOUR + i * 600, old) for i in range(6 * 8)])
    for more, oldest, minutes in ((0, 0, 49), (60, 360, 14), (120, 10 * 1_440, 3)):
        commit([settled(HOUR + 10 * DAY_S + more, EVERY)])
        found = execute(url, "SELECT min(minute), count(*) FROM seconds WHERE service = 'ingest'")
        assert found == [(HOUR // 60 + oldest, minutes)]
    assert (
        execute(url, "SELECT 1 FROM sums WHERE step_s = 60 AND start < :cut", cut=HOUR + 86_400) == []
    )
    assert execute(url, "SELECT count(*) FROM rosters WHERE service = 'ingest'") == [(1,)]
    assert endings(url) == told([settled(HOUR + 10 * DAY_S + i, EVERY) for i in (0, 60, 120)], NAMES)
    engine.dispose()


@pytest.mark.parametrize("restarts", [False, True])
def test_a_clock_that_is_a_year_ahead_for_a_moment_leaves_history(
    url: str, monkeypatch: pytest.MonkeyPatch, restarts: bool
) -> None:
    """Nothing goes early, sums are right and made once, and what is too old goes on to go."""
    engine = open_engine(url)
    kept = KEPT._replace(seconds_s=2 * DAY_S, minutes_s=2 * DAY_S, step_times_s=2 * DAY_S)
    writer = HistoryWriter(engine, kept)

    def commit(slot: int, late: int = 0) -> None:
        nonlocal writer
        monkeypatch.setattr(clock, "wall", lambda: slot + 2.0)
        batch = History(lambda kind, count: None)
        batch.put_slot(settled(slot - late, EVERY, {slot % 9: LOST}))
        batch.put_timings(slot - late, steps([0, 1], 200))
        if restarts:
            writer = HistoryWriter(engine, kept)
        assert writer.commit(batch, NAMES)

    def minutes() -> set[int]:
        return {minute for (minute,) in execute(url, "SELECT minute FROM seconds")}

    was = range(HOUR - DAY_S, HOUR, 1_800)
    for slot in (*was, HOUR, HOUR + 61, HOUR + 365 * DAY_S, HOUR + 365 * DAY_S + 1):
        commit(slot)
    assert minutes() >= {slot // 60 for slot in was}
    made = []
    of_minute = sums.of_minute

    def counted(minute: int, *how: Any) -> Any:
        made.append(minute)
        return of_minute(minute, *how)

    monkeypatch.setattr(sums, "of_minute", counted)
    slots = [*range(HOUR + 62, HOUR + 120, 20), *range(HOUR + 120, HOUR + 3_660, 60)]
    for slot in slots:
        commit(slot)
    commit(slots[-1] + 2, late=300)
    # Of each service the minute in which the clock was ahead, whenever it grows; every other once it is
    # over, and again for what came late.
    assert minutes() >= {slot // 60 for slot in was}
    assert len(made) == 3 * (3 + 58 + 1)
    is_sound(url, slots[-1])
    in_hour = [HOUR, HOUR + 61, *slots, slots[-1] - 298]
    timed = 2 * sum(slot < HOUR + 3_600 for slot in in_hour)
    assert counted_steps(url, 3_600)[HOUR] == pytest.approx(timed, rel=0.05)  # they are rounded
    for more in range(6):
        commit(HOUR + 2 * DAY_S + more * 60)
    if not restarts:
        assert min(minutes()) == HOUR // 60 + 4
    engine.dispose()


async def test_a_roster_that_comes_back_after_it_was_let_go_of_is_kept_anew(url: str) -> None:
    """Weeks later, in the same run, the fleet is what it was."""
    engine = open_engine(url)
    writer = HistoryWriter(engine, KEPT._replace(seconds_s=2 * DAY_S))

    def commit(slot: SettledSlot) -> None:
        batch = History(lambda kind, count: None)
        batch.put_slot(slot)
        assert writer.commit(batch, NAMES)

    commit(settled(HOUR, EVERY))
    for hour in range(1, 5 * 24):
        commit(settled(HOUR + hour * 3_600, expecting(range(4))))
    back = settled(HOUR + 5 * DAY_S, expecting(range(len(NAMES))), {2: LOST})
    commit(back)
    engine.dispose()
    assert endings(url)[back.slot] == told([back], NAMES)[back.slot]


async def test_another_server_that_lacks_what_was_committed_last_is_not_taken_for_the_same(
    postgres_url: str,
) -> None:
    """A standby took over between two commits: no statement failed, so nobody was told."""
    url = postgres_url
    store = await Store.open(url)
    known = list(NAMES[:9])
    store.follow(known)
    first = settled(HOUR, expecting(range(9)))
    store.put_slots([first])
    await written(store)
    known += NAMES[9:12]
    store.put_slots([settled(HOUR + 60, expecting(range(12)))])
    await written(store)
    for table in ("series", "leaves", "cells"):
        execute(url, f"DELETE FROM {table} WHERE number >= 9")
    execute(url, "DELETE FROM rosters WHERE number > 0")
    execute(url, "DELETE FROM seconds WHERE minute > :minute", minute=HOUR // 60)
    cut_off(url)
    known += NAMES[12:]
    second = settled(HOUR + 120, expecting(range(len(NAMES))), {2: LOST})
    store.put_slots([second])
    await written(store)
    await store.close()
    third = settled(HOUR + 180, EVERY)
    await put(url, [third])
    assert endings(url) == told([first, second, third], NAMES)


def cut_off(url: str) -> None:
    """Ends all connections to the database, as a server does that stops."""
    execute(
        url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
