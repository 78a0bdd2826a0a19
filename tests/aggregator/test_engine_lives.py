"""Changes in agents' lives as they are handed out: each is told once, and says how the agent stands."""

from __future__ import annotations

from coalmine_aggregator.model.restored import Restored
from coalmine_wire.reports import Life
from tests.aggregator.fleet import Canary, Desk, T, desk, healthy, running


def told(at: Desk) -> list[tuple[str, int, str]]:
    """Agent, second and status of every change so far."""
    return [(each.agent, int(each.at) - T, str(each.status)) for each in at.lives]


def test_a_life_from_birth_to_retirement() -> None:
    canary = Canary()
    at = running(canary)
    healthy(at, range(T + 1, T + 5), canary)
    at.lives.clear()
    for now in range(T + 5, T + 20):
        at.tick(now)
    healthy(at, range(T + 20, T + 25), canary)
    at.engine.state(canary.state(Life.GOODBYE, T + 24, reason="update"), T + 25.5)
    at.tick(T + 26)
    again = Canary(boot="boot2", first_slot=T + 30)
    at.engine.birth(again.birth(), T + 30.5)
    at.engine.birth(again.birth(), T + 30.6)  # a retained message, heard again
    at.tick(T + 31)
    at.engine.state(again.state(Life.RETIRED, T + 32, reason="scaled in"), T + 33)
    at.tick(T + 34)
    # Silent agents are looked for once a second.
    ((_, silent_s, _),) = [each for each in told(at) if each[2] == "missing"]
    assert 13 <= silent_s <= 16
    assert told(at) == [
        (canary.agent, silent_s, "missing"),
        (canary.agent, 21, "alive"),
        (canary.agent, 25, "goodbye"),
        (canary.agent, 30, "alive"),
        (canary.agent, 33, "retired"),
    ]
    assert [each.note for each in at.lives if each.note] == ["update", "scaled in"]


def test_who_comes_second_is_set_aside_and_who_makes_way_is_retired() -> None:
    first, second = Canary("a1", "h1"), Canary("a2", "h1")
    at = running(first)
    healthy(at, range(T + 1, T + 4), first)
    at.lives.clear()
    at.engine.birth(second.birth(), T + 4.5)
    at.tick(T + 5)
    assert told(at) == [("a2", 4, "set_aside")]
    at.engine.state(first.state(Life.GOODBYE, T + 5), T + 6)
    at.engine.birth(second.birth(), T + 6.5)
    for now in range(T + 7, T + 12):
        at.tick(now)
    assert {agent: status for agent, _, status in told(at)} == {"a1": "retired", "a2": "alive"}


def test_a_second_process_of_one_id_does_not_change_how_the_first_stands() -> None:
    canary = Canary()
    at = running(canary)
    healthy(at, range(T + 1, T + 4), canary)
    at.engine.birth(Canary(boot="boot2", first_slot=T + 4).birth(), T + 4.2)
    at.tick(T + 4.5)
    for slot in range(T + 4, T + 12):
        at.engine.report(canary.report([slot], sent_at=slot + 0.6), slot + 0.7)
        at.tick(slot + 1.0)
    assert any(view.status == "set_aside" for view in at.engine.agents(T + 12))
    assert {status for _, _, status in told(at)} == {"alive"}


def test_a_restart_says_how_everybody_stands() -> None:
    away, here = Canary("a1", "h1"), Canary("a2", "h2")
    past = Restored(
        births=(away.birth(), here.birth()),
        states=(away.state(Life.GOODBYE, T - 20),),
        last_slot=T - 10,
    )
    at = desk(float(T), past)
    at.tick(T + 0.5)
    assert told(at) == [("a2", 0, "alive"), ("a1", 0, "goodbye")]
