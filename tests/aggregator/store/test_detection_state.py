"""What detection leaves in a store: sums of objectives, what was learned, why alerts were opened."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from coalmine_aggregator.model.alerts import Change, Transition
from coalmine_aggregator.model.counts import Counts
from coalmine_aggregator.model.endings import COLUMNS, ENDINGS
from coalmine_aggregator.model.slo_minutes import MAX_WINDOW_S, MinuteSums
from coalmine_aggregator.store import commit, pending, read, recorded
from coalmine_aggregator.store.alert_codec import decode_transition, encode_transition
from coalmine_aggregator.store.store import Store
from coalmine_runtime import clock
from tests.aggregator.store.beside import execute, locked
from tests.aggregator.store.samples import (
    START,
    WHY,
    alert,
    changed,
    closed,
    counted,
    expecting,
    leaves,
    names,
    opened,
    routed,
    settled,
    told,
)
from tests.servers.waiting import until

MINUTE = START // 60
FULL = 2**60 - 1
DAYS_90 = MAX_WINDOW_S // 60


@pytest.fixture
def url(database_url: str) -> str:
    return database_url


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    store = await Store.open(url)
    store.on_deliveries = lambda deliveries: None
    yield store
    await store.close()


async def reopened(store: Store, url: str) -> Store:
    await store.close()
    return await Store.open(url)


async def test_the_newest_sums_of_a_minute_stand(store: Store, url: str) -> None:
    store.put_slo("ingest", MINUTE, MinuteSums(10, 0, 10, 0, 1))
    store = await reopened(store, url)
    store.put_slo("ingest", MINUTE, MinuteSums(600, 2, 300, 1, FULL))
    store.put_slo("ingest", MINUTE + 1, MinuteSums(1, 1, 1, 1, 1))
    store.put_slo("ingest", MINUTE + 1, MinuteSums(7, 1, 7, 1, 3))
    store.put_slo("logs", MINUTE - 5, MinuteSums(2**40, 2**39, 0, 0, FULL))
    store = await reopened(store, url)
    slo = (await store.load()).slo
    await store.close()
    assert {service: rows.tolist() for service, rows in slo.items()} == {
        "ingest": [[MINUTE, 600, 2, 300, 1, FULL], [MINUTE + 1, 7, 1, 7, 1, 3]],
        "logs": [[MINUTE - 5, 2**40, 2**39, 0, 0, FULL]],
    }


async def test_minutes_older_than_any_objective_are_pruned(store: Store, url: str) -> None:
    for minute in (MINUTE - DAYS_90, MINUTE - DAYS_90 + 1, MINUTE):
        store.put_slo("ingest", minute, MinuteSums(1, 0, 1, 0, 1))
    store.put_slo("gone", MINUTE - DAYS_90, MinuteSums(1, 0, 1, 0, 1))
    store = await reopened(store, url)
    slo = (await store.load()).slo
    await store.close()
    assert {service: rows[:, 0].tolist() for service, rows in slo.items()} == {
        "ingest": [MINUTE - DAYS_90 + 1, MINUTE]
    }
    assert execute(url, "SELECT count(*) FROM slo_minutes") == [(2,)]


async def test_it_is_pruned_again_and_again(store: Store, url: str) -> None:
    """Within one run: the oldest minute goes once the newest is an hour further."""

    async def count() -> int:
        return sum(len(rows) for rows in (await store.load()).slo.values())

    async def is_written(minute: int) -> bool:
        rows = (await store.load()).slo.get("ingest")
        return rows is not None and int(rows[-1, 0]) == minute

    first, later = MINUTE, MINUTE + DAYS_90 + commit.PRUNE_ROWS_S // 60
    for minute in (first, later):
        store.put_slo("ingest", minute, MinuteSums(1, 0, 1, 0, 1))

        async def arrived(minute: int = minute) -> bool:
            return await is_written(minute)

        await until(arrived, deadline_s=5.0, what="the minute is written")
    assert await count() == 1
    assert execute(url, "SELECT count(*) FROM slo_minutes") == [(1,)]


async def test_a_clock_that_is_a_year_ahead_for_a_moment_leaves_budgets(store: Store, url: str) -> None:
    ahead = int(clock.wall()) // 60 + 365 * 1_440
    minutes = range(MINUTE - 3_000, MINUTE + 1, 100)
    for minute in (*minutes, ahead, MINUTE + 1):
        store.put_slo("ingest", minute, MinuteSums(1, 0, 1, 0, 1))
        store = await reopened(store, url)
    slo = (await store.load()).slo
    await store.close()
    # Six hours of the oldest went.
    assert slo["ingest"][:, 0].tolist() == [*minutes[4:], MINUTE + 1]


async def test_what_was_learned_comes_back(store: Store, url: str) -> None:
    store.put_learned("noise/ingest", "{}")
    store.put_learned("slow/ingest", '{"p95":12}')
    store.put_learned("noise/ingest", '{"rho":0.02}')
    store = await reopened(store, url)
    assert dict((await store.load()).learned) == {
        "noise/ingest": '{"rho":0.02}',
        "slow/ingest": '{"p95":12}',
    }
    await store.close()


async def test_a_locked_file_keeps_sums_waiting_and_the_newest_wins(url: str, store: Store) -> None:

    async def fails() -> bool:
        return bool(store.health().error)

    async def written() -> bool:
        return store.health().waiting == 0 and not store.health().error

    with locked(url):
        store.put_slo("ingest", MINUTE, MinuteSums(1, 0, 1, 0, 1))
        store.put_learned("noise/ingest", "1")
        await until(fails, deadline_s=15.0, what="a commit failed")
        store.put_slo("ingest", MINUTE, MinuteSums(2, 0, 2, 0, 3))
        store.put_learned("noise/ingest", "2")
    await until(written, deadline_s=15.0, what="all is written")
    restored = await store.load()
    assert restored.slo["ingest"].tolist() == [[MINUTE, 2, 0, 2, 0, 3]]
    assert dict(restored.learned) == {"noise/ingest": "2"}


def test_what_waits_has_a_bound_and_says_what_it_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending, "MAX_MINUTES", 10)
    monkeypatch.setattr(pending, "MAX_LEARNED_BYTES", 3 * (200 + 1))
    dropped: list[tuple[str, int]] = []
    history = pending.History(lambda kind, count: dropped.append((kind, count)))
    for minute in range(12):
        history.put_slo("ingest", minute, MinuteSums(1, 0, 1, 0, 1))
    for name in "abcd":
        history.put_learned(name, "x")
    assert len(history) == 13
    assert dropped == [("slo_minutes", 1), ("slo_minutes", 1), ("learned", 1)]
    assert list(history.learned.items()) == ["b", "c", "d"]


async def test_transitions_keep_why(store: Store, url: str) -> None:
    first = opened(1)._replace(explanation=WHY)
    second_one = changed(1)._replace(explanation=WHY._replace(facts=()))
    store.put_transitions([routed(first, "pd"), routed(second_one)])
    store.put_transitions([routed(opened(2, "logs")), routed(closed(1))])
    store = await reopened(store, url)
    assert await store.explained(1) == [first, second_one, closed(1)]
    assert await store.explained(99) == []
    pending_ones, *_ = await store.standing(0.0)
    assert [delivery.transition for delivery in pending_ones] == [first]
    await store.close()


async def test_a_damaged_transition_is_left_out(store: Store, url: str) -> None:
    store.put_transitions([routed(opened(1)), routed(changed(1))])
    assert await store.flushed(5.0)
    for damage in ("", "[]", "{}", '{"explanation": 1}'):
        execute(url, "UPDATE transitions SET body = :damage WHERE id = 1", damage=damage)
        assert await store.explained(1) == [changed(1)]


async def test_of_very_many_transitions_the_first_and_the_last_are_read(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "MAX_EXPLAINED", 3)
    put = [opened(1), *(changed(1, at=START + 5.0 + i) for i in range(6))]
    store.put_transitions([routed(each) for each in put])
    assert await store.flushed(5.0)
    assert await store.explained(1) == [put[0], *put[-3:]]
    store.put_transitions([routed(each) for each in (opened(2), changed(2), closed(2))])
    assert await store.flushed(5.0)
    assert await store.explained(2) == [opened(2), changed(2), closed(2)]


async def test_an_alert_is_found_by_number_and_by_id(store: Store) -> None:
    store.put_transitions(
        [
            routed(opened(1)),
            routed(closed(1)),
            routed(opened(2)),
            routed(opened(3, "in_gest")),
            routed(opened(4, "a-b")),
            routed(opened(5, "b")),
        ]
    )
    assert await store.flushed(5.0)
    found = {
        ref: None if (it := await store.find_alert(ref)) is None else it.number
        for ref in (
            "ingest-loss-1",
            "in_gest-loss-1",
            "inxgest-loss-1",
            "a-b-loss-1",
            "b-loss-1",
            "1",
            "5",
            "6",
            "9" * 30,
            "-1",
            "",
            "loss-1",
            "-loss-1",
            "ingest-loss-2",
            "ingest-nosuch-1",
            "%-loss-1",
            "ingest-loss-%",
            "²",
        )
    }
    assert {ref: number for ref, number in found.items() if number} == {
        "ingest-loss-1": 2,
        "in_gest-loss-1": 3,
        "a-b-loss-1": 4,
        "b-loss-1": 5,
        "1": 1,
        "5": 5,
    }


async def test_a_corrected_alert_is_kept_without_a_transition(store: Store, url: str) -> None:
    total = Counts(0, (0, 0, 0, 0, 44, 0, 0))
    store.put_transitions([routed(opened(1)), routed(closed(1))])
    assert await store.flushed(5.0)
    store.put_alert(closed(1).alert._replace(total=total, effect="late"))
    store = await reopened(store, url)
    found = await store.find_alert("1")
    assert found == closed(1).alert._replace(total=total, effect="late")
    assert await store.explained(1) == [opened(1), closed(1)]
    await store.close()


async def test_a_transition_after_a_correction_stands(store: Store, url: str) -> None:
    """Nothing that was put before the end may open an alert again, whatever failed in between."""
    store.put_transitions([routed(opened(1))])
    assert await store.flushed(5.0)

    async def fails() -> bool:
        return bool(store.health().error)

    with locked(url):
        store.put_alert(alert(1)._replace(note="corrected"))
        await until(fails, deadline_s=15.0, what="a commit failed")
        store.put_transitions([routed(closed(1))])
    store = await reopened(store, url)
    assert (await store.load()).open_alerts == ()
    assert await store.find_alert("1") == closed(1).alert
    await store.close()


def test_an_explanation_survives_its_json() -> None:
    change = Transition(Change.CHANGED, START + 9.5, alert(), WHY)
    assert decode_transition("changed", START + 9.5, encode_transition(change)) == change


async def test_a_long_time_is_read_by_the_hour(store: Store, url: str) -> None:
    """What `slots` reads at once, `read_slots` reads in parts: every slot once, in order."""
    of = names(protocols=("tcp",))
    store.follow(of)
    expected = [expecting(range(1, 2 + i)) for i in range(5)]
    put = [settled(START + i * 97, expected[i % 5], {1: i % ENDINGS}) for i in range(150)]
    store.put_slots(put)
    store = await reopened(store, url)
    chunks = [chunk async for chunk in store.read_slots(0, 2**40)]
    whole = await store.slots(START, START + 150 * 97)
    some = [chunk async for chunk in store.read_slots(START + 97, START + 97 * 99 - 1)]
    none = [chunk async for chunk in store.read_slots(START - 86_400, START - 1)]
    backwards = [chunk async for chunk in store.read_slots(START + 500, START)]
    await store.close()
    assert len(chunks) == len({counts.slot // 3600 for counts in put})
    assert all(len({counts.slot // 3600 for counts in chunk}) == 1 for chunk in chunks)
    flat = [counts for chunk in chunks for counts in chunk]
    assert [counts.slot for counts in flat] == [counts.slot for counts in put]
    assert [told(counts) for counts in flat] == [counted(slot, of) for slot in put]
    assert [counts.slot for counts in whole] == [counts.slot for counts in put]
    assert [c.slot for chunk in some for c in chunk] == [c.slot for c in put[1:99]]
    assert none == []
    assert backwards == []


async def test_a_large_fleet_is_read_in_shorter_parts(
    store: Store, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = names()
    store.follow(of)
    store.put_slots([settled(START + i * 60, expecting(range(len(of)))) for i in range(60)])
    store = await reopened(store, url)
    monkeypatch.setattr(recorded, "SPAN_BYTES", 5 * len(leaves()) * 60 * COLUMNS * 8)
    chunks = [chunk async for chunk in store.read_slots(START, START + 3600)]
    await store.close()
    assert max(len(chunk) for chunk in chunks) == 5
    assert sum(len(chunk) for chunk in chunks) == 60


async def test_an_empty_store_has_nothing_to_read(store: Store) -> None:
    assert [chunk async for chunk in store.read_slots(0, 2**40)] == []
    assert await store.find_alert("ingest-loss-1") is None
    assert await store.explained(1) == []
