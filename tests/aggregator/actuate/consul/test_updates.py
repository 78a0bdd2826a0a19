"""What TTL checks are told, and when."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.actuate.consul.updates import LEFT_S, MAX_NOTE, WITHDRAWN, Told, Verb
from coalmine_aggregator.model.withdrawal import Mode, Phase
from tests.aggregator.actuate.words import withdrawal, word, words

NODES = ("web-1", "web-2", "web-3")


def tell(told: Told, *said: object, now: float, taken: bool = True) -> dict[str, str]:
    """What is due, which is then sent; verb by node."""
    ours = words(*said)  # type: ignore[arg-type]
    due = told.due(ours, now)
    for update in due:
        told.tried(update, now, taken=taken)
    return {update.node: str(update.verb) for update in due}


def test_at_first_everybody_is_told_to_pass_and_then_only_what_changes() -> None:
    told = Told(5.0, keep_passing=False)
    assert tell(told, word(nodes=NODES), now=0.0) == dict.fromkeys(NODES, "pass")
    assert tell(told, word(nodes=NODES), now=100.0) == {}
    drained = word(withdrawal("web-3", Phase.DRAIN), nodes=NODES)
    assert tell(told, drained, now=101.0) == {"web-3": "warn"}
    assert told.out() == {"ingest": ("web-3",)}
    assert tell(told, drained, now=105.9) == {}
    assert tell(told, drained, now=106.0) == {"web-3": "warn"}
    assert tell(told, word("web-3", nodes=NODES), now=107.0) == {"web-3": "fail"}
    assert tell(told, word(nodes=NODES), now=108.0) == {"web-3": "pass"}
    assert told.out() == {"ingest": ()}


def test_passing_is_kept_alive_where_that_is_asked_for() -> None:
    told = Told(5.0, keep_passing=True)
    for now in (0.0, 5.0, 10.0):
        assert tell(told, word(nodes=NODES), now=now) == dict.fromkeys(NODES, "pass")
        assert tell(told, word(nodes=NODES), now=now + 4.0) == {}


def test_what_was_not_taken_is_told_again_but_not_at_once() -> None:
    told = Told(5.0, keep_passing=False)
    nodes = ("web-1", "web-3")
    tell(told, word(nodes=nodes), now=0.0)
    assert tell(told, word("web-3", nodes=nodes), now=1.0, taken=False) == {"web-3": "fail"}
    assert told.out() == {"ingest": ()}
    assert tell(told, word("web-3", nodes=nodes), now=2.0) == {}
    assert tell(told, word(nodes=nodes), now=2.5, taken=False) == {"web-3": "pass"}
    assert tell(told, word(nodes=nodes), now=7.5) == {"web-3": "pass"}
    tell(told, word("web-3", nodes=nodes), now=8.0)
    tell(told, word(nodes=nodes), now=9.0, taken=False)
    assert told.out() == {"ingest": ("web-3",)}
    assert tell(told, word(nodes=nodes), now=14.0) == {"web-3": "pass"}
    assert told.out() == {"ingest": ()}
    assert tell(told, word(nodes=nodes), now=20.0) == {}


def test_withdrawals_come_last() -> None:
    told = Told(5.0, keep_passing=False)
    tell(told, word("web-1", nodes=NODES), now=0.0)
    due = told.due(words(word("web-2", nodes=NODES)), 1.0)
    assert [(update.node, update.verb) for update in due] == [
        ("web-1", Verb.PASS),
        ("web-2", Verb.FAIL),
    ]


def test_who_leaves_while_out_is_told_to_pass_and_then_forgotten() -> None:
    told = Told(5.0, keep_passing=True)
    tell(told, word("web-3", nodes=NODES), now=0.0)
    left = word(nodes=("web-1", "web-2"))
    assert tell(told, left, now=1.0) == {"web-3": "pass"}
    tell(told, left, now=2.0)
    assert sorted(told.nodes()) == [("ingest", "web-1"), ("ingest", "web-2")]


def test_whose_machine_is_gone_for_good_is_not_told_for_ever() -> None:
    told = Told(5.0, keep_passing=False)
    tell(told, word("web-3", nodes=NODES), now=0.0)
    left = word(nodes=("web-1", "web-2"))
    for now in map(float, range(5, int(LEFT_S), 5)):
        assert tell(told, left, now=now, taken=False)["web-3"] == "pass"
        assert told.out() == {"ingest": ("web-3",)}
    assert tell(told, left, now=LEFT_S + 5.0) == {}
    assert told.out() == {"ingest": ()}
    assert tell(told, word(nodes=NODES), now=LEFT_S + 10.0) == {"web-3": "pass"}  # it is new then
    for now in (0.0, LEFT_S):  # the time counts from when it left last
        at = 2 * LEFT_S + now
        tell(told, word("web-3", nodes=NODES), now=at)
        assert "web-3" in tell(told, left, now=at + LEFT_S - 1.0, taken=False)


def test_dry_run_and_stop_pass_everybody() -> None:
    for mode in (Mode.DRY_RUN, Mode.STOPPED):
        told = Told(5.0, keep_passing=False)
        tell(told, word("web-3", nodes=NODES), now=0.0)
        assert tell(told, word("web-3", nodes=NODES, mode=mode), now=1.0) == {"web-3": "pass"}


def test_what_another_aggregator_may_have_told_meanwhile_is_told_anew() -> None:
    told = Told(5.0, keep_passing=False)
    tell(told, word(nodes=NODES), now=0.0)
    assert tell(told, now=1.0) == {}  # in standby no service is ours
    assert tell(told, word(nodes=NODES), now=2.0) == dict.fromkeys(NODES, "pass")


def test_what_has_waited_is_what_is_wanted_now() -> None:
    told = Told(5.0, keep_passing=False)
    (update,) = told.due(words(word("web-3", nodes=("web-3",))), 0.0)
    assert told.due_now(update, word("web-3", nodes=("web-3",)), 1.0) == update
    returned = told.due_now(update, word(nodes=("web-3",)), 1.0)
    assert returned is not None
    assert returned.verb is Verb.PASS
    told.tried(returned, 1.0, taken=True)
    assert told.due_now(update, word(nodes=("web-3",)), 2.0) is None
    assert told.due_now(update, None, 2.0) is None  # another aggregator decides


def test_notes_say_why_on_one_line() -> None:
    nasty = withdrawal(why="lost\r\nSet-Cookie: x" + "y" * 1000, by="ada")
    (update,) = Told(5.0, keep_passing=False).due(words(word(nasty, nodes=("web-3",))), 0.0)
    assert update.note.startswith(f"{WITHDRAWN} (down) by ada: lost Set-Cookie")
    assert len(update.note) == MAX_NOTE


OUT = st.sets(st.sampled_from(NODES))
STEPS = st.lists(st.tuples(OUT, OUT, st.floats(0.1, 9.0)), max_size=20)


@given(STEPS, st.booleans())
def test_once_nothing_fails_everything_is_as_wanted_within_one_interval(
    steps: list[tuple[set[str], set[str], float]], keep: bool
) -> None:
    """Invariant: whatever was refused before, one interval of answers brings every check to what is
    wanted, and a check that is not wanted out is not out."""
    told = Told(5.0, keep_passing=keep)
    checks: dict[str, Verb] = {}
    now = 0.0
    wanted: set[str] = set()
    for wanted, refused, wait_s in steps:
        for update in told.due(words(word(*sorted(wanted), nodes=NODES)), now):
            taken = update.node not in refused
            told.tried(update, now, taken=taken)
            if taken:
                checks[update.node] = update.verb
        now += wait_s
    for later in (now + 5.0, now + 10.0):
        for update in told.due(words(word(*sorted(wanted), nodes=NODES)), later):
            told.tried(update, later, taken=True)
            checks[update.node] = update.verb
    assert checks == {node: Verb.FAIL if node in wanted else Verb.PASS for node in NODES}
    assert set(told.out()["ingest"]) == wanted
