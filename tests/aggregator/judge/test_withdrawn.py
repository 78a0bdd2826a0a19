"""Nodes that are out: their series leave loss, objective and blind, slot by slot."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.judge.cells import ServiceCells
from coalmine_aggregator.judge.taken_out import LASTS_S
from coalmine_aggregator.judge.withdrawn import MOST_CHANGES, NOBODY, REMEMBERED_S, Withdrawn
from coalmine_aggregator.ledger.series import AllSeries
from coalmine_aggregator.model.alerts import Alert, AlertClass, Change, Severity
from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.model.slot_cells import ABSENT, SlotCells
from coalmine_wire.protocols import Protocol
from coalmine_wire.series import Location, Series
from tests.aggregator.fleet import Canary, T
from tests.aggregator.judge.story import Course, Story, fleet, losing, on_hosts, report_of, well

SERIES = 36
"""12 nodes with an agent each, three series of every one."""

A, B = "z0-0", "z1-0"
ALL_FAIL = losing(lambda canary, endpoint: True)


def nodes() -> Story:
    return Story(fleet(location=Location.ON_MACHINE))


def out(story: Story, slot: int, *hosts: str) -> None:
    story.engine.judge.withdraw("ingest", frozenset(hosts), T + slot)


def failing(*hosts: str) -> Course:
    return losing(on_hosts(hosts))


def closed(story: Story) -> list[tuple[int, Alert]]:
    """Losses that ended, each with the newest slot that was settled by then."""
    return [
        (at - T - 3, each.alert)
        for at, each in story.told
        if each.change is Change.CLOSED and each.alert.alert_class is AlertClass.LOSS
    ]


def sums(story: Story) -> tuple[int, int]:
    """Everything that the objective was charged with: judged and bad."""
    found = story.service.slo.sums(T + 600, 1_200)
    return found.judged, found.bad


def test_a_loss_is_over_with_the_first_slot_without_its_node() -> None:
    story = nodes()
    story.run(range(T, T + 60))
    story.run(range(T + 60, T + 75), failing(A))
    assert [alert.scope for alert in story.open()] == [(("node", A),)]
    before = sums(story)
    out(story, 75, A)
    story.run(range(T + 75, T + 100), failing(A))
    ((slot, alert),) = closed(story)
    assert slot == 75
    assert alert.note.endswith(f"over because {A} was withdrawn, not because it recovered")
    # Slots 73 and 74 were open when it was withdrawn, and had sent to it already.
    judged, bad = sums(story)
    settled = 100 - 75
    assert bad - before[1] == 3 * 2
    assert judged - before[0] == SERIES * settled - 3 * (settled - 2)
    assert alert.total.bad == bad
    assert story.open() == []


def test_a_node_that_is_back_counts_again() -> None:
    story = nodes()
    story.run(range(T, T + 60))
    story.run(range(T + 60, T + 75), failing(A))
    out(story, 75, A)
    story.run(range(T + 75, T + 100), failing(A))
    story.run(range(T + 100, T + 120))
    out(story, 120)
    judged, _ = sums(story)
    story.run(range(T + 120, T + 140))
    assert sums(story)[0] - judged == SERIES * 20 - 3 * 2
    assert story.changes() == [Change.OPENED, Change.CLOSED]
    story.run(range(T + 140, T + 150), failing(A))
    assert [alert.scope for alert in story.open()] == [(("node", A),)]


def test_a_loss_of_several_goes_on_with_the_others() -> None:
    story = nodes()
    story.run(range(T, T + 60))
    story.run(range(T + 60, T + 75), failing(A, "z0-1", "z0-2"))
    (alert,) = story.open()
    assert alert.scope == (("zone", "z0"),)
    out(story, 75, A)
    story.run(range(T + 75, T + 100), failing(A, "z0-1", "z0-2"))
    (still,) = story.open()
    assert still.number == alert.number
    assert still.total.bad == 9 * 15 + 6 * 23  # of the slots up to 97
    out(story, 100, A, "z0-1", "z0-2")
    story.run(range(T + 100, T + 110), failing(A, "z0-1", "z0-2"))
    ((_, over),) = closed(story)
    assert over.note.endswith("z0-0, z0-1 and z0-2 were withdrawn, not because it recovered")


def test_a_loss_that_recovers_says_nothing_of_withdrawals() -> None:
    story = nodes()
    story.run(range(T, T + 60))
    story.run(range(T + 60, T + 70), failing(A))
    out(story, 70, B)
    story.run(range(T + 70, T + 110))
    ((_, alert),) = closed(story)
    assert "withdrawn" not in alert.note


def late(story: Story, canary: Canary, slots: range) -> None:
    """What it did not tell, it tells now: everything had failed."""
    for slot in slots:
        story.engine.report(report_of(canary, slot, [Fate.FAILED] * 3), float(slots.stop))


def unsaid(slots: range, hosts: Collection[str]) -> Course:
    return lambda canary, endpoint, slot: (
        None if canary.host in hosts and slot in slots else Fate.DELIVERED
    )


def test_late_evidence_counts_by_who_was_out_in_its_slot() -> None:
    story = nodes()
    silent = range(T + 70, T + 80)
    story.run(range(T, T + 70))
    story.run(range(T + 70, T + 75), unsaid(silent, [A]))
    out(story, 75, A)
    story.run(range(T + 75, T + 90), unsaid(silent, [A]))
    out(story, 90)
    story.run(range(T + 90, T + 110))
    judged, bad = sums(story)
    assert bad == 0
    late(story, story.canaries[0], silent)
    story.tick(T + 110.0)
    # Of its ten slots the first five were before it was out.
    assert sums(story) == (judged + 5 * 3, 5 * 3)


def test_who_was_out_when_is_known_after_a_restart() -> None:
    story = nodes()
    silent = range(T + 70, T + 80)
    story.run(range(T, T + 70))
    out(story, 70, A)
    story.run(range(T + 70, T + 90), unsaid(silent, [A]))
    later = Story(story.canaries, restored=story.next_run(), began=T + 95)
    # The run before withdrew it, this one withdraws nobody: it has no rules.
    later.run(range(T + 96, T + 120))
    judged, bad = sums(later)
    late(later, later.canaries[0], silent)
    later.tick(T + 120.0)
    assert sums(later) == (judged, bad)
    late(later, later.canaries[1], range(T + 60, T + 61))
    assert later.service.withdrawn.at(T + 80) == {A}
    assert later.service.withdrawn.at(T + 95) == NOBODY


def test_late_evidence_of_a_node_that_is_out_pages_nobody() -> None:
    story = nodes()
    silent = range(T + 60, T + 80)
    story.run(range(T, T + 60))
    story.run(range(T + 60, T + 80), unsaid(silent, [A]))
    out(story, 80, A)
    story.run(range(T + 80, T + 90))
    late(story, story.canaries[0], silent)
    story.run(range(T + 90, T + 100))
    assert story.of(AlertClass.LOSS) == []
    assert sums(story)[1] == 20 * 3


def test_what_is_out_blinds_nobody() -> None:
    story = nodes()
    gone = [canary.host for canary in story.canaries[:8]]
    story.run(range(T, T + 70))
    out(story, 70, *gone)
    story.run(range(T + 70, T + 100), unsaid(range(T + 70, T + 100), gone))
    assert story.of(AlertClass.BLIND) == []
    # Its agents are silent all the same, and that is told.
    assert story.of(AlertClass.AGENTS_MISSING)


def test_nobody_out_costs_nothing() -> None:
    cells, _ = three()
    withdrawn = Withdrawn(cells)
    slot = settled(5, [0, 1, 2])
    taken = withdrawn.take(slot)
    assert taken.fates.base is slot.fates
    assert taken.expected is slot.expected


def three() -> tuple[ServiceCells, AllSeries]:
    series = AllSeries()
    for host in ("a", "b", "c"):
        series.add(
            Series("ingest", Protocol.TCP, "", Location.ON_MACHINE, "r", "z", host, host),
            control=False,
        )
    cells = ServiceCells("ingest")
    cells.learn(series)
    return cells, series


def settled(slot: int, fates: list[int]) -> SlotCells:
    taken = np.array(fates, dtype=np.uint8)
    return SlotCells(slot, taken, taken == 0, object(), np.zeros(0, dtype=np.int32))


def test_the_same_set_is_the_same_object() -> None:
    cells, _ = three()
    withdrawn = Withdrawn(cells)
    withdrawn.tell(frozenset("a"), 10)
    first, slot = settled(10, [1, 0, ABSENT]), settled(11, [0, 0, 0])
    taken = withdrawn.take(first)
    again = withdrawn.take(slot._replace(expected=first.expected))
    assert taken.expected is again.expected is not first.expected
    assert taken.fates.tolist() == [ABSENT, 0, ABSENT]
    assert taken.received.tolist() == [False, True, False]
    withdrawn.tell(frozenset("ab"), 11)
    other = withdrawn.take(slot._replace(expected=first.expected))
    assert other.expected is not taken.expected
    assert other.received.tolist() == [False, False, True]
    everything = np.ones(3, dtype=np.bool_)
    assert withdrawn.among(other, everything) == ()  # c is left
    assert withdrawn.among(other, np.array([True, True, False])) == ("a", "b")


Told = list[tuple[int, frozenset[str]]]


@given(
    told=st.lists(
        st.tuples(st.integers(0, 40), st.frozensets(st.sampled_from("abc"))), min_size=1, max_size=12
    )
)
def test_slots_know_what_was_told_of_them_last(told: Told) -> None:
    withdrawn = Withdrawn(three()[0])
    known: Callable[[int], frozenset[str]] = lambda slot: NOBODY  # noqa: E731
    for first, nodes_out in told:
        withdrawn.tell(nodes_out, first)
        before = known
        known = lambda slot, before=before, first=first, nodes_out=nodes_out: (  # type: ignore[misc] # noqa: E731
            nodes_out if slot >= first else before(slot)
        )
        assert withdrawn.now == nodes_out
        assert [withdrawn.at(slot) for slot in range(45)] == [known(slot) for slot in range(45)]
    kept = withdrawn.drain() or ""
    again = Withdrawn(three()[0], kept)
    assert [again.at(slot) for slot in range(45)] == [known(slot) for slot in range(45)]


def test_what_is_remembered_is_bounded() -> None:
    withdrawn = Withdrawn(three()[0])
    for slot in range(3 * MOST_CHANGES):
        withdrawn.tell(frozenset("a" if slot % 2 else "b"), slot)
    assert len(withdrawn.drain() or "") < 20 * MOST_CHANGES
    withdrawn.tell(NOBODY, 10 * REMEMBERED_S)
    withdrawn.tell(frozenset("c"), 12 * REMEMBERED_S)
    assert withdrawn.at(9 * REMEMBERED_S) == NOBODY
    assert withdrawn.at(12 * REMEMBERED_S) == {"c"}


def test_kept_text_that_is_none_is_nothing() -> None:
    for text in ("", "{", '{"a": 1}', "[[1]]", "null"):
        assert Withdrawn(three()[0], text).now == NOBODY


def test_everybody_fails_and_one_is_out() -> None:
    story = nodes()
    story.run(range(T, T + 60), well)
    story.run(range(T + 60, T + 75), ALL_FAIL)
    out(story, 75, A)
    story.run(range(T + 75, T + 90), ALL_FAIL)
    (alert,) = story.open()
    assert alert.scope == ()
    assert closed(story) == []


def broken_behind_a_balancer(until: int) -> Course:
    """A node fails for good, and at the same time a part of everything, up to a slot."""

    def course(canary: Canary, endpoint: int, slot: int) -> Fate:
        drawn = slot + 4 * endpoint + 7 * int(canary.host[-1]) + 5 * int(canary.zone[-1])
        if canary.host == A or (slot < T + until and drawn % 24 == 0):
            return Fate.FAILED
        return Fate.DELIVERED

    return course


def others(story: Story) -> list[tuple[int, Change, Severity]]:
    """What was told of losses that are not the node's."""
    return [
        (at - T, each.change, each.alert.severity)
        for at, each in story.told
        if each.alert.alert_class is AlertClass.LOSS and each.alert.scope != (("node", A),)
    ]


def taken_out_at_once(until: int, end: int) -> Story:
    """The node's loss is known first, and over before the other one is known."""
    story, course = nodes(), broken_behind_a_balancer(until)
    story.run(range(T, T + 60))
    story.run(range(T + 60, T + 63), course)
    assert [alert.scope for alert in story.open()] == [(("node", A),)]
    out(story, 63, A)
    story.run(range(T + 63, T + end), course)
    assert closed(story)[0][0] == 63
    assert others(story)[0][0] > 66
    return story


def test_what_began_with_the_node_wakes_nobody_unless_it_lasts() -> None:
    story = taken_out_at_once(until=75, end=135)
    assert len(story.pages()) == 1
    assert {severity for *_, severity in others(story)} == {Severity.TICKET}
    assert others(story)[-1][1] is Change.CLOSED


def test_what_began_with_the_node_and_lasts_is_a_page() -> None:
    story = taken_out_at_once(until=1_000, end=150)
    assert len(story.pages()) == 1
    paged = [at for at, _, severity in others(story) if severity is Severity.PAGE]
    assert 63 + LASTS_S <= paged[0] <= 63 + LASTS_S + 5


def test_more_than_the_node_had_is_a_page_at_once() -> None:
    """The nodes that are left get its traffic, and go down under it."""
    story = nodes()
    story.run(range(T, T + 60))
    story.run(range(T + 60, T + 63), failing(A))
    out(story, 63, A)
    story.run(range(T + 63, T + 68), failing(A))
    story.run(range(T + 68, T + 80), ALL_FAIL)
    at, change, severity = others(story)[0]
    assert (change, severity) == (Change.OPENED, Severity.PAGE)
    assert at < 75


def test_what_grows_beyond_what_the_node_had_is_a_page_then() -> None:
    story, course = nodes(), broken_behind_a_balancer(until=1_000)
    story.run(range(T, T + 60))
    story.run(range(T + 60, T + 63), course)
    out(story, 63, A)
    story.run(range(T + 63, T + 90), course)
    assert {severity for *_, severity in others(story)} == {Severity.TICKET}
    story.run(range(T + 90, T + 100), ALL_FAIL)
    assert others(story)[-1][2] is Severity.PAGE


def test_what_begins_later_is_a_page_at_once() -> None:
    story = nodes()
    story.run(range(T, T + 60))
    story.run(range(T + 60, T + 70), failing(A))
    out(story, 70, A)
    story.run(range(T + 70, T + 80), failing(A))
    story.run(range(T + 80, T + 90), broken_behind_a_balancer(until=1_000))
    assert others(story)[0][2] is Severity.PAGE
