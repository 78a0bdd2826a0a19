"""What a run leaves of its losses, and what the next one makes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from coalmine_aggregator.judge import recent
from coalmine_aggregator.model.alerts import Alert, AlertClass, Change
from coalmine_aggregator.model.counts import NOTHING, Counts
from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.model.restored import Restored
from coalmine_aggregator.model.scopes import Scope
from tests.aggregator.fleet import Canary, T
from tests.aggregator.judge.story import (
    Course,
    End,
    Story,
    fleet,
    in_zones,
    losing,
    on_hosts,
    report_of,
)
from tests.aggregator.judge.test_service import Recorder

HOUR_S = 3_600


class Runs:
    """Runs of one aggregator one after the other, and what the ledger of each said."""

    def __init__(self, canaries: list[Canary]) -> None:
        self.canaries = canaries
        self.stories = [Story(canaries)]
        self.recorders = [Recorder(self.story)]

    @property
    def story(self) -> Story:
        """The run that is."""
        return self.stories[-1]

    def restart(self, began: float, image: Restored | None = None) -> None:
        """Kills the run; the next one begins with the image of a store."""
        image = image or self.story.next_run()
        last = image.last_slot
        assert last is not None
        for slot in [slot for slot in self.recorders[-1].fates if slot > last]:
            del self.recorders[-1].fates[slot]  # settled and not written: unknown from now on
        self.stories.append(Story(self.canaries, restored=image, began=began))
        self.recorders.append(Recorder(self.story))

    def counted(self, scope: Scope, first: int, last: int) -> Counts:
        """What the ledger says of a scope: of each slot what the newest run said that knew it."""
        total, newer = NOTHING, set[int]()
        for story, recorder in zip(reversed(self.stories), reversed(self.recorders), strict=True):
            members = story.service.cells.lattice.members(scope)
            for slot in list(recorder.fates):
                if first <= slot <= last and slot not in newer:
                    newer.add(slot)
                    total += recorder.total(slot, slot, members)
        return total

    def told(self) -> list[Change]:
        """What was told of losses, by all runs."""
        return [change for story in self.stories for change in story.changes()]


OUTAGES: dict[str, Callable[[Canary, int], bool]] = {
    "zone": in_zones("z0"),
    "host": on_hosts(["z1-1"]),
    "protocol": lambda canary, endpoint: endpoint == 1,
    "protocol on a host": lambda canary, endpoint: canary.host == "z1-1" and endpoint == 1,
}


# Invariant: the total of an alert that is open over kills is what the ledger counts of it, whatever the
# scope is of, for every slot that was written or settled since; also where the newest slots were not
# written, and where late reports correct slots of runs before.
@pytest.mark.parametrize("where", OUTAGES)
@pytest.mark.parametrize("unwritten", [0, 2])
def test_totals_go_on_exactly(where: str, unwritten: int) -> None:
    bad = losing(OUTAGES[where], Fate.LOST)
    runs = Runs(fleet())
    runs.story.run(range(T + 1, T + 20))
    runs.story.run(range(T + 20, T + 60), bad)
    for begins in (T + 70, T + 100):
        written = begins - 10
        image = runs.story.next_run()
        runs.story.run(range(written, written + unwritten), bad)
        # Alerts are written by themselves, and may be ahead of the counts.
        alerts = tuple(runs.story.engine.open_alerts())
        runs.restart(begins, image._replace(open_alerts=alerts))
        runs.story.run(range(begins + 1, begins + 10), bad)
        for canary in runs.canaries:
            for slot in (T + 40, T + 41, begins + 3):
                runs.story.at.receive(canary.names(), slot, arrived=begins + 10.1)
        runs.story.run(range(begins + 10, begins + 20), bad)
        (alert,) = runs.story.open()
        assert alert.total == runs.counted(alert.scope, alert.since, T + 1_000)
        assert alert.total.fates[Fate.LATE] > 0
    runs.story.run(range(T + 120, T + 240))
    (closed,) = runs.story.engine.closed_alerts()
    (ended,) = runs.story.service.ended
    assert closed.total == runs.counted(closed.scope, closed.since, ended.last)
    assert closed.total.bad == runs.counted(closed.scope, T, T + 1_000).bad
    assert runs.told() == [Change.OPENED, Change.CLOSED]


def test_a_scope_that_moved_is_corrected_by_what_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slots that were counted by another scope, too far back to be counted anew."""
    monkeypatch.setattr(recent, "KEPT", 20)
    runs = Runs(fleet())
    runs.story.run(range(T + 1, T + 10))
    runs.story.run(range(T + 10, T + 60), losing(in_zones("z0", "z1"), Fate.LOST))
    (wide,) = runs.story.open()
    assert dict(wide.scope) == {"region": "r0"}
    runs.story.run(range(T + 60, T + 140), losing(in_zones("z1"), Fate.LOST))
    (before,) = runs.story.open()
    assert dict(before.scope) == {"zone": "z1"}
    runs.restart(T + 145)
    (cause,) = runs.story.service.loss.causes
    assert [scope for scope, _ in cause.counted] == [wide.scope, before.scope]
    assert cause.total == before.total
    for canary in runs.canaries:
        if canary.zone == "z0":
            runs.story.at.receive(canary.names(), T + 30, arrived=T + 146.1)
    runs.story.run(range(T + 146, T + 150), losing(in_zones("z1"), Fate.LOST))
    assert cause.total.fates[Fate.LATE] == 3 * 3


# Alerts that closed before.


def closed_one(silent: str = "") -> Runs:
    """All of z0 lost for 20 s, and over; of one host nobody said anything in that time."""
    runs = Runs(fleet())
    runs.story.run(range(T + 1, T + 20))

    def course(canary: Canary, endpoint: int, slot: int) -> End:
        if canary.host == silent:
            return None
        return Fate.LOST if canary.zone == "z0" else Fate.DELIVERED

    runs.story.run(range(T + 20, T + 40), course)
    runs.story.run(range(T + 40, T + 60))
    assert runs.told() == [Change.OPENED, Change.CLOSED]
    return runs


def outside_bad(story: Story) -> int:
    """What went bad around the outage outside of all loss alerts, as the objective has it."""
    return story.service.slo.sums(T + 100, HOUR_S).outside_bad


@pytest.mark.parametrize("settled", [False, True])
@pytest.mark.parametrize("age_s", [0, 12 * HOUR_S])
def test_late_reports_correct_an_alert_that_closed_before(settled: bool, age_s: int) -> None:
    """Also before anything of the new run is settled; and what they say is no loss without an alert."""
    runs = closed_one(silent="z0-2")
    (before,) = runs.story.engine.closed_alerts()
    assert outside_bad(runs.story) == 0
    runs.restart(T + 62 + age_s)
    if settled:
        runs.story.run(range(T + 63 + age_s, T + 67 + age_s))
    story, canary = runs.story, runs.canaries[2]
    for slot in range(T + 20, T + 40):
        report = report_of(canary, slot, [Fate.FAILED] * 3)
        story.engine.report(report, T + 67.1 + age_s)
    tick = story.tick(T + 67.2 + age_s)
    assert len(tick.revised) == 20
    (after,) = story.engine.closed_alerts()
    assert after.total.bad == before.total.bad + 20 * 3
    (ended,) = story.service.ended
    assert after.total == runs.counted(after.scope, after.since, ended.last)
    kept = story.engine.kept()
    assert [(each.number, each.total) for each in kept.amended] == [(after.number, after.total)]
    assert outside_bad(story) == 0
    story.run(range(T + 68 + age_s, T + 90 + age_s))
    assert story.told == []


def test_what_was_lost_and_is_replayed_after_a_restart_was_late() -> None:
    runs = closed_one()
    runs.restart(T + 62)
    runs.story.run(range(T + 63, T + 66))
    for slot in range(T + 20, T + 40):
        for canary in runs.canaries[:3]:
            runs.story.at.receive(canary.names(), slot, arrived=T + 66.1)
    runs.story.run(range(T + 66, T + 90))
    (closed,) = runs.story.engine.closed_alerts()
    assert (closed.effect, closed.total.fates[Fate.LATE]) == ("late", 20 * 9)
    assert outside_bad(runs.story) == 0
    assert runs.story.told == []


def test_closed_alerts_are_handed_on_from_run_to_run() -> None:
    runs = closed_one()
    runs.restart(T + 62)
    runs.story.run(range(T + 63, T + 70))
    (ended,) = runs.stories[0].service.ended
    runs.restart(T + 72)
    runs.story.run(range(T + 73, T + 76))
    (again,) = runs.story.service.ended
    assert (again.last, again.cause.since) == (ended.last, ended.cause.since)
    assert again.cause.total == ended.cause.total
    assert runs.story.engine.closed_alerts() == runs.stories[0].engine.closed_alerts()


def test_an_alert_that_was_written_before_its_counts_is_corrected() -> None:
    """Killed after it was written that it closed, and before the newest counts were."""
    runs = Runs(fleet())
    runs.story.run(range(T + 1, T + 20))
    runs.story.run(range(T + 20, T + 40), losing(in_zones("z0")))
    slot = T + 40
    while runs.story.open():
        image = runs.story.next_run()
        runs.story.run([slot])
        slot += 1
    (closed,) = runs.story.engine.closed_alerts()
    runs.restart(slot + 5, image._replace(open_alerts=(), closed_alerts=(closed,)))
    runs.story.run(range(slot + 6, slot + 10))
    (corrected,) = runs.story.engine.closed_alerts()
    assert corrected.total == runs.counted(closed.scope, closed.since, slot)
    assert corrected.total != closed.total
    assert [each.total for each in runs.story.engine.kept().amended] == [corrected.total]


def test_old_reports_page_nobody_before_anything_is_settled() -> None:
    """A spool is emptied into an aggregator that has only just begun."""
    silent: Course = lambda canary, *_: None if canary.zone == "z0" else Fate.DELIVERED  # noqa: E731
    runs = Runs(fleet())
    runs.story.run(range(T + 1, T + 20))
    runs.story.run(range(T + 20, T + 40), silent)
    runs.story.run(range(T + 40, T + 160))
    runs.restart(T + 162)
    for slot in range(T + 20, T + 40):
        for canary in runs.canaries[:3]:
            report = report_of(canary, slot, [Fate.FAILED] * 3)
            runs.story.engine.report(report, T + 162.5)
    assert runs.story.tick(T + 162.6).revised
    runs.story.run(range(T + 163, T + 180))
    assert runs.story.of() == []


# What is said until there is something to say.


def test_what_changes_before_anything_is_settled_has_the_counts_of_before() -> None:
    runs = Runs(fleet())
    runs.story.run(range(T + 1, T + 20))
    runs.story.run(range(T + 20, T + 45), losing(in_zones("z0"), Fate.LOST))
    (was,) = runs.story.open()
    assert was.effect == "lost"
    runs.restart(T + 47)
    story = runs.story
    for slot in range(T + 20, T + 43):
        for canary in runs.canaries[:3]:
            story.at.receive(canary.names(), slot, arrived=T + 47.4)
    story.tick(T + 47.5)
    (changed,) = [each.alert for each in story.of()]
    assert changed.effect == "late"
    counts = (changed.counts, changed.beside, changed.window_s)
    assert counts == (was.counts, was.beside, was.window_s)
    # Seconds of which nothing is known say nothing, either.
    story.run(range(T + 48, T + 52), losing(in_zones("z0", "z1", "z2", "z3"), None))
    (now,) = story.open()
    assert (now.counts, now.beside, now.window_s) == counts
    story.run(range(T + 52, T + 56), losing(in_zones("z0"), Fate.LOST))
    (now,) = story.open()
    assert now.counts.judged > 0
    assert now.window_s < was.window_s
    assert all(each.alert.counts.judged for each in story.of())


# The store's own trouble.


def test_without_costs_a_total_goes_on_from_its_alert() -> None:
    """Those of an older version, and ones that cannot be read."""
    bad = losing(in_zones("z0"))
    runs = Runs(fleet())
    runs.story.run(range(T + 1, T + 20))
    runs.story.run(range(T + 20, T + 45), bad)
    image = runs.story.next_run()
    (was,) = image.open_alerts
    for text in (None, "", "{", "[]", "null", '{"x": 1}'):
        learned = dict(image.learned)
        del learned["costs/ingest"]
        if text is not None:
            learned["costs/ingest"] = text
        again = Story(runs.canaries, restored=image._replace(learned=learned), began=T + 46)
        (cause,) = again.service.loss.causes
        assert cause.total == was.total
        again.run(range(T + 47, T + 57), bad)
        (now,) = again.open()
        assert now.total.expected == was.total.expected + 9 * len(list(again.service.recent))


def test_a_closed_alert_without_costs_ended_when_it_closed() -> None:
    runs = closed_one()
    (before,) = runs.story.service.ended
    image = runs.story.next_run()
    again = Story(runs.canaries, restored=image._replace(learned={}), began=T + 62)
    (ended,) = again.service.ended
    assert ended.last == before.last
    assert ended.cause.total == before.cause.total


# What is kept, and how often.


def test_open_losses_are_kept_as_they_stand_every_two_seconds() -> None:
    story = Story(fleet())
    bad = losing(in_zones("z0"))
    story.run(range(T + 1, T + 20))
    story.run(range(T + 20, T + 25), bad)
    story.engine.kept()
    kept: list[Alert] = []
    for slot in range(T + 25, T + 35):
        story.run([slot], bad)
        amended = story.engine.kept().amended
        assert amended in ([], story.open())
        kept += amended
    assert len(kept) == 5
    story.run(range(T + 35, T + 60))
    assert [each for each in story.engine.kept().amended if each.closed_at is None] == []


def test_costs_are_kept_while_they_change() -> None:
    story = Story(fleet())
    story.run(range(T + 1, T + 20))
    assert "costs/ingest" not in dict(story.engine.kept().learned)
    for slot in range(T + 20, T + 60):
        story.run([slot], losing(in_zones("z0")) if slot < T + 40 else lambda *_: Fate.DELIVERED)
        kept = "costs/ingest" in dict(story.engine.kept().learned)
        assert kept == (bool(story.open()) or bool(story.told and story.told[-1][0] == slot + 1))


def test_folded_and_several_losses_are_restored_one_by_one() -> None:
    runs = Runs(fleet())
    first: Course = losing(lambda canary, endpoint: canary.zone == "z0" or endpoint == 2)
    runs.story.run(range(T + 1, T + 20))
    runs.story.run(range(T + 20, T + 30), losing(in_zones("z0")))
    runs.story.run(range(T + 30, T + 60), first)
    was = {each.number: each for each in runs.story.open()}
    assert len(was) == 2
    runs.restart(T + 64)
    runs.story.run(range(T + 65, T + 80), first)
    for alert in runs.story.open():
        assert alert.total == runs.counted(alert.scope, alert.since, T + 1_000)
        assert alert.total.bad > was.pop(alert.number).total.bad
    assert was == {}
    assert [each.alert.alert_class for each in runs.story.of(*AlertClass)] == []


def test_a_canary_that_is_new_in_the_next_run_is_in_the_scope() -> None:
    runs = Runs(fleet())
    bad = losing(in_zones("z0"))
    runs.story.run(range(T + 1, T + 20))
    runs.story.run(range(T + 20, T + 45), bad)
    fresh = replace(runs.canaries[0], agent="z0-9", host="z0-9", first_slot=T + 60)
    runs.canaries.append(fresh)
    image = runs.stories[0].next_run()
    runs.restart(T + 50, image._replace(births=image.births[:-1]))
    runs.story.run(range(T + 51, T + 75), bad)
    (alert,) = runs.story.open()
    assert alert.total == runs.counted(alert.scope, alert.since, T + 1_000)
