"""One cause, one incident, whoever dies: on stories and on any story."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from coalmine_aggregator.model.alerts import Alert, AlertClass, Change, Severity, Transition
from coalmine_aggregator.model.progress import Counting, Progress
from coalmine_aggregator.pair.pair import Notice, Pair, Verdict
from coalmine_aggregator.pair.word import MAX_TOLD, Life, Open, Over, Word, decode, encode, open_of
from tests.aggregator.pair.world import T, World
from tests.aggregator.store.samples import opened

KEY = "prod/ingest/loss/1"
LONG_S = 30
"""Within this a cause is told, whoever sees it: a start, what the second waits, and settling."""


def whole() -> World:
    world = World()
    world.pass_s(10)
    return world


def told(world: World) -> dict[str, int]:
    assert world.provider.wrong == []
    return world.provider.opened


def test_the_first_tells_at_once_and_the_second_nothing() -> None:
    world = whole()
    world.begin("udp", "ab")
    world.pass_s(1)
    assert told(world) == {KEY: 1}
    world.pass_s(60)
    assert [each.transition.change for each in world.nodes["b"].outbox] == ["opened"]
    world.end("udp")
    world.pass_s(20)
    assert told(world) == {KEY: 1}
    assert world.provider.standing == set()
    assert all(node.outbox == [] for node in world.nodes.values())


def test_what_only_the_second_sees_it_tells_after_ten_seconds() -> None:
    world = whole()
    world.begin("udp", "b")
    world.pass_s(10)
    assert told(world) == {}
    world.pass_s(2)
    assert told(world) == {KEY: 1}
    world.end("udp")
    world.pass_s(12)
    assert world.provider.standing == set()


def test_the_second_tells_at_once_where_the_first_is_dead() -> None:
    world = whole()
    world.kill("a")
    world.begin("udp", "ab")
    world.pass_s(1)
    assert told(world) == {KEY: 1}


def test_the_survivor_resolves() -> None:
    world = whole()
    world.begin("udp", "ab")
    world.pass_s(5)
    world.kill("a")
    world.pass_s(5)
    world.end("udp")
    world.pass_s(1)
    assert world.provider.standing == set()
    world.nodes["a"].start(world.now)
    world.pass_s(30)
    assert told(world) == {KEY: 1}


def test_who_dies_having_told_an_end_unsaid_leaves_nothing_untold() -> None:
    world = whole()
    world.begin("udp", "a")
    world.pass_s(1)
    assert world.provider.standing == {KEY}
    world.end("udp")
    world.nodes["a"].dies_after_telling = True
    world.pass_s(1)
    assert world.provider.standing == set()
    assert world.nodes["a"].pair is None
    world.begin("udp", "ab")
    world.pass_s(LONG_S)
    assert told(world) == {KEY: 2}
    assert world.provider.standing == {KEY}


def test_an_end_waits_for_the_other_to_see_it() -> None:
    world = whole()
    world.begin("udp", "ab")
    world.pass_s(5)
    world.seen["a"].clear()
    world.pass_s(20)
    assert world.provider.standing == {KEY}
    world.end("udp")
    world.pass_s(2)
    assert world.provider.standing == set()
    assert told(world) == {KEY: 1}


def test_the_first_has_time_to_tell_an_end_that_the_second_waited_for() -> None:
    """Mail and chats know no keys: what both tell stands there twice."""
    begun = opened(at=T)
    alert = begun.alert
    over = Transition(Change.CLOSED, T + 5.0, alert._replace(closed_at=T + 5.0))
    b = Pair("b", "a", T - 60)
    end = Over(alert.service, alert.alert_class, alert.ordinal, alert.since, T + 60.0)

    def verdict(at: int, there: list[Open], ended: list[Over]) -> Verdict:
        b.hear(Word("a", Life.RUNNING, at, at - 5, open=there, over=ended), at)
        return b.verdict(Notice(over, "mail", "", 0, 0, over.at), at)

    b.note(begun)
    b.note(over)
    assert verdict(T + 59, [open_of(alert, [("mail", "", 0, 0)])], []) is Verdict.WAIT
    assert verdict(T + 60, [], [end]) is Verdict.WAIT
    assert verdict(T + 69, [], [end]) is Verdict.WAIT
    assert verdict(T + 70, [], [end]) is Verdict.GO
    end.told.append(("mail", ""))
    assert verdict(T + 70, [], [end]) is Verdict.TOLD


@pytest.mark.parametrize("back_s", [0.4, 3.0])
def test_a_clock_that_is_set_back_ends_nothing_early_and_tells_nothing_twice(back_s: float) -> None:
    """The wall's may also be behind the one that alerts go by, until that has followed it."""
    begun = opened(at=T)
    over = Transition(Change.CLOSED, T + 5.0, begun.alert._replace(closed_at=T + 5.0))
    other = begun._replace(at=T + 60.0, alert=begun.alert._replace(number=2, ordinal=2))
    b = Pair("b", "a", T - 60)
    b.note(begun)
    b.note(over)
    there = [open_of(begun.alert, [("pd", "", 0, 0)])]
    b.hear(Word("a", Life.RUNNING, T + 60.0, T + 55, open=there), T + 60.0)
    b.note(other)
    for notice in (
        Notice(over, "pd", "", 0, 0, over.at),
        Notice(other, "pd", "", 0, 0, other.at),
    ):
        assert b.verdict(notice, T + 60.0 - back_s) is Verdict.WAIT
        assert b.verdict(notice, T + 66.0) is Verdict.GO  # it has not been heard of for so long


def test_however_many_were_told_the_other_understands_it() -> None:
    begun = opened(at=T)
    over = Transition(Change.CLOSED, T + 5.0, begun.alert._replace(closed_at=T + 5.0))
    a = Pair("a", "b", T)
    for transition in (begun, over):
        a.note(transition)
        for person in range(MAX_TOLD + 1):
            a.told(Notice(transition, "sms", str(person), 0, 0, transition.at), T + 5, by_us=True)
        word = decode(encode(a.word(Progress(T + 5, T, Counting.UNCHECKED))))
        told = [each.told for each in word.open] + [each.told for each in word.over]
        assert [len(each) for each in told] == [MAX_TOLD]


def test_other_causes_get_other_keys_and_the_same_cause_the_same() -> None:
    world = whole()
    world.begin("udp", "a")
    world.pass_s(3)
    world.begin("tls", "b")
    world.pass_s(3)
    world.begin("udp", "b")
    world.begin("tls", "a")
    world.pass_s(20)
    for cause in ("udp", "tls"):
        assert world.key("a", cause) == world.key("b", cause) != ""
    assert told(world) == {KEY: 1, "prod/ingest/loss/2": 1}


def test_parted_both_tell_under_the_same_key() -> None:
    world = whole()
    world.parted = True
    world.pass_s(6)
    world.begin("udp", "ab")
    world.pass_s(1)
    assert world.nodes["a"].outbox == world.nodes["b"].outbox == []
    assert told(world) == {KEY: 1}


def test_silence_is_told_and_a_goodbye_less_loudly() -> None:
    world = whole()
    pair = world.nodes["b"].pair
    assert pair is not None
    assert [pair.findings(world.now + s) for s in range(31)] == [[]] * 31
    (found,) = pair.findings(world.now + 32)
    assert (found.alert_class, found.handle) == (AlertClass.PEER, "a")
    assert found.severity is Severity.PAGE
    pair.hear(Word("a", Life.STOPPED), world.now + 32)
    (found,) = pair.findings(world.now + 33)
    assert found.severity is Severity.TICKET
    pair.hear(world.nodes["a"].word(world.now + 34), world.now + 34)
    assert pair.findings(world.now + 35) == []


@pytest.mark.parametrize("jump_s", [-3_600, -3, 40, 3_600])
def test_who_stood_still_or_whose_clock_was_set_takes_nobody_for_silent(jump_s: int) -> None:
    """Nor for well again who was silent before."""
    world = whole()
    pair = world.nodes["b"].pair
    assert pair is not None
    last = world.now + 1
    assert pair.findings(last) == []
    resumed = last + jump_s
    assert [pair.findings(resumed + s) for s in range(20)] == [[]] * 20
    pair.hear(Word("a", Life.RUNNING, resumed + 20, resumed + 15), resumed + 20)
    assert [pair.findings(resumed + 20 + s) for s in range(31)] == [[]] * 31
    last = resumed + 52
    assert [each.handle for each in pair.findings(last)] == ["a"]
    assert [each.handle for each in pair.findings(last + jump_s)] == ["a"]


def test_an_acknowledgement_is_heard_of() -> None:
    world = whole()
    world.begin("udp", "ab")
    world.pass_s(3)
    a, b = world.nodes["a"], world.nodes["b"]
    assert a.pair is not None
    assert b.pair is not None
    assert b.pair.acknowledged() == []
    (alert,) = a.state.open
    a.pair.restore([alert._replace(acknowledged_at=float(T), acknowledged_by="anna")], [])
    b.pair.hear(a.word(world.now), world.now)
    assert b.pair.acknowledged() == [(b.state.open[0].number, "anna")]


def test_what_is_a_page_here_and_a_ticket_there_is_told_as_a_page() -> None:
    """A ticket that becomes a page tells so by a change where the receiver shows it, else anew."""
    page = opened(at=T)
    ticket = page._replace(alert=page.alert._replace(severity=Severity.TICKET))
    b = Pair("b", "a", T - 60)
    there = [open_of(ticket.alert, [("pd", "", 0, 0), ("sms", "anna", 0, 0)])]

    def verdict(transition: Transition, receiver: str, after_s: int) -> Verdict:
        now = T + after_s
        b.hear(Word("a", Life.RUNNING, now, now - 5, open=there), now)
        person = "anna" if receiver == "sms" else ""
        return b.verdict(Notice(transition, receiver, person, 0, 0, transition.at), now)

    b.note(ticket)
    assert verdict(ticket, "pd", 60) is Verdict.WAIT
    rise = page._replace(change=Change.CHANGED, at=T + 61.0)
    again = page._replace(at=T + 61.0)
    b.note(rise)
    assert verdict(ticket, "pd", 61) is Verdict.TOLD
    for told in ((rise, "pd"), (again, "sms")):
        assert verdict(*told, 62) is Verdict.WAIT
        assert verdict(*told, 72) is Verdict.GO
    there = [open_of(page.alert, there[0].told)]
    assert verdict(rise, "pd", 73) is Verdict.TOLD
    assert verdict(again, "sms", 73) is Verdict.WAIT


def test_who_comes_back_acknowledges_nothing_that_began_while_it_was_away() -> None:
    begun = opened(at=T)
    taken = begun.alert._replace(opened_at=T, acknowledged_at=T + 60.0, acknowledged_by="anna")
    b = Pair("b", "a", T - 60)
    b.note(begun)

    def acknowledged(at: int, theirs: Alert) -> list[tuple[int, str]]:
        b.hear(Word("a", Life.RUNNING, at, at - 5, open=[open_of(theirs, [])]), at)
        return b.acknowledged()

    assert acknowledged(T + 60, taken) == [(1, "anna")]
    b.hear(Word("a", Life.LOST), T + 300)
    b.note(Transition(Change.CLOSED, T + 400.0, begun.alert._replace(closed_at=T + 400.0)))
    new = begun.alert._replace(number=2, since=T + 1_199, opened_at=T + 1_200.0)
    b.note(Transition(Change.OPENED, T + 1_200.0, new))
    # It starts with what it knew, and takes the new trouble for that.
    assert acknowledged(T + 1_230, taken) == []
    assert acknowledged(T + 1_232, taken) == []
    later = taken._replace(since=T + 1_240, opened_at=T + 1_241.0)
    assert acknowledged(T + 1_242, later) == [(2, "anna")]


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["kill", "kill", "crash", "start", "part", "heal", "begin", "end"]),
        st.sampled_from("ab"),
        st.sampled_from(["udp", "tls"]),
        st.sampled_from(["ab", "ab", "a", "b"]),
        st.integers(0, 12),
    ),
    max_size=14,
)


def happen(world: World, event: Any, *, may_part: bool) -> None:
    what, name, cause, who, seconds = event
    node = world.nodes[name]
    match what:
        # One at a time, and not both in one second: see what a pair cannot do, in docs/pair.md.
        case "kill" if world.nodes[node.peer].pair is not None:
            world.nodes[node.peer].dies_after_telling = False
            world.kill(name)
        case "crash":
            node.dies_after_telling = node.pair is not None and world.nodes[node.peer].pair is not None
        case "start" if node.pair is None:
            node.start(world.now)
        case "part" | "heal":
            world.parted = may_part and what == "part"
        case "begin":
            world.begin(cause, who)
        case "end":
            world.end(cause)
    world.pass_s(seconds)


def heal(world: World) -> None:
    world.parted = False
    for node in world.nodes.values():
        node.dies_after_telling = False
        if node.pair is None:
            node.start(world.now)


def all_is_told_and_ended(world: World) -> None:
    """One of them lives, and that is enough; then both do, and all is well."""
    for node in world.nodes.values():
        node.dies_after_telling = False
    if all(each.pair is None for each in world.nodes.values()):
        world.nodes["b"].start(world.now)
    world.pass_s(LONG_S)
    for name, node in world.nodes.items():
        if node.pair is not None:
            for cause in world.seen[name]:
                # Under either's key: two that began in another order than the other heard of may have
                # each other's, see docs/pair.md, and the end of one of them ends what both told by it.
                keys = {world.key(each, cause) for each in world.nodes}
                assert keys & world.provider.standing, (name, cause)
    heal(world)
    world.pass_s(LONG_S)
    for cause in ("udp", "tls"):
        world.end(cause)
    world.pass_s(2 * LONG_S)
    assert world.provider.standing == set()
    assert world.provider.wrong == []
    assert all(node.outbox == [] for node in world.nodes.values())


@settings(max_examples=200, deadline=None)
@example(
    [
        ("kill", "b", "udp", "ab", 0),
        ("begin", "a", "udp", "b", 0),
        ("begin", "a", "tls", "ab", 1),
        ("start", "b", "udp", "ab", 0),
        ("kill", "a", "udp", "ab", 6),
        ("start", "a", "udp", "ab", 0),
        ("end", "a", "udp", "ab", 0),
    ]
)
@given(EVENTS)
def test_no_cause_stays_untold_and_none_stays_open(events: list[Any]) -> None:
    world = whole()
    for event in events:
        happen(world, event, may_part=False)
    all_is_told_and_ended(world)


@settings(max_examples=100, deadline=None)
@given(EVENTS)
def test_no_cause_stays_untold_where_they_do_not_hear_of_each_other(events: list[Any]) -> None:
    world = whole()
    for event in events:
        if event[0] != "end":
            happen(world, event, may_part=True)
    all_is_told_and_ended(world)


@settings(max_examples=100, deadline=None)
@given(EVENTS)
def test_a_cause_that_both_see_is_one_incident_whoever_dies(events: list[Any]) -> None:
    world = whole()
    world.begin("udp", "ab")
    for event in events:
        if event[0] in ("kill", "crash", "start"):
            happen(world, event, may_part=False)
    heal(world)
    world.pass_s(LONG_S)
    assert world.key("a", "udp") == world.key("b", "udp") == KEY
    world.end("udp")
    world.pass_s(2 * LONG_S)
    assert told(world) == {KEY: 1}
    assert world.provider.standing == set()
