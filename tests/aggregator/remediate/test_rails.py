"""Every rail by itself: what it holds, and that taking it out lets the node go."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from coalmine_aggregator.model.node_view import NodeView, Opinion, Verdict
from coalmine_aggregator.model.pin import PinState
from coalmine_aggregator.remediate import rails
from coalmine_aggregator.remediate.memory import Past
from coalmine_aggregator.remediate.pool import Pool
from coalmine_aggregator.remediate.rails import RAILS, Crowd, Facts, first_that_holds
from coalmine_aggregator.remediate.turn import Controls
from tests.aggregator.remediate.pool_story import ACTS, START, PoolStory, loss, pin, pool, sight, view

ORDER = [
    "stopped",
    "standby",
    "settling_in",
    "unknown_nodes",
    "pinned",
    "stale",
    "quorum",
    "scope",
    "wider",
    "many",
    "per_minute",
    "most_of_service",
    "most_of_zone",
    "floor",
    "hold",
]


def test_the_order_is_fixed() -> None:
    assert [rail.name for rail in RAILS] == ORDER


def _one_fails(count: int = 12) -> PoolStory:
    story = pool(count)
    story.fail("n03")
    return story


def _stopped() -> PoolStory:
    story = _one_fails()
    story.controls = Controls(stopped_by="anna", stopped_why="maintenance")
    return story


def _standby() -> PoolStory:
    story = _one_fails()
    story.controls = Controls(holder=False)
    return story


def _settling_in() -> PoolStory:
    story = PoolStory([f"n{each:02}" for each in range(12)], settled=False)
    story.fail("n03")
    return story


def _grows() -> PoolStory:
    story = _one_fails()
    story.add("n99")
    return story


def _pinned() -> PoolStory:
    story = _one_fails()
    story.controls = Controls(pins=(pin("n03", PinState.IN),))
    return story


def _stale() -> PoolStory:
    story = pool(12)
    story.slots_settle = False
    story.run(int(ACTS.stale_s))
    story.fail("n03")
    return story


def _quorum() -> PoolStory:
    story = pool(12, ACTS._replace(quorum=3))
    story.fail("n03")
    return story


def _scope() -> PoolStory:
    story = _one_fails()
    story.losses = []
    return story


def _wider() -> PoolStory:
    story = _one_fails()
    story.losses = [loss((("node", "n03"),)), loss((("region", "eu"),), handle="2")]
    return story


def _many() -> PoolStory:
    story = _one_fails()
    story.become(Verdict.SUSPECT, "n07")
    return story


def _per_minute() -> PoolStory:
    story = pool(40)
    story.fail("n01", "n02", "n03", "n04")
    story.run()
    story.verdicts["n04"] = Verdict.HEALTHY
    return story


def _most_of_service() -> PoolStory:
    """One that came back a moment ago may still be held out by somebody."""
    story = pool(12)
    story.zones["n05"] = "b"
    story.fail("n05")
    story.run()
    story.controls = Controls(pins=(pin("n05", PinState.IN),))
    story.run()
    story.heal("n05")
    story.fail("n03")
    return story


def _most_of_zone() -> PoolStory:
    story = pool(20)
    story.zones = {name: "a" if name < "n10" else "b" for name in story.zones}
    story.fail("n02")
    story.run(61)
    story.fail("n03")
    return story


def _floor() -> PoolStory:
    story = PoolStory(["n03", "n04"])
    story.fail("n03")
    return story


def _hold() -> PoolStory:
    story = _one_fails()
    past = {"n03": Past(at=story.now, held_in_until=story.now + 100)}
    story.memory = replace(story.memory, past=past)
    return story


HELD = {
    "stopped": _stopped,
    "standby": _standby,
    "settling_in": _settling_in,
    "pinned": _pinned,
    "stale": _stale,
    "quorum": _quorum,
    "scope": _scope,
    "wider": _wider,
    "many": _many,
    "per_minute": _per_minute,
    "most_of_service": _most_of_service,
    "most_of_zone": _most_of_zone,
    "floor": _floor,
    "hold": _hold,
}


def test_every_rail_has_its_case() -> None:
    assert set(HELD) | {"unknown_nodes"} == set(ORDER)


@pytest.mark.parametrize("name", HELD)
def test_a_rail_holds(name: str) -> None:
    story = HELD[name]()
    story.run()
    assert story.rails == {"n03": name}
    assert "n03" not in story.out


@pytest.mark.parametrize("name", sorted(set(HELD) - {"standby"}))
def test_without_its_rail_the_node_goes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who stands by decides nothing at all, rail or not."""
    monkeypatch.setattr(rails, "RAILS", tuple(rail for rail in RAILS if rail.name != name))
    story = HELD[name]()
    story.run()
    assert "n03" in story.out


def test_nothing_holds_one_that_failed_in_a_pool_that_is_well() -> None:
    story = _one_fails()
    story.run()
    assert story.out == ["n03"]
    assert story.rails == {}


def test_a_roster_that_grows_is_waited_for() -> None:
    story = _grows()
    story.run(10)
    assert story.rails == {"n03": "settling_in"}
    story.run()
    assert story.out == ["n03"]


def test_a_run_settles_in_for_a_lease() -> None:
    story = _settling_in()
    story.run(int(ACTS.lease_s))
    assert story.rails == {"n03": "settling_in"}
    story.run()
    assert story.out == ["n03"]


def test_a_run_settles_in_for_ten_slots_though_the_lease_is_short() -> None:
    story = PoolStory(["n01", "n02", "n03", "n04"], ACTS._replace(lease_s=3.0), settled=False)
    story.fail("n03")
    story.run(9)
    assert story.rails == {"n03": "settling_in"}
    story.run(2)
    assert story.out == ["n03"]


def _facts(**changes: Any) -> Facts:
    nodes = [view(f"n{each}") for each in range(12)]
    facts = Facts(
        now=float(START),
        policy=ACTS,
        controls=Controls(),
        run=pool(12).memory.run,
        views={each.node: each for each in nodes},
        pool=Pool.of(nodes, ACTS),
        taken={},
        out={},
        crowd=Crowd(1, 1, 1, ""),
        recent=(),
        past={},
        pins={},
        losses=(),
        wider="",
    )
    facts = facts._replace(run=replace(facts.run, slot=START, slot_at=float(START)))
    return facts._replace(**changes)


def _holds(name: str, facts: Facts, node: NodeView) -> str:
    rail = next(each for each in RAILS if each.name == name)
    return rail.holds(facts, node)


BAD, GOOD, DOUBTFUL, NONE = Opinion.BAD, Opinion.GOOD, Opinion.DOUBTFUL, Opinion.NONE


@pytest.mark.parametrize(
    ("own", "others", "quorum", "goes"),
    [
        (BAD, {"p": BAD}, 2, True),
        (BAD, {"p": GOOD}, 2, False),
        (GOOD, {"p": BAD, "q": BAD}, 2, False),
        (DOUBTFUL, {"p": BAD, "q": BAD}, 2, False),
        (NONE, {"p": BAD}, 2, False),
        (NONE, {"p": BAD, "q": BAD}, 2, True),
        (None, {"p": BAD, "q": BAD}, 2, True),
        (BAD, {"p": BAD}, 3, False),
        (BAD, {}, 1, True),
        (NONE, {"p": BAD}, 1, True),
        (GOOD, {"p": BAD}, 1, False),
    ],
)
def test_a_quorum(own: Opinion | None, others: dict[str, Opinion], quorum: int, goes: bool) -> None:
    sights = [sight(host, opinion, START) for host, opinion in others.items()]
    if own is not None:
        sights.append(sight("n3", own, START, own=True))
    facts = _facts(policy=ACTS._replace(quorum=quorum))
    assert (_holds("quorum", facts, view("n3", Verdict.FAILED, sights=sights)) == "") is goes


def test_two_probes_on_one_host_are_one_vantage() -> None:
    sights = [sight("p", BAD, START), sight("p", BAD, START)]
    assert _holds("quorum", _facts(), view("n3", Verdict.FAILED, sights=sights))


def test_a_quorum_of_vantages_is_nothing_against_the_verdict() -> None:
    sights = [sight("n3", BAD, START, own=True), sight("p", BAD, START)]
    held = _holds("quorum", _facts(), view("n3", Verdict.RECOVERING, sights=sights))
    assert held == "2 vantages hold it failed, but it is recovering"


def test_old_evidence_makes_no_quorum() -> None:
    old = START - 11
    sights = [sight("n3", BAD, old, own=True), sight("p", BAD, START)]
    assert _holds("quorum", _facts(), view("n3", Verdict.FAILED, sights=sights))
    sights = [sight("n3", BAD, old, own=True), sight("p", BAD, old)]
    assert _holds("stale", _facts(), view("n3", Verdict.FAILED, sights=sights))


def test_a_loss_names_a_node_beside_other_labels_and_among_its_equals() -> None:
    narrow = loss((("protocol", "udp"), ("node", "n3")))
    equal = loss((("zone", "z"),))._replace(equivalents=((("node", "n3"),),))
    for each in (narrow, equal):
        assert not _holds("scope", _facts(losses=[each]), view("n3", Verdict.FAILED))
        assert _holds("scope", _facts(losses=[each]), view("n4", Verdict.FAILED))


@pytest.mark.parametrize(("ago_s", "holds"), [(59.9, True), (60.0, False)])
def test_two_in_any_minute(ago_s: float, holds: bool) -> None:
    facts = _facts(recent=(START - ago_s, START - 1.0))
    assert bool(_holds("per_minute", facts, view("n3", Verdict.FAILED))) is holds


def test_who_came_back_and_goes_again_counts_once() -> None:
    facts = _facts(taken={"n3": ("dc1", "a")})
    node = view("n3", Verdict.FAILED)
    assert not _holds("most_of_service", facts, node)
    assert not _holds("most_of_zone", facts, node)
    assert _holds("most_of_service", facts, view("n4", Verdict.FAILED))


def test_zones_of_one_name_in_two_regions_are_two() -> None:
    facts = _facts(taken={"x": ("dc2", "a")})
    assert not _holds("most_of_zone", facts, view("n3", Verdict.FAILED))


def test_the_first_that_holds_is_the_one_that_is_told() -> None:
    facts = _facts(controls=Controls(stopped_by="anna", holder=False, pins=()))
    assert first_that_holds(facts, view("n3", Verdict.FAILED)) == (
        "stopped",
        "anna has stopped remediation",
    )
