"""Whatever an incident, its timeline, a silence and a fleet hold: no private field reaches a site.

Every private text carries a marker, every text for customers another one. Regions are private too, and
so are the names of services and of the fleet: customers know components by their names.
"""

from __future__ import annotations

import re
from typing import TypeVar
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from coalmine_aggregator.model.alerts import AlertClass, Severity
from coalmine_aggregator.model.incident import (
    ActionItem,
    Affected,
    CellImpact,
    Entry,
    EntryKind,
    Impact,
    Incident,
    IncidentState,
    Participant,
    Postmortem,
    Publication,
)
from coalmine_aggregator.model.scopes import scope_of
from coalmine_aggregator.paging.match import Match
from coalmine_aggregator.paging.silence import Silence, SilenceKind
from coalmine_aggregator.status.components import Cell, Component, Components, Publish
from coalmine_aggregator.status.compose import Inputs, compose
from coalmine_aggregator.status.plan import Plan
from coalmine_aggregator.status.record import Recorded
from coalmine_aggregator.status.site import PublicIncident, Site
from tests.aggregator.status.cases import NOW

PRIVATE = "privmark"
SERVICE = f"svc-{PRIVATE}"
REGIONS = (f"eu-{PRIVATE}", f"us-{PRIVATE}")
PROTOCOLS = ("udp", "https")

PAGE = Plan(
    f"fleet-{PRIVATE}",
    f"key-{PRIVATE}",
    "Example",
    Components(
        [
            Component("a", "Lines", SERVICE, protocols=("udp",)),
            Component("b", "Web", SERVICE, protocols=("https",), publish=Publish.HELD),
            Component("c", "Europe", SERVICE, regions=("eu-*",)),
        ]
    ),
    ZoneInfo("UTC"),
)
CELLS = frozenset(Cell(SERVICE, protocol, region) for protocol in PROTOCOLS for region in REGIONS)

T = TypeVar("T")


def some(values: tuple[T, ...]) -> st.SearchStrategy[T | None]:
    return st.sampled_from((None, *values))


@st.composite
def scopes(draw: st.DrawFn) -> tuple[tuple[str, str], ...]:
    labels = {
        "protocol": draw(some(PROTOCOLS)),
        "region": draw(some(REGIONS)),
        "variant": draw(some((f"node_{PRIVATE}",))),
        "zone": draw(some((f"zone-{PRIVATE}",))),
        "node": draw(some((f"node-{PRIVATE}",))),
        "host": draw(some((f"host-{PRIVATE}", f"10-1-2-3-{PRIVATE}"))),
    }
    return scope_of({label: value for label, value in labels.items() if value is not None})


PRIVATE_TEXTS = st.sampled_from([f"{PRIVATE} 10.1.2.3", f"host web-{PRIVATE}: refused"])
PUBLIC_TEXTS = st.sampled_from(["", "", "", "", "told one", "told two"])
CLASSES = st.sampled_from([*[AlertClass.LOSS] * 5, None, AlertClass.BLIND, AlertClass.BURN])
IMPACTS = st.one_of(
    st.none(),
    st.lists(
        st.builds(
            CellImpact,
            st.sampled_from([*PROTOCOLS * 2, PRIVATE]),
            st.sampled_from(REGIONS),
            st.sampled_from([0, 1, 5, 20, 50]),
            st.integers(50, 100),
            st.sampled_from([0, 500]),
        ),
        min_size=2,
        max_size=5,
        unique_by=lambda cell: cell[:2],
    ).map(lambda cells: Impact(int(NOW), int(NOW) + 50, tuple(cells), NOW + 60)),
)


@st.composite
def recorded(draw: st.DrawFn) -> Recorded:
    affected = [
        Affected(alert, draw(scopes()), int(NOW), draw(some((int(NOW) + 50,))), draw(CLASSES))
        for alert in draw(st.lists(st.integers(0, 3), unique=True, max_size=4))
    ]
    opened = Entry(7, 1, NOW, EntryKind.OPENED, "", draw(PRIVATE_TEXTS), IncidentState.INVESTIGATING)
    if affected:
        opened = opened._replace(alert=affected[0].alert, scope=affected[0].scope)
    entries = [
        Entry(
            7,
            sequence,
            NOW + 10 * sequence,
            draw(st.sampled_from(EntryKind)),
            f"anna-{PRIVATE}",
            draw(PRIVATE_TEXTS),
            draw(st.sampled_from([*IncidentState, *[IncidentState.RESOLVED] * 8])),
            draw(PUBLIC_TEXTS),
            draw(st.integers(0, 3)),
            draw(st.one_of(st.none(), scopes())),
        )
        for sequence in range(2, draw(st.integers(1, 8)) + 2)
    ]
    entries.insert(0, opened)
    public = draw(PUBLIC_TEXTS)
    return Recorded(
        Incident(
            number=7,
            fleet=PAGE.fleet,
            service=draw(st.sampled_from([*[SERVICE] * 20, f"other-{PRIVATE}", "_control"])),
            severity=Severity.PAGE,
            title=draw(PRIVATE_TEXTS),
            state=entries[-1].state,
            since=int(NOW),
            opened_at=NOW,
            opened_by=draw(st.sampled_from(["", f"anna-{PRIVATE}"])),
            updated_at=NOW,
            told_at=NOW,
            entries=len(entries),
            affected=tuple(affected),
            acknowledged_by=f"anna-{PRIVATE}",
            impact=draw(IMPACTS),
            publication=draw(st.sampled_from([*[Publication.BY_COMPONENT] * 3, *Publication])),
            public_title=draw(PUBLIC_TEXTS),
            merged_into=draw(st.sampled_from([*[0] * 20, 3])),
            titled_by=f"anna-{PRIVATE}",
            postmortem=Postmortem(
                (Participant(f"anna-{PRIVATE}", f"lead-{PRIVATE}"),),
                draw(PRIVATE_TEXTS),
                (draw(PRIVATE_TEXTS),),
                (ActionItem(draw(PRIVATE_TEXTS), f"owner-{PRIVATE}", f"due-{PRIVATE}"),),
                public,
                public,
                public,
            ),
        ),
        tuple(entries),
    )


@st.composite
def silences(draw: st.DrawFn) -> Silence:
    labels = {
        "region": draw(some((*REGIONS, "eu-*"))),
        "host": draw(some((f"host-{PRIVATE}",))),
    }
    return Silence(
        f"silence-{PRIVATE}",
        draw(st.sampled_from(SilenceKind)),
        Match(
            services=draw(st.sampled_from([(SERVICE,), ("svc-*",), (f"other-{PRIVATE}",)])),
            classes=draw(st.sampled_from([(), (AlertClass.LOSS,)])),
            labels=tuple((label, value) for label, value in labels.items() if value is not None),
        ),
        f"anna-{PRIVATE}",
        draw(PRIVATE_TEXTS),
        NOW,
        NOW + 100,
        NOW,
        draw(some((NOW + 50,))),
        f"ben-{PRIVATE}",
        public=draw(PUBLIC_TEXTS),
    )


def site_of(incident: Recorded, silence: Silence) -> Site:
    return compose(Inputs(PAGE, NOW + 60, NOW, CELLS, incidents=(incident,), maintenances=(silence,)))


def test_what_is_drawn_here_is_often_seen_with_its_counts() -> None:
    seen = 0

    @given(recorded(), silences())
    @settings(max_examples=300, deadline=None, derandomize=True, database=None)
    def draw(incident: Recorded, silence: Silence) -> None:
        nonlocal seen
        seen += " that measure" in repr(site_of(incident, silence))

    draw()
    assert seen >= 5


@given(recorded(), silences())
@settings(max_examples=150, deadline=None)
def test_no_private_field_reaches_a_site(incident: Recorded, silence: Silence) -> None:
    shown = repr(site_of(incident, silence))
    assert PRIVATE not in shown
    assert "10.1.2.3" not in shown


@given(recorded(), silences())
@settings(max_examples=150, deadline=None)
def test_what_is_withheld_merged_or_not_of_the_page_reaches_no_site(
    incident: Recorded, silence: Silence
) -> None:
    site = site_of(incident, silence)
    of = incident.incident
    if of.publication is Publication.WITHHELD or of.merged_into or of.service != SERVICE:
        assert site.incidents == ()
        assert "told" not in repr([*site.components, *site.incidents])


WORDS = re.compile(
    r"Datapoints to|Loss on|Problem on|There (is|was) a problem( with)?|(are being|were) lost|"
    r"the affected part of|of (the datapoints|those) that measure|We are investigating|"
    r"The cause has been identified|We are watching how it recovers|This incident is resolved|"
    r"Of other components|\b(was|were) lost|"
    r"What caused it has been written up|It is back|We keep watching|Nothing is lost any more|"
    r"Affected (now|as well)|As usual again|\b(on|between|and|of|Incident|Lost)\b|"
    r"Lines|Web|Europe|UTC|November|told one|told two|[0-9.:,%()\s]+"
)


@given(recorded(), silences())
@settings(max_examples=150, deadline=None)
def test_what_nobody_wrote_is_made_of_component_names_counts_and_times(
    incident: Recorded, silence: Silence
) -> None:
    for shown in site_of(incident, silence).incidents:
        for text in texts(shown):
            assert not WORDS.sub("", text)


def texts(incident: PublicIncident) -> list[str]:
    return [incident.name, *(update.body for update in incident.updates)]
