"""Remediation as it runs: outputs are told, people are answered once it is kept, faults stay small."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from coalmine_aggregator.actuate.differing import PATIENCE_S
from coalmine_aggregator.actuate.output import Output, Standing
from coalmine_aggregator.actuate.remediation_metrics import RemediationMetrics
from coalmine_aggregator.actuate.stop_file import NotWrittenError, Stop, StopFile
from coalmine_aggregator.engine import Engine
from coalmine_aggregator.incidents.policy import IncidentPolicy
from coalmine_aggregator.lease_link import LeaseLink
from coalmine_aggregator.live_incidents import LiveIncidents
from coalmine_aggregator.live_remediation import GONE_S, LiveRemediation
from coalmine_aggregator.model.incident import EntryKind
from coalmine_aggregator.model.pin import PinChange, PinState
from coalmine_aggregator.model.policy import ServicePolicy
from coalmine_aggregator.model.progress import Counting, Progress
from coalmine_aggregator.model.remediation_event import RemediationEvent, RemediationKind
from coalmine_aggregator.model.remediation_policy import RemediationPolicy
from coalmine_aggregator.model.restored import Restored
from coalmine_aggregator.model.withdrawal import Held, Mode, Wanted
from coalmine_aggregator.reading.readers import Readers
from coalmine_aggregator.remediate.lease_word import LeaseWord, said
from coalmine_aggregator.remediate.turn import NO_TURN, Turn
from coalmine_aggregator.store.store import Store
from coalmine_aggregator.web.reader_tasks import MODULE
from coalmine_runtime import clock
from coalmine_runtime.mqtt import BrokerSettings, BrokerUrl
from tests.aggregator.actuate.words import word, words
from tests.aggregator.store.samples import START, alert
from tests.servers.waiting import until

NOW = START + 20.0


class Recorder:
    """An output that does as it is told, unless it is broken."""

    name = "recorder"

    def __init__(self) -> None:
        self.shown: list[Mapping[str, Wanted]] = []
        self.out: dict[str, tuple[str, ...]] = {}
        self.is_broken = False
        self.runs = 0

    def show(self, wanted: Mapping[str, Wanted]) -> None:
        if self.is_broken:
            raise ZeroDivisionError("show")
        self.shown.append(wanted)
        self.out = {name: tuple(each.node for each in one.effective) for name, one in wanted.items()}

    async def run(self) -> None:
        self.runs += 1
        if self.runs == 1:
            raise ZeroDivisionError("run")
        await asyncio.Event().wait()

    async def clear(self) -> None:
        self.out = {}

    def standing(self) -> Standing:
        if self.is_broken:
            raise ZeroDivisionError("standing")
        return Standing(self.name, self.out, NOW, "")


class Site:
    """A store, and what is started over it."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.stop_file = StopFile(folder / "remediation.stop")
        self.output = Recorder()

    @asynccontextmanager
    async def started(
        self, outputs: Sequence[Output] | None = None, link: LeaseLink | None = None
    ) -> AsyncIterator[LiveRemediation]:
        self.store = await Store.open(self.url)
        node = alert(7)._replace(scope=(("node", "web-3"),))
        self.engine = Engine(
            fleet="prod",
            policies={"ingest": ServicePolicy("ingest", 0.001)},
            remediation={"ingest": RemediationPolicy()},
            sources=["tcp"],
            restored=Restored(open_alerts=(node,), next_number=100),
            now=NOW,
        )
        self.incidents = await LiveIncidents.started(
            IncidentPolicy(fleet="prod"),
            self.engine,
            self.store,
            Readers(MODULE, self.url),
            None,
            NOW,
        )
        try:
            yield LiveRemediation(
                self.engine,
                self.store,
                self.incidents,
                [self.output] if outputs is None else outputs,
                self.stop_file,
                ["ingest"],
                await self.store.pins(),
                link,
                NOW,
            )
        finally:
            await self.store.close()


@pytest.fixture
def site(sqlite_url: str, tmp_path: Path) -> Site:
    return Site(sqlite_url, tmp_path)


def event(kind: RemediationKind, node: str = "web-3", dry_run: bool = False) -> RemediationEvent:
    text = f"{node}: {kind}"
    return RemediationEvent(kind, NOW, "ingest", node, text=text, evidence=("bad",), dry_run=dry_run)


def turn(*out: str, events: Sequence[RemediationEvent] = (), at: float = NOW) -> Turn:
    return Turn(words(word(*out, at=at)), events, ())


def progress(now: float) -> Progress:
    return Progress(now, int(now) - 3, Counting.UNCHECKED)


async def test_decisions_reach_outputs_the_log_and_the_incident(site: Site) -> None:
    async with site.started() as live:
        live.take(turn("web-3", events=[event(RemediationKind.WITHDRAWN)]), NOW)
        live.take(NO_TURN, NOW + 0.2)
        live.take(turn(events=[event(RemediationKind.RESTORED)], at=NOW + 1), NOW + 1)
        assert [[len(each["ingest"].out) for each in site.output.shown]] == [[1, 0]]
        assert await site.store.flushed(10.0)
        logged = await site.store.remediation(before=99, limit=9)
        assert [each.event.kind for each in logged] == [
            RemediationKind.RESTORED,
            RemediationKind.WITHDRAWN,
        ]
        entries = await site.incidents.entries(1, 1, 10)
        assert [(each.kind, each.text) for each in entries] == [
            (EntryKind.WITHDRAWN, "web-3: withdrawn"),
            (EntryKind.RETURNED, "web-3: restored"),
        ]


async def test_a_dry_run_is_told_as_one(site: Site) -> None:
    async with site.started() as live:
        live.take(turn(events=[event(RemediationKind.WITHDRAWN, dry_run=True)]), NOW)
        (entry,) = await site.incidents.entries(1, 1, 10)
        assert entry.text == "In a dry run, nothing was done: web-3: withdrawn"


async def test_a_pin_is_on_disk_when_it_is_answered_and_outlives_a_restart(site: Site) -> None:
    async with site.started() as live:
        await live.pin("ingest", "web-1", PinState.OUT, "ada", "new disk", NOW)
        await live.pin("ingest", "web-2", PinState.IN, "ada", "", NOW + 1)
        await live.release("ingest", "web-2", "bob", NOW + 2)
    async with site.started() as live:
        (pin,) = live.controls().pins
        assert pin == ("ingest", "web-1", PinState.OUT, "ada", "new disk", NOW)
        logged = await site.store.remediation(before=99, limit=9)
        assert [(each.event.kind, each.event.by, each.event.text) for each in logged] == [
            (RemediationKind.RELEASED, "bob", ""),
            (RemediationKind.PINNED, "ada", "pinned in"),
            (RemediationKind.PINNED, "ada", "pinned out: new disk"),
        ]
        with pytest.raises(KeyError):
            await live.release("ingest", "web-2", "bob", NOW + 3)
        with pytest.raises(ValueError, match='service: "logs" has not opted in'):
            await live.pin("logs", "web-1", PinState.OUT, "ada", "", NOW)


async def test_the_big_switch_outlives_a_restart(site: Site) -> None:
    async with site.started() as live:
        assert live.controls().stopped_by == ""
        await live.stop("ada", "they all look bad", NOW)
        assert site.stop_file.read() == Stop("ada", "they all look bad", NOW)
    async with site.started() as live:
        controls = live.controls()
        assert (controls.stopped_by, controls.stopped_why) == ("ada", "they all look bad")
        await live.resume("bob", NOW + 1)
        assert live.controls().stopped_by == ""
        assert site.stop_file.read() is None


class Spoken(LeaseLink):
    """A link that counts how often there is something new to say, and never gets to say it."""

    stirred = 0

    def stir(self) -> None:
        self.stirred += 1

    async def run(self, board: object) -> None:
        await asyncio.Event().wait()


async def test_it_is_stopped_at_once_where_the_file_cannot_be_written(site: Site) -> None:
    site.stop_file = StopFile(site.stop_file.path.parent / "later" / "remediation.stop")
    link = Spoken(BrokerSettings(url=BrokerUrl.parse("mqtt://127.0.0.1:1")), None, "b", "a")
    async with site.started(link=link) as live:
        with pytest.raises(NotWrittenError, match=r"later/remediation\.stop: No such file"):
            await live.stop("ada", "they all look bad", NOW)
        assert live.controls().stopped_by == "ada"
        assert (live.said().stopped_by, link.stirred) == ("ada", 1), "the other aggregator hears it"
        assert "No such file" in live.unwritten
        assert [each.kind for each in live.recent] == [RemediationKind.STOPPED]
        assert await site.store.flushed(10.0)
        assert len(await site.store.remediation(before=99, limit=9)) == 1

        task = asyncio.create_task(live.run())
        await asyncio.sleep(0)
        site.stop_file.path.parent.mkdir()

        async def written() -> bool:
            return live.unwritten == ""

        await until(written, deadline_s=20.0, what="the file is written")
        assert site.stop_file.read() == Stop("ada", "they all look bad", NOW)
        assert live.controls().stopped_by == "ada"
        task.cancel()
        await asyncio.wait([task])


async def test_a_stop_that_no_file_has_is_resumed(site: Site) -> None:
    site.stop_file = StopFile(site.stop_file.path.parent / "later" / "remediation.stop")
    async with site.started() as live:
        with pytest.raises(NotWrittenError):
            await live.stop("ada", "they all look bad", NOW)
        await live.resume("bob", NOW + 1)
        assert (live.controls().stopped_by, live.unwritten) == ("", "")


async def test_a_file_that_somebody_puts_there_stops_within_seconds(site: Site) -> None:
    async with site.started() as live:
        task = asyncio.create_task(live.run())
        site.stop_file.path.write_text("see ticket 12")

        async def stopped() -> bool:
            return live.controls().stopped_why == "see ticket 12"

        await until(stopped, deadline_s=20.0, what="it is stopped")
        site.stop_file.path.unlink()

        async def resumed() -> bool:
            return live.controls().stopped_by == ""

        await until(resumed, deadline_s=20.0, what="it goes on")
        assert [each.kind for each in live.recent] == [RemediationKind.RESUMED, RemediationKind.STOPPED]
        task.cancel()
        await asyncio.wait([task])


async def test_no_fault_of_an_output_ends_another(site: Site) -> None:
    broken, well = Recorder(), Recorder()
    broken.is_broken = True
    async with site.started([broken, well]) as live:
        task = asyncio.create_task(live.run())
        live.take(turn("web-3"), NOW)
        assert len(well.shown) == 1
        assert [bool(each.trouble) for each in live.standings()] == [True, False]

        async def again() -> bool:
            return broken.runs > 1 and well.runs > 1

        await until(again, deadline_s=20.0, what="both run again")
        assert not task.done()
        task.cancel()
        await asyncio.wait([task])


class Faulty(LeaseLink):
    """A link that cannot say what there is to say."""

    runs = 0

    async def run(self, board: object) -> None:
        self.runs += 1
        raise ExceptionGroup("speaking", [UnicodeError("a surrogate")])


async def test_no_fault_of_the_lease_ends_the_aggregator(site: Site) -> None:
    link = Faulty(BrokerSettings(url=BrokerUrl.parse("mqtt://127.0.0.1:1")), None, "b", "a")
    async with site.started(link=link) as live:
        task = asyncio.create_task(live.run())

        async def again() -> bool:
            return link.runs > 1 or task.done()

        await until(again, deadline_s=20.0, what="it is tried again")
        assert not task.done()
        assert not live.holds
        task.cancel()
        await asyncio.wait([task])


async def test_an_output_that_does_not_follow_is_a_ticket(site: Site) -> None:
    async with site.started() as live:
        for second in range(int(PATIENCE_S) + 1):
            now = NOW + second
            live.take(turn("web-3", at=now), now)
            site.output.out = {"ingest": ()}
            found = live.look(progress(now))
            assert bool(found) is (second == PATIENCE_S)
        assert found[0].note == "recorder: web-3 of ingest shall be out, and serve"


async def test_old_decisions_count_no_more(site: Site) -> None:
    async with site.started() as live:
        live.take(turn("web-3"), NOW)
        assert "ingest" in live.wanted
        live.take(NO_TURN, NOW + 20.0)
        assert live.wanted == {}


async def test_metrics_tell_it(site: Site) -> None:
    async with site.started() as live:
        held = (Held("web-1", "quorum", "one vantage"), Held("web-2", "quorum", "one vantage"))
        decided = Turn(words(word("web-3", at=NOW, held=held)), [event(RemediationKind.WITHDRAWN)], ())
        live.take(decided, NOW)
        samples = {
            (sample.name, *sample.labels.values()): sample.value
            for family in RemediationMetrics(live, lambda: NOW + 2).collect()
            for sample in family.samples
        }
        prefix = "coalmine_remediation"
        assert samples[f"{prefix}_known", "ingest"] == 1
        assert samples[f"{prefix}_nodes", "ingest"] == 4
        assert samples[f"{prefix}_nodes_out", "ingest"] == 1
        assert samples[f"{prefix}_nodes_held", "ingest", "quorum"] == 2
        assert samples[f"{prefix}_mode", "ingest", "acting"] == 1
        assert samples[f"{prefix}_mode", "ingest", "stopped"] == 0
        assert samples[f"{prefix}_holder",] == 1
        assert samples[f"{prefix}_output_trouble", "recorder"] == 0
        assert samples[f"{prefix}_output_confirmed_seconds", "recorder"] == 2
        assert samples[f"{prefix}_events_total", "ingest", "withdrawn"] == 1
        assert not any("web-" in str(key) for key in samples)


async def test_what_the_other_aggregator_says_counts_here(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = LeaseLink(BrokerSettings(url=BrokerUrl.parse("mqtt://127.0.0.1:1")), None, "b", "a")
    async with site.started(link=link) as live:
        assert not live.controls().holder
        theirs = PinChange("ingest", "web-1", PinState.OUT, "ada", "disk", NOW)
        word_ = LeaseWord("a", "p", 1, True, "ada", "all bad", [said(theirs)])
        live.heard(word_)
        controls = live.controls()
        assert controls.pins == (theirs.pin,)
        assert (controls.stopped_by, controls.stopped_why) == ("ada at aggregator a", "all bad")
        with pytest.raises(ValueError, match="stopped by ada at aggregator a: resume it there"):
            await live.resume("bob", NOW)
        assert live.said()[:3] == ("", "", (theirs,)), "another's stop is not told as ours"
        with monkeypatch.context() as patch:
            later = clock.boottime() + GONE_S
            patch.setattr(clock, "boottime", lambda: later)
            await live.resume("bob", NOW)
            assert live.controls().stopped_by == "", "the other is gone"
        live.heard(word_)
        live.heard(LeaseWord("a", "p", 2, True))
        assert live.controls().stopped_by == ""
        assert await site.store.flushed(10.0)
        assert await site.store.pins() == [theirs]


@pytest.mark.parametrize(("claims", "is_cut"), [(True, False), (False, False), (True, True)])
async def test_what_the_holder_remembers_is_taken_over(site: Site, claims: bool, is_cut: bool) -> None:
    link = LeaseLink(BrokerSettings(url=BrokerUrl.parse("mqtt://127.0.0.1:1")), None, "b", "a")
    async with site.started(link=link) as live:
        site.engine.control(live.controls())
        site.engine.tick(NOW + 5.0)  # decides, standing by
        memory = {"ingest": f'{{"at":{NOW + 5.0},"dry_run":true,"past":{{"web-7":{{"at":{NOW}}}}}}}'}
        live.heard(LeaseWord("a", "p", 1, claims, memory=memory, is_cut=is_cut))
        assert ("web-7" in site.engine.remembered()["ingest"]) is (claims and not is_cut)


async def test_who_does_not_hold_the_lease_shows_nothing_as_decided_by_it(site: Site) -> None:
    link = LeaseLink(BrokerSettings(url=BrokerUrl.parse("mqtt://127.0.0.1:1")), None, "b", "a")
    async with site.started(link=link) as live:
        live.take(turn("web-3"), NOW)
        assert site.output.shown == []
        live.take(Turn(words(word("web-3", at=NOW, mode=Mode.STANDBY)), (), ()), NOW)
        assert len(site.output.shown) == 1
        for second in range(int(PATIENCE_S) + 1):
            found = live.look(progress(NOW + second))
        assert [each.handle for each in found] == ["lease"]


async def test_without_a_pair_it_acts(site: Site) -> None:
    async with site.started() as live:
        assert live.controls().holder
        live.take(Turn(words(word("web-3", at=NOW, mode=Mode.DRY_RUN)), (), ()), NOW)
        assert site.output.out == {"ingest": ()}
