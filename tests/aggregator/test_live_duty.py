"""What people on duty do, over a real engine, notifier and store: done at once, and kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from aiohttp.test_utils import TestClient, TestServer

from coalmine_aggregator.engine import Engine
from coalmine_aggregator.live_duty import LiveDuty
from coalmine_aggregator.measuring import Measuring
from coalmine_aggregator.model.alerts import Alert, Change
from coalmine_aggregator.model.restored import Restored
from coalmine_aggregator.notify.notifier import Notifier
from coalmine_aggregator.paging.match import Match
from coalmine_aggregator.paging.silence import Silence, SilenceKind
from coalmine_aggregator.receivers.table import SeriesTable
from coalmine_aggregator.store.store import Store
from coalmine_aggregator.web.app import make_app
from coalmine_aggregator.web.duty import NotKeptError
from coalmine_aggregator.web.entrance import CSRF_HEADER
from coalmine_runtime import clock
from tests.aggregator.notify.receivers import notifying
from tests.aggregator.store.beside import locked
from tests.aggregator.store.samples import alert, closed, opened, routed
from tests.aggregator.web.fake_view import FakeView
from tests.servers.waiting import until

OPEN, OVER, OLD = 7, 6, 3
HOUR_S = 3_600.0


@dataclass
class Site:
    """What a start made: alert 7 is open, 6 closed; 3 is closed and in the store alone."""

    url: str
    store: Store
    notifier: Notifier
    measuring: Measuring
    duty: LiveDuty

    @property
    def now(self) -> float:
        return self.measuring.now()

    async def stored(self, number: int) -> Alert:
        """As a restart would find it: by another program, from the file."""
        again = await Store.open(self.url)
        try:
            found = await again.find_alert(str(number))
        finally:
            await again.close()
        assert found is not None
        return found

    async def stored_silences(self) -> tuple[Silence, ...]:
        again = await Store.open(self.url)
        try:
            return await again.silences(0.0, 100)
        finally:
            await again.close()


@pytest.fixture
async def site(sqlite_url: str) -> AsyncIterator[Site]:
    store = await Store.open(sqlite_url)
    store.put_transitions([routed(closed(OLD)), routed(closed(OVER)), routed(opened(OPEN))])
    assert await store.flushed(10.0)
    over = closed(OVER).alert
    past = Restored(open_alerts=(alert(OPEN),), closed_alerts=(over,), next_number=OPEN + 1)
    engine = Engine(fleet="prod", policies={}, sources=["tcp"], restored=past, now=clock.wall())
    async with notifying(store, []) as notifier:
        measuring = Measuring(engine, SeriesTable(bytes(16)), store, notifier)
        measuring.closed.append(over)
        yield Site(sqlite_url, store, notifier, measuring, LiveDuty(measuring, notifier, store, {}))
    await store.close()


def wait_for_the_store(monkeypatch: pytest.MonkeyPatch, default_s: float) -> None:
    waits = Store.flushed

    async def flushed(self: Store, patience_s: float = default_s) -> bool:
        return await waits(self, patience_s)

    monkeypatch.setattr(Store, "flushed", flushed)


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit may take its seconds: others use the disk as well."""
    wait_for_the_store(monkeypatch, 10.0)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, _patient: None) -> None:
    """The store is waited for, but for a moment instead of for seconds."""
    wait_for_the_store(monkeypatch, 0.2)


def silence(now: float, **changes: object) -> Silence:
    kind = SilenceKind.SILENCE
    made = Silence("s1", kind, Match(("ingest",)), "anna", "disks", now, now + HOUR_S, now)
    return made._replace(**changes)  # type: ignore[arg-type]


async def test_alerts_are_found_by_number_and_by_id_wherever_they_are(site: Site) -> None:
    site.measuring.closed[0] = site.measuring.closed[0]._replace(note="as memory has it")
    for ref, number in (("7", OPEN), ("6", OVER), ("006", OVER), ("3", OLD), ("0003", OLD)):
        found = await site.duty.find(ref)
        assert found is not None
        assert (found.number, found.note) == (number, "as memory has it" if number == OVER else "")
    same = await site.duty.find(alert(OPEN).id)
    assert same is not None
    assert same.number == OPEN, "of one id, what is open goes first"
    for ref in ("77", "no-such-1", "", "9" * 4_000, "\u0667", "-7"):
        assert await site.duty.find(ref) is None


async def test_whoever_acknowledges_first_stays_and_is_in_the_store_when_it_answers(site: Site) -> None:
    first = await site.duty.acknowledge(OPEN, "anna")
    assert first.acknowledged_by == "anna"
    assert await site.stored(OPEN) == first
    again = await site.duty.acknowledge(OPEN, "ben")
    assert again == first == (await site.stored(OPEN))
    changes = [each.change for each in await site.store.explained(OPEN)]
    assert changes == [Change.OPENED, Change.ACKNOWLEDGED]


@pytest.mark.parametrize("number", [OVER, OLD, 77])
async def test_what_is_closed_or_unknown_is_not_acknowledged(site: Site, number: int) -> None:
    with pytest.raises(KeyError):
        await site.duty.acknowledge(number, "anna")
    assert site.measuring.engine.open_alerts() == [alert(OPEN)]


@pytest.mark.parametrize("number", [OVER, OLD])
async def test_an_answer_is_kept_and_may_be_given_anew(site: Site, number: int) -> None:
    for actionable in (False, True):
        over = await site.duty.find(str(number))
        assert over is not None
        answered = await site.duty.answer(over, actionable)
        assert answered == over._replace(actionable=actionable)
        assert await site.stored(number) == answered
        assert await site.duty.find(str(number)) == answered


async def test_a_silence_holds_from_then_on_and_until_it_is_ended(site: Site) -> None:
    began = site.now
    made = silence(began)
    assert site.notifier.holds(began) == {}
    await site.duty.put_silence(made, began)
    assert await site.stored_silences() == (made,)
    assert site.duty.silences(began) == [made]
    assert list(site.notifier.holds(began + 1.0)) == [OPEN]
    assert await site.duty.ended_silences(0.0, began + 1.0, 10) == []

    ended = await site.duty.end_silence("s1", "ben", began + 2.0)
    assert ended == made._replace(ended_at=began + 2.0, ended_by="ben")
    assert await site.stored_silences() == (ended,)
    assert site.duty.silences(began + 2.0) == []
    assert site.notifier.holds(began + 3.0) == {}
    assert await site.duty.ended_silences(began, began + 3.0, 10) == [ended]
    assert await site.duty.ended_silences(began + 2.5, began + 3.0, 10) == []
    with pytest.raises(KeyError):
        await site.duty.end_silence("s1", "ben", began + 4.0)


async def test_the_newest_silences_that_are_over_are_told_beside_any_that_stand(site: Site) -> None:
    began = site.now
    for number in range(5):
        made = silence(began, id=f"over{number}", created_at=began + number)
        await site.duty.put_silence(made, began + number)
        await site.duty.end_silence(made.id, "anna", began + number + 0.5)
        await site.duty.put_silence(made._replace(id=f"stands{number}"), began + number)
    told = await site.duty.ended_silences(0.0, began + 60.0, 2)
    assert len(told) == 2
    assert {each.id for each in told} <= {f"over{number}" for number in range(5)}
    every = await site.duty.ended_silences(0.0, began + 60.0, 50)
    assert {each.id for each in every} == {f"over{number}" for number in range(5)}


async def test_a_silence_that_cannot_be_is_neither_held_nor_kept(site: Site) -> None:
    with pytest.raises(ValueError, match=r"^match: is empty"):
        await site.duty.put_silence(silence(site.now, match=Match()), site.now)
    assert site.duty.silences(site.now) == []
    assert await site.stored_silences() == ()


@pytest.mark.usefixtures("impatient")
async def test_what_a_locked_store_has_not_written_is_done_but_not_said_to_be_kept(site: Site) -> None:
    began = site.now
    over = closed(OVER).alert
    with locked(site.url):
        with pytest.raises(NotKeptError):
            await site.duty.acknowledge(OPEN, "anna")
        with pytest.raises(NotKeptError):
            await site.duty.answer(over, True)
        with pytest.raises(NotKeptError):
            await site.duty.put_silence(silence(began), began)
        # All of it holds already.
        (acknowledged,) = site.measuring.engine.open_alerts()
        assert acknowledged.acknowledged_by == "anna"
        assert [each.actionable for each in site.measuring.closed] == [True]
        assert site.duty.silences(began + 1.0) == [silence(began)]
        with pytest.raises(NotKeptError):
            await site.duty.end_silence("s1", "ben", began + 2.0)
        assert site.duty.silences(began + 2.0) == []

    async def flushed() -> bool:
        return await site.store.flushed()

    await until(flushed, deadline_s=15.0, what="the store has written it")
    assert (await site.stored(OPEN)).acknowledged_by == "anna"
    assert (await site.stored(OVER)).actionable is True
    assert [each.ended_by for each in await site.stored_silences()] == ["ben"]


class DutyView(FakeView):
    """The fake fleet, but these alerts and what people do are real."""

    def __init__(self, site: Site) -> None:
        super().__init__(now=site.now)
        self.duty = site.duty  # type: ignore[assignment]
        self.alerts = site.measuring.engine.open_alerts()
        self.closed = list(site.measuring.closed)


@pytest.mark.usefixtures("impatient")
async def test_over_http_a_preview_silences_nothing_and_a_locked_store_answers_503(site: Site) -> None:
    view = DutyView(site)
    app = make_app(view, now=lambda: view.now, paced=False)
    body = {"match": {"service": ["ingest"]}, "why": "disks", "ends_at": view.now + HOUR_S}
    async with TestClient(TestServer(app, host="127.0.0.1")) as client:
        headers = {CSRF_HEADER: (await (await client.get("/api/v1/me")).json())["csrf"]}
        preview = {**body, "preview": True}
        async with client.post("/api/v1/silences", json=preview, headers=headers) as response:
            assert (response.status, (await response.json())["silence"]["takes"]) == (200, 1)
        assert site.duty.silences(view.now) == []
        assert await site.stored_silences() == ()
        with locked(site.url):
            for path, given in (
                ("/api/v1/alerts/7/ack", {}),
                ("/api/v1/alerts/6/review", {"actionable": True}),
                ("/api/v1/silences", body),
            ):
                async with client.post(path, json=given, headers=headers) as response:
                    problem = await response.json(content_type=None)
                    assert (response.status, problem["type"]) == (503, "urn:coalmine:problem:not-kept")
