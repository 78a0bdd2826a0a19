"""The judge over all services: bad input, restarts, and two of them that see the same."""

from __future__ import annotations

import json

import numpy as np
import pytest

from coalmine_aggregator.judge.judge import KEPT_EVERY_S
from coalmine_aggregator.model.alerts import AlertClass, Change, Severity
from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.model.policy import ServicePolicy
from coalmine_wire.protocols import Protocol
from coalmine_wire.reports import Life
from tests.aggregator.fleet import Canary, T
from tests.aggregator.judge.story import POLICY, End, Story, fleet, in_zones, losing

HOUR_S = 3_600

# Bad input: no exception, no page, no number that is none (`Story.tick` looks at all of them).


def test_nothing_is_ever_expected() -> None:
    story = Story([], more=(ServicePolicy("logs", 0.0),))
    story.run(range(T + 1, T + 100))
    assert story.told == []
    assert story.service.loss.patterns == 0


@pytest.mark.parametrize("protocols", [(Protocol.UDP,), tuple(Protocol)[:6]])
def test_one_agent_alone(protocols: tuple[Protocol, ...]) -> None:
    story = Story([Canary(protocols=protocols)])
    story.run(range(T + 1, T + 60))
    assert story.told == []
    story.run(range(T + 60, T + 90), losing(lambda *_: True))
    (alert,) = story.pages()
    assert (alert.alert_class, alert.since) == (AlertClass.LOSS, T + 60)
    story.run(range(T + 90, T + 200))
    assert story.open() == []
    assert len(story.pages()) == 1


def test_a_service_with_one_protocol() -> None:
    story = Story(fleet(protocols=(Protocol.UDP,)))
    story.run(range(T + 1, T + 30))
    story.run(range(T + 30, T + 50), losing(lambda *_: True))
    (alert,) = story.pages()
    assert alert.scope == ()
    story.run(range(T + 50, T + 80))
    assert (story.open(), len(story.pages())) == ([], 1)


def test_services_that_come_and_go_break_nothing() -> None:
    canaries = fleet(zones=2)
    story = Story([], more=(ServicePolicy("logs", 0.001),))
    for turn in range(3):
        first = T + 1 + 40 * turn
        story.canaries = [
            Canary(each.agent, each.host, f"b{turn}", zone=each.zone, first_slot=first)
            for each in canaries
        ]
        for canary in story.canaries:
            story.engine.birth(canary.birth(), first - 0.5)
        story.run(range(first, first + 25))
        for canary in story.canaries:
            story.engine.state(canary.state(Life.RETIRED, first + 24), first + 25)
        story.canaries = []
        story.run(range(first + 25, first + 40))
    assert story.told == []


def test_hosts_that_are_renamed_page_nobody() -> None:
    story = Story(fleet(zones=2))
    for turn in range(1, 4):
        first = T + 40 * turn
        story.run(range(first - 40 + (turn == 1), first - 1))
        story.canaries = [
            Canary(
                each.agent,
                f"{each.agent}-{turn}",
                f"renamed{turn}",
                zone=f"y{turn}",
                first_slot=first - 1,
            )
            for each in story.canaries
        ]
        for canary in story.canaries:
            story.engine.birth(canary.birth(), first - 1.5)
        story.run(range(first - 1, first))
    story.run(range(T + 120, T + 150))
    assert story.told == []


@pytest.mark.parametrize("back_s", [2, 9, 15, 100])
@pytest.mark.parametrize("lossy", [False, True])
def test_time_that_goes_back(back_s: int, lossy: bool) -> None:
    """Also with an alert open: it closes when the loss is over, not when its time comes again."""
    story = Story(fleet(hosts=2))
    bad = losing(in_zones("z0"))
    story.run(range(T + 1, T + 100))
    if lossy:
        story.run(range(T + 100, T + 110), bad)
    again = T + 110 - back_s
    story.run(range(again, again + 40), *((bad,) if lossy else ()))
    story.run(range(again + 40, again + 90))
    assert story.open() == []
    assert len(story.pages()) == lossy
    # And what comes after is seen as ever.
    story.run(range(again + 90, again + 110), losing(in_zones("z1")))
    assert [dict(each.scope) for each in story.open()] == [{"zone": "z1"}]
    assert story.open()[0].since == again + 90


@pytest.mark.parametrize("gap_s", [10, 90, 2 * HOUR_S])
def test_ticks_that_jump(gap_s: int) -> None:
    """The process was stopped, as the measuring path would tell: whatever it missed is a gap."""
    story = Story(fleet(zones=2))
    story.run(range(T + 1, T + 80))
    after = T + 80 + gap_s
    story.engine.gap(T + 77, after - 1, "stalled")
    for _ in range(gap_s // 32 + 2):
        story.tick(float(after))
    story.run(range(after, after + 40))
    assert story.pages() == []
    assert story.open() == []
    story.run(range(after + 40, after + 50), losing(in_zones("z0")))
    assert len(story.pages()) == 1


# What was wrong: one silence was up to three pages, of which the last was told when it ended.
@pytest.mark.parametrize("services", [1, 2])
def test_one_silence_is_one_page_until_it_ends(services: int) -> None:
    story = Story(fleet(zones=2), more=(ServicePolicy("logs", 0.001),) * (services - 1))
    story.run(range(T + 1, T + 100))
    story.run(range(T + 100, T + 140), lambda *_: None)
    story.run(range(T + 140, T + 180))
    assert [each.alert_class for each in story.pages()] == [AlertClass.AGENTS_MISSING]
    assert [each.change for _, each in story.told] == [Change.OPENED, Change.CLOSED]


# What was wrong: an agent that was silent for weeks hid every blindness.
def test_what_silent_agents_do_not_explain_is_blind() -> None:
    story = Story(fleet(zones=2))
    mute = {"z0-0"}

    def course(canary: Canary, endpoint: int, slot: int) -> End:
        return None if canary.agent in mute else Fate.DELIVERED

    story.run(range(T + 1, T + 120), course)
    assert story.pages() == []
    for slot in range(T + 120, T + 150):
        for canary in story.canaries[2:]:
            story.engine.report(
                canary.report([slot], impaired=["loop_lag"], sent_at=slot + 0.5), slot + 0.51
            )
        story.at.receive(story.canaries[1].names(), slot)
        story.engine.report(story.canaries[1].report([slot], sent_at=slot + 0.5), slot + 0.51)
        for fifth in range(3, 8):
            story.tick(slot + fifth / 5)
    assert AlertClass.BLIND in [each.alert_class for each in story.pages()]


def test_a_zone_without_its_agents_keeps_its_loss_open() -> None:
    """Silence is neither good nor bad: it closes nothing."""
    story = Story(fleet())
    story.run(range(T + 1, T + 20))
    story.run(range(T + 20, T + 40), losing(in_zones("z0")))
    story.run(range(T + 40, T + 160), losing(in_zones("z0"), None))
    assert [dict(each.scope) for each in story.open()] == [{"zone": "z0"}]
    story.run(range(T + 160, T + 190))
    assert story.open() == []


# Restarts.


@pytest.mark.parametrize("goes_on", [False, True])
def test_an_open_loss_survives_a_restart_as_the_same_alert(goes_on: bool) -> None:
    bad = losing(in_zones("z0"))
    before = Story(fleet())
    before.run(range(T + 1, T + 20))
    before.run(range(T + 20, T + 45), bad)
    (was,) = before.open()
    again = Story(fleet(), restored=before.next_run(), began=T + 55)
    assert [(each.id, each.number) for each in again.open()] == [(was.id, was.number)]
    again.run(range(T + 56, T + 90), *((bad,) if goes_on else ()))
    assert [each.number for each in again.open()] == ([was.number] if goes_on else [])
    if goes_on:
        (now,) = again.open()
        assert (now.id, now.scope, now.since, now.cause, now.note, now.effect) == (
            (was.id, was.scope, was.since, was.cause, was.note, was.effect)
        )
        assert now.total.bad > was.total.bad
    again.run(range(T + 90, T + 120))
    # Nothing but its end is told of it, and nobody is paged again.
    assert [each.change for _, each in again.told] == [Change.CLOSED]
    assert again.told[0][1].alert.number == was.number
    again.run(range(T + 120, T + 140), bad)
    assert again.pages()[0].number == was.number + 1


def test_an_alert_of_a_service_that_is_gone_is_closed() -> None:
    before = Story(fleet())
    before.run(range(T + 1, T + 20))
    before.run(range(T + 20, T + 45), losing(in_zones("z0")))
    past = before.next_run()
    again = Story(fleet(), policy=ServicePolicy("other", 0.001), restored=past, began=T + 55)
    again.run(range(T + 56, T + 70))
    assert [each.change for _, each in again.told] == [Change.CLOSED]


def test_what_was_learned_is_there_after_a_restart_and_rubbish_is_nothing() -> None:
    rng = np.random.default_rng(3)
    before = Story(fleet(zones=2), policy=ServicePolicy("ingest", 0.05))

    def noisy(canary: Canary, endpoint: int, slot: int) -> End:
        return Fate.FAILED if rng.random() < 0.03 else Fate.DELIVERED

    before.run(range(T + 1, T + 320), noisy)
    learned = before.service.learner.learned
    assert learned.slots > 100
    past = before.next_run()
    again = Story(fleet(zones=2), policy=before.policy, restored=past, began=T + 330)
    kept = json.loads(past.learned["noise/ingest"])
    assert again.service.learner.learned.to_dict() == kept
    assert again.service.learner.learned.slots >= learned.slots - 32
    for text in ("", "{", "[]", '{"scores": "x"}', '{"judged": NaN}', "null"):
        broken = past._replace(learned={"noise/ingest": text, "step_times": text})
        assert Story(fleet(), restored=broken, began=T + 330).service.learner.learned.slots == 0


def test_what_is_kept_is_kept_once_a_minute() -> None:
    story = Story(fleet(zones=1))
    story.run(range(T + 1, T + 10))
    assert [name for name, _ in story.engine.kept().learned] == ["noise/ingest", "step_times"]
    story.run(range(T + 10, T + 20))
    assert story.engine.kept().learned == []
    story.run(range(T + 20, T + 20 + KEPT_EVERY_S))
    assert len(story.engine.kept().learned) == 2


# Invariant: two aggregators that are fed the same name the same alerts by the same keys and scopes,
# also where they look at other moments.
def test_two_aggregators_agree() -> None:
    stories = [Story(fleet(zones=6, hosts=2)) for _ in range(2)]
    rng = np.random.default_rng(11)
    draws = rng.random((100, 12, 3))

    def course(canary: Canary, endpoint: int, slot: int) -> End:
        number = int(canary.zone[1:]) * 2 + int(canary.host[-1])
        at = slot - T
        if canary.zone == "z1" and 20 <= at < 60:
            return Fate.FAILED
        if endpoint == 2 and 35 <= at < 70:
            return Fate.FAILED if draws[at, number, endpoint] < 0.5 else Fate.DELIVERED
        return Fate.DELIVERED

    for slot in range(T + 1, T + 100):
        for story, ticks in zip(stories, (5, 2), strict=True):
            story.run_with(slot, course, ticks)
        if slot % 10 == 9:
            open_now = [
                sorted((each.dedup_key, each.scope) for each in story.open()) for story in stories
            ]
            assert open_now[0] == open_now[1], slot - T
    pages = [[(each.dedup_key, each.scope) for each in story.pages()] for story in stories]
    assert pages[0] == pages[1]
    assert len(pages[0]) == 2


def test_policies_of_many_services_share_the_budget_of_pages() -> None:
    alone = Story(fleet(zones=2))
    many = Story(fleet(zones=2), more=tuple(ServicePolicy(f"s{n}", 0.001) for n in range(9)))
    for story in (alone, many):
        story.run(range(T + 1, T + 5))
    more = many.service.loss.threshold - alone.service.loss.threshold
    assert more == pytest.approx(np.log(10))
    assert POLICY.name in many.engine.judge.services
    assert Severity.PAGE not in [each.severity for each in many.pages()]
