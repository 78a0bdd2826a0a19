"""When the loss of an incident is counted, and its graphs are drawn."""

from __future__ import annotations

from coalmine_aggregator.incidents.counting import AGAIN_S, AT_ONCE, FROZEN_S, RARER
from coalmine_aggregator.incidents.desk import Desk
from coalmine_aggregator.incidents.measurement import Measurement, Why
from coalmine_aggregator.incidents.opening import Opening
from coalmine_aggregator.incidents.restored import KEEP_S
from coalmine_aggregator.model.incident import CellImpact, Impact, IncidentState
from coalmine_aggregator.model.incident_snapshot import SnapshotName
from coalmine_wire.slots import SETTLE_S
from tests.aggregator.incidents.desks import Office
from tests.aggregator.paging.alerts import NOW, alert, changed, closed, opened

UDP = alert(1, protocol="udp")
TLS = alert(2, protocol="tls", ordinal=2)
DAY_S = 86_400


def opened_office() -> Office:
    office = Office()
    office.take(opened(UDP))
    return office


def answer(office: Office, wanted: Measurement, now: float, bad: int = 5) -> bool:
    """Counts so; whether that was worth keeping."""
    cells = (CellImpact("udp", "eu", bad, 100),)
    impact = Impact(wanted.first, wanted.last, cells, now, wanted.why is Why.FINAL)
    if wanted.why in (Why.OPENED, Why.RESOLVED):
        office.desk.pictured(wanted.number, SnapshotName(wanted.why.value), now)
        return False
    return bool(office.kept.put(office.desk.measured(wanted.number, impact, now)).incidents)


def wanted(office: Office, now: float) -> list[Why]:
    """What is asked for, and answered."""
    found = office.desk.to_measure(now)
    for each in found:
        answer(office, each, now)
    return [each.why for each in found]


def test_it_is_counted_at_once_and_each_half_minute_while_it_lasts() -> None:
    office = opened_office()
    (first,) = office.desk.to_measure(NOW)
    assert first == Measurement(
        1, "ingest", office[1].affected, UDP.since, int(NOW) - SETTLE_S, Why.IMPACT
    )
    assert answer(office, first, NOW)
    assert office[1].impact == Impact(
        first.first, first.last, (CellImpact("udp", "eu", 5, 100),), NOW, False
    )
    assert wanted(office, NOW + AGAIN_S - 1) == []
    assert wanted(office, NOW + AGAIN_S) == [Why.IMPACT]
    assert wanted(office, NOW + AGAIN_S + 1) == []


def test_what_nobody_answers_is_asked_again() -> None:
    office = opened_office()
    assert len(office.desk.to_measure(NOW)) == 1
    assert office.desk.to_measure(NOW + AGAIN_S - 1) == []
    assert len(office.desk.to_measure(NOW + AGAIN_S)) == 1


def test_an_answer_that_was_overtaken_is_not_kept() -> None:
    office = opened_office()
    (first,) = office.desk.to_measure(NOW)
    answer(office, first, NOW)
    assert answer(office, first, NOW + 2, bad=6)
    late = Impact(first.first, first.last, (CellImpact("udp", "eu", 5, 100),), NOW + 1)
    assert office.desk.measured(1, late, NOW + 3) == ((), ())
    impact = office[1].impact
    assert impact is not None
    assert (impact.bad, impact.judged) == (6, 100)


def test_each_change_of_state_is_counted() -> None:
    office = opened_office()
    wanted(office, NOW)
    office.act(lambda d: d.update(1, state=IncidentState.IDENTIFIED, who="anna", now=NOW + 5))
    assert wanted(office, NOW + 5.1) == [Why.IMPACT]
    office.take(closed(UDP, NOW + 9), at=NOW + 9)
    assert wanted(office, NOW + 9.1) == [Why.IMPACT]


def over(office: Office, at: float = NOW + 60) -> float:
    """Closed, answered and resolved; when."""
    office.take(closed(UDP, at), at=at)
    wanted(office, at + 10)
    office.due(at + 600)
    return at + 600


def test_where_what_takes_long_spreads_to_is_counted_soon_and_once() -> None:
    """Customers are told by the counts which parts it hits."""
    office = opened_office()
    wanted(office, NOW)
    later = NOW + 10 * DAY_S
    wanted(office, later)
    rarely = 10 * DAY_S / RARER
    assert wanted(office, later + rarely - 10) == []
    for scope, is_new in (((), True), (UDP.scope, False), ((), False)):
        office.take(changed(UDP._replace(scope=scope), later + 31), at=later + 31)
        assert wanted(office, later + 32) == ([Why.IMPACT] if is_new else [])
        later += 40
    office.take(changed(UDP._replace(scope=TLS.scope), later), at=later)
    for second in range(3):  # nobody answers
        at = later + second * AGAIN_S
        assert [each.why for each in office.desk.to_measure(at)] == [Why.IMPACT]
    office.restart([UDP], later)  # nothing is known any more of what was asked
    assert Why.IMPACT not in wanted(office, later + AGAIN_S)


def test_once_all_fates_are_frozen_it_is_counted_for_good() -> None:
    office = opened_office()
    resolved = over(office)
    assert Why.IMPACT in wanted(office, resolved)
    seen = {
        why
        for second in range(int(resolved) + 1, int(resolved) + 900)
        for why in wanted(office, second)
    }
    assert seen <= {Why.RESOLVED, Why.OPENED}
    frozen = int(NOW) + 60 + FROZEN_S
    assert wanted(office, frozen - 1) == []
    (final,) = office.desk.to_measure(frozen)
    assert (final.why, final.first, final.last) == (Why.FINAL, UDP.since, int(NOW) + 60)
    answer(office, final, frozen)
    impact = office[1].impact
    assert impact is not None
    assert impact.is_final
    assert wanted(office, frozen + DAY_S) == []


def test_what_goes_on_again_is_never_final() -> None:
    office = opened_office()
    wanted(office, over(office))
    frozen = NOW + 60 + FROZEN_S
    (final,) = office.desk.to_measure(frozen)
    office.act(lambda d: d.reopen(1, "anna", frozen))
    office.act(lambda d: d.update(1, state=IncidentState.MONITORING, who="anna", now=frozen))
    again = UDP._replace(number=2, since=int(frozen))
    office.take(opened(again, frozen), at=frozen)
    assert office[1].state is IncidentState.INVESTIGATING
    answer(office, final, frozen + 1)
    impact = office[1].impact
    assert impact is not None
    assert not impact.is_final


def test_what_lasts_long_is_counted_more_rarely() -> None:
    office = opened_office()
    now = NOW + 10 * DAY_S
    assert Why.IMPACT in wanted(office, now)
    assert wanted(office, now + AGAIN_S) == []
    assert wanted(office, now + 3_600) == [Why.IMPACT]


def test_graphs_of_the_opening_and_of_the_whole_course() -> None:
    office = opened_office()
    wanted(office, NOW)
    begins = UDP.since - 120
    found = {each.why: each for each in office.desk.to_measure(NOW + 63)}
    assert (found[Why.OPENED].first, found[Why.OPENED].last) == (begins, int(NOW) + 60)
    office.desk.pictured(1, SnapshotName.OPENED, NOW + 64)
    resolved = over(office, NOW + 100)
    found = {each.why: each for each in office.desk.to_measure(resolved + 60)}
    course = found[Why.RESOLVED]
    assert (course.first, course.last) == (begins, int(NOW) + 220)
    for each in found.values():
        answer(office, each, resolved + 61)
    assert wanted(office, resolved + 200) == []
    # It went on, so that there is more to be seen.
    office.act(lambda d: d.reopen(1, "anna", resolved + 300))
    wanted(office, resolved + 301)
    office.act(lambda d: d.update(1, state=IncidentState.RESOLVED, who="anna", now=resolved + 400))
    assert Why.RESOLVED in wanted(office, resolved + 401)


def test_a_start_draws_what_was_not_drawn_and_nothing_twice() -> None:
    office = opened_office()
    resolved = over(office)
    wanted(office, resolved + 200)
    kept = office.kept.restored([], resolved + 300)
    made = {(1, SnapshotName.OPENED): NOW + 64}
    desk = Desk(office.policy, kept._replace(snapshots=made))
    assert [each.why for each in desk.to_measure(resolved + 300)] == [Why.RESOLVED]
    made[1, SnapshotName.RESOLVED] = resolved + 61
    desk = Desk(office.policy, kept._replace(snapshots=made))
    assert desk.to_measure(resolved + 300) == []


def test_nothing_is_counted_of_what_affects_nothing_was_merged_or_is_long_past() -> None:
    office = Office()
    office.act(lambda d: d.open_by_hand(Opening("ingest", "a", scopes=()), "anna", NOW))
    assert wanted(office, NOW + 200) == []
    office.act(lambda d: d.open_by_hand(Opening("ingest", "b"), "anna", NOW))
    office.act(lambda d: d.open_by_hand(Opening("ingest", "c"), "anna", NOW))
    office.act(lambda d: d.merge(3, 2, "anna", NOW + 1))
    office.act(lambda d: d.update(2, state=IncidentState.RESOLVED, who="anna", now=NOW + 2))
    assert {each.number for each in office.desk.to_measure(NOW + 200)} == {2}
    assert office.desk.to_measure(NOW + KEEP_S + 3) == []


def test_a_storm_is_counted_a_few_at_a_time_and_all_in_turn() -> None:
    office = Office()
    office.take(*(opened(alert(n, service=f"s{n}")) for n in range(1, 101)))
    counted: list[int] = []
    for second in range(13):
        found = office.desk.to_measure(NOW + second)
        assert len(found) <= AT_ONCE
        counted += [each.number for each in found]
    assert sorted(counted) == list(range(1, 101))


def test_an_impact_of_none_is_dropped() -> None:
    impact = Impact(1, 2, (), NOW)
    assert opened_office().desk.measured(9, impact, NOW) == ((), ())


def test_a_clock_that_was_ahead_stops_no_counting_and_hurries_none() -> None:
    """Its state and its count are of an hour that the clock took back."""
    office = opened_office()
    ahead = NOW + 3_600
    assert wanted(office, ahead)
    office.act(lambda desk: desk.update(1, state=IncidentState.IDENTIFIED, who="anna", now=ahead + 1))
    wanted(office, ahead + 2)
    (first,) = office.desk.to_measure(NOW + 10)
    assert answer(office, first, NOW + 10, bad=7)
    assert office[1].impact is not None
    assert (office[1].impact.bad, office[1].impact.measured_at) == (7, NOW + 10)
    asked = [second for second in range(11, 131) if wanted(office, NOW + second)]
    assert len(asked) == 4
