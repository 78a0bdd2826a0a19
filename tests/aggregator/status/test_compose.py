"""The site at a moment: states of components, the page's grade, and what is listed."""

from __future__ import annotations

import datetime

import pytest

from coalmine_aggregator.model.incident import CellImpact, EntryKind, IncidentState
from coalmine_aggregator.paging.match import Match
from coalmine_aggregator.paging.silence import Silence, SilenceKind
from coalmine_aggregator.status.components import Component
from coalmine_aggregator.status.compose import STALE_S, UNMEASURED_S, Inputs, Live, Memory, compose
from coalmine_aggregator.status.days import DAYS, DaySums
from coalmine_aggregator.status.record import id_of
from coalmine_aggregator.status.site import ComponentStatus, Grade, PublicComponent, Site
from coalmine_aggregator.status.state import MEMORY_S
from tests.aggregator.status.cases import CELLS, HELD, HTTPS, NOW, UDP, Story, plan, scope

OPERATIONAL = ComponentStatus.OPERATIONAL
MAINTAINED = ComponentStatus.UNDER_MAINTENANCE
DEGRADED = ComponentStatus.DEGRADED_PERFORMANCE
PARTIAL = ComponentStatus.PARTIAL_OUTAGE
MAJOR = ComponentStatus.MAJOR_OUTAGE

PLAN = plan()
TODAY = datetime.date(2026, 11, 28)


def inputs(
    *stories: Story,
    after: float = 60,
    states: dict[str, ComponentStatus] | None = None,
    works: tuple[Silence, ...] = (),
) -> Inputs:
    return Inputs(
        PLAN,
        NOW + after,
        NOW + after - 5,
        CELLS,
        {
            each.id: Live((states or {}).get(each.id, OPERATIONAL), since, NOW + after - 5)
            for each in PLAN.components.all
            for since in [NOW + 20 if each.id in (states or {}) else None]
        },
        {
            "udp": [DaySums(TODAY, 1_000, 7), DaySums(TODAY - datetime.timedelta(days=2), 1_000, 0)],
            "eu": [DaySums(TODAY, 1_000, 900), DaySums(TODAY - datetime.timedelta(days=1), 1_000, 20)],
        },
        tuple(story.recorded for story in stories),
        works,
    )


def work(protocol: str, ends: float = 1_000) -> Silence:
    return Silence(
        f"s-{protocol}",
        SilenceKind.MAINTENANCE,
        Match(services=("ingest",), labels=(("protocol", protocol), ("region", "us-1"))),
        "anna",
        "private",
        NOW + 10,
        NOW + ends,
        NOW,
        public="We replace disks.",
    )


def of(site: Site, id_: str) -> PublicComponent:
    return next(each for each in site.components if each.id == id_)


def statuses(site: Site) -> list[ComponentStatus]:
    return [each.status for each in site.components]


def test_quiet() -> None:
    site = compose(inputs())
    assert (site.grade, site.headline) == (Grade.NONE, "All Systems Operational")
    assert statuses(site) == [OPERATIONAL] * 3
    assert [each.position for each in site.components] == [0, 1, 2]
    assert (site.measured_at, site.is_stale) == (NOW + 55, False)
    udp = of(site, "udp")
    assert len(udp.days) == DAYS
    assert [(day.judged, day.bad) for day in udp.days if day.is_known] == [(1_000, 0), (1_000, 7)]
    midnight = datetime.datetime(2026, 11, 26, tzinfo=datetime.UTC).timestamp()
    assert udp.created_at == udp.status_since == midnight


def test_what_was_never_measured_is_not_said_to_be_well() -> None:
    site = compose(Inputs(PLAN, NOW))
    assert (site.headline, site.is_stale) == ("Nothing Measured Yet", True)
    assert [day.is_known for day in of(site, "udp").days] == [False] * DAYS


def test_when_measuring_stopped_the_last_states_stay_with_their_time() -> None:
    last = inputs(states={"udp": MAJOR})
    site = compose(last._replace(now=NOW + 55 + STALE_S + 1))
    assert site.is_stale
    assert site.measured_at == NOW + 55
    assert of(site, "udp").status is MAJOR


def unmeasured(since: float | None, status: ComponentStatus = OPERATIONAL, after: float = 600) -> Site:
    """UDP was not judged since, while all else is."""
    given = inputs(after=after)
    return compose(given._replace(states={**given.states, "udp": Live(status, None, since)}))


def test_a_component_that_is_not_measured_is_told_so_alone_and_since_when() -> None:
    site = unmeasured(NOW + 10)
    assert [each.is_measured for each in site.components] == [False, True, True]
    assert (of(site, "udp").measured_until, of(site, "https").measured_until) == (NOW + 10, None)
    assert of(site, "udp").status is OPERATIONAL
    assert (site.is_stale, site.grade) == (False, Grade.NONE)
    assert site.headline == "All Measured Systems Operational"
    assert unmeasured(NOW + 10, MAJOR).headline == "Partial System Outage"


def test_what_is_judged_a_little_later_than_others_is_measured() -> None:
    site = unmeasured(NOW + 595 - UNMEASURED_S)
    assert (of(site, "udp").is_measured, site.headline) == (True, "All Systems Operational")
    assert not of(unmeasured(NOW + 594 - UNMEASURED_S), "udp").is_measured


def test_what_is_unmeasured_for_longer_than_is_remembered_is_told_without_a_time() -> None:
    udp = of(unmeasured(None), "udp")
    assert (udp.is_measured, udp.measured_until) == (False, None)


def test_what_never_was_measured_is_not_said_to_have_stopped() -> None:
    given = inputs()
    site = compose(given._replace(states={**given.states, "https": Live(OPERATIONAL)}))
    assert of(site, "https").is_measured


def test_when_all_measuring_stopped_that_is_said_once() -> None:
    site = compose(inputs()._replace(now=NOW + 3_000))
    assert site.is_stale
    assert all(each.is_measured for each in site.components)


def test_an_automatic_component_follows_what_is_measured_at_once() -> None:
    site = compose(inputs(states={"udp": PARTIAL}))
    assert (of(site, "udp").status, of(site, "udp").status_since) == (PARTIAL, NOW + 20)
    assert (site.grade, site.headline) == (Grade.MAJOR, "Partial System Outage")


def test_a_change_further_back_than_states_are_remembered_is_told_as_after_a_restart() -> None:
    def told(since: float | None, status: ComponentStatus, *stories: Story) -> PublicComponent:
        given = inputs(*stories, after=MEMORY_S + 100)
        live = Live(status, since, given.measured_at)
        return of(compose(given._replace(states={"udp": live})), "udp")

    fresh, old = told(NOW + 200, DEGRADED), told(NOW + 50, DEGRADED)
    assert (fresh.status_since, fresh.is_since_known) == (NOW + 200, True)
    assert (old.status, old.status_since, old.is_since_known) == (DEGRADED, old.created_at, False)
    assert old == told(NOW + 90, DEGRADED)
    assert told(NOW + 50, OPERATIONAL) == told(None, OPERATIONAL)
    known = told(NOW + 50, DEGRADED, Story(scope(protocol="udp")))
    assert (known.status_since, known.is_since_known) == (NOW, True)


def test_a_held_component_follows_while_a_published_incident_touches_it() -> None:
    story = Story(scope(region="eu-1"))
    states = {"eu": MAJOR}
    assert of(compose(inputs(story, states=states)), "eu").status is OPERATIONAL
    story.publish(30)
    eu = of(compose(inputs(story, states=states)), "eu")
    assert (eu.status, eu.status_since) == (MAJOR, NOW)
    story.close(40)
    assert of(compose(inputs(story, states=states)), "eu").status is MAJOR
    story.add(EntryKind.STATE, 50, IncidentState.RESOLVED)
    eu = of(compose(inputs(story, states=states)), "eu")
    assert (eu.status, eu.status_since) == (OPERATIONAL, NOW + 50)


def test_today_of_a_held_component_is_told_tomorrow() -> None:
    eu = of(compose(inputs(Story(scope(region="eu-1")).publish(1), states={"eu": MAJOR})), "eu")
    assert [(day.bad, day.is_known) for day in eu.days[-2:]] == [(20, True), (0, False)]
    tomorrow = of(compose(inputs(after=86_400)), "eu")
    assert [(day.bad, day.is_known) for day in tomorrow.days[-3:]] == [
        (20, True),
        (900, True),
        (0, False),
    ]


def test_a_component_is_no_better_than_an_open_incident_says() -> None:
    story = Story(scope(protocol="udp"))
    udp = of(compose(inputs(story)), "udp")
    assert (udp.status, udp.status_since) == (DEGRADED, NOW)
    assert of(compose(inputs(story)), "https").status is OPERATIONAL
    story.add(EntryKind.STATE, 30, IncidentState.MONITORING, who="anna")
    assert of(compose(inputs(story)), "udp").status is OPERATIONAL


def test_what_is_withheld_is_told_by_no_state_and_no_bar_of_today() -> None:
    story = Story(scope(protocol="udp")).withhold(5)
    site = compose(inputs(story, states={"udp": MAJOR, "https": PARTIAL}))
    assert statuses(site) == [OPERATIONAL, PARTIAL, OPERATIONAL]
    assert not of(site, "udp").days[-1].is_known
    assert site.incidents == ()
    # States lag behind the alerts: the last of it does not come out when they close.
    story.close(20)
    site = compose(inputs(story, states={"udp": MAJOR}))
    assert statuses(site) == [OPERATIONAL] * 3
    assert not of(site, "udp").days[-1].is_known
    story.add(EntryKind.STATE, 50, IncidentState.RESOLVED)
    assert of(compose(inputs(story, states={"udp": MAJOR})), "udp").status is MAJOR


def test_what_goes_on_and_is_of_no_component_is_not_said_to_be_well() -> None:
    story = Story((), by_hand=True).but(affected=())
    assert compose(inputs(story)).grade is Grade.NONE
    site = compose(inputs(story.publish(5)))
    assert statuses(site) == [OPERATIONAL] * 3
    assert (site.grade, site.headline) == (Grade.MINOR, "Partially Degraded Service")
    story.add(EntryKind.STATE, 30, IncidentState.MONITORING, who="anna")
    assert compose(inputs(story)).grade is Grade.NONE


def test_planned_work_shows_and_hides_no_outage() -> None:
    site = compose(inputs(works=(work("udp"), work("https", ends=50)), states={"eu": MAJOR}))
    assert statuses(site) == [MAINTAINED, OPERATIONAL, OPERATIONAL]
    assert (site.grade, site.headline) == (Grade.NONE, "Service Under Maintenance")
    assert of(site, "udp").status_since == NOW + 10
    assert of(site, "https").status_since == NOW + 50
    assert [each.components for each in site.maintenances] == [("udp",), ("https",)]
    outage = compose(inputs(works=(work("udp"),), states={"udp": PARTIAL}))
    assert of(outage, "udp").status is PARTIAL


def test_work_that_was_called_off_changes_no_state_and_stays_told() -> None:
    off = work("https")._replace(ended_at=NOW + 5, ended_by="anna")
    site = compose(inputs(works=(off,)))
    assert [each.is_called_off for each in site.maintenances] == [True]
    assert (of(site, "https").status, of(site, "https").status_since) == (
        OPERATIONAL,
        of(compose(inputs()), "https").status_since,
    )


@pytest.mark.parametrize(
    ("states", "grade", "headline"),
    [
        ([OPERATIONAL, OPERATIONAL, DEGRADED], Grade.MINOR, "Partially Degraded Service"),
        ([DEGRADED, PARTIAL, OPERATIONAL], Grade.MAJOR, "Partial System Outage"),
        ([MAJOR, OPERATIONAL, OPERATIONAL], Grade.MAJOR, "Partial System Outage"),
        ([MAJOR, MAJOR, OPERATIONAL], Grade.CRITICAL, "Major Service Outage"),
    ],
)
def test_the_page_is_graded_by_its_components(
    states: list[ComponentStatus], grade: Grade, headline: str
) -> None:
    parts = [Component(f"c{n}", f"C{n}", "ingest") for n in range(3)]
    given = {part.id: Live(status) for part, status in zip(parts, states, strict=True)}
    site = compose(inputs()._replace(plan=plan(*parts), states=given))
    assert (site.grade, site.headline) == (grade, headline)


def test_incidents_come_the_newest_first() -> None:
    old = Story((), number=3).but(since=int(NOW) - 500)
    site = compose(inputs(old, Story((), number=4)))
    assert [each.id for each in site.incidents] == [id_of(PLAN, 4), id_of(PLAN, 3)]
    assert site.moved == ()


def test_what_did_not_change_is_not_made_anew() -> None:
    memory = Memory()
    given = inputs(Story(scope(protocol="udp"), number=1), Story(scope(protocol="https"), number=2))
    before = compose(given, memory)
    again = compose(given._replace(now=given.now + 1), memory)
    assert all(one is other for one, other in zip(again.incidents, before.incidents, strict=True))
    changed = (
        Story(scope(protocol="udp"), number=1).count(CellImpact("udp", "us-1", 5, 10, 10)).recorded
    )
    after = compose(given._replace(incidents=(changed, given.incidents[1])), memory)
    assert after.incidents[0] is before.incidents[0]
    assert after.incidents[1] != before.incidents[1]
    other_cells = compose(given._replace(cells=frozenset()), memory)
    assert other_cells.incidents == ()


def test_a_component_that_has_left_the_page_is_on_it_no_more() -> None:
    retired = plan(UDP._replace(is_retired=True), HTTPS, HELD._replace(since=TODAY))
    site = compose(inputs(states={"udp": MAJOR})._replace(plan=retired))
    assert [each.id for each in site.components] == ["https", "eu"]
    assert site.grade is Grade.NONE
    eu = of(site, "eu")
    assert eu.created_at == datetime.datetime(2026, 11, 28, tzinfo=datetime.UTC).timestamp()


def test_planned_work_is_made_anew_when_it_changes_alone() -> None:
    """There is ever more of it, and the page is made each second."""
    memory = Memory()
    udp, tls = work("udp"), work("https", ends=500)
    before = None
    for after in (-1, 0, 5, 10, 11, 499, 500, 501, 1_000, 1_001, 400, 5):
        given = inputs(works=(udp, tls), after=after)
        site = compose(given, memory)
        assert site == compose(given)
        if after in (11, 501, 1_001):
            assert before is not None
            assert all(
                one is other for one, other in zip(site.maintenances, before.maintenances, strict=True)
            )
        before = site
    ended = inputs(works=(udp._replace(ended_at=NOW + 300), tls), after=400)
    assert compose(ended, memory) == compose(ended)
    fewer = ended._replace(cells=frozenset(), maintenances=(udp,))
    assert compose(fewer, memory) == compose(fewer)
