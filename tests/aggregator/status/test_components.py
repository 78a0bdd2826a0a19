"""Every cell of a fleet is of exactly the components that say so."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.model.label_filter import LabelFilter
from coalmine_aggregator.status.components import Cell, Component, Components
from tests.aggregator.status.cases import CELLS, HELD, HTTPS, UDP

LABELS = st.sampled_from(["udp", "https", "eu-1", "us-1", "ingest", "logs"])
GLOBS = st.lists(st.sampled_from(["*", "udp", "http?", "e*", "eu-1", "*-1", "x"]), min_size=1)


@given(st.builds(Cell, LABELS, LABELS, LABELS), LABELS, GLOBS, GLOBS)
def test_a_component_takes_what_its_service_protocols_and_regions_say(
    cell: Cell, service: str, protocols: list[str], regions: list[str]
) -> None:
    component = Component("c", "C", service, protocols=tuple(protocols), regions=tuple(regions))
    expected = (
        cell.service == service
        and any(LabelFilter({"a": glob}).matches("a", cell.protocol) for glob in protocols)
        and any(LabelFilter({"a": glob}).matches("a", cell.region) for glob in regions)
    )
    assert component.takes(cell) is expected
    assert (Components([component]).of(cell) == (component,)) is expected


def test_a_cell_may_be_of_several_components_or_of_none() -> None:
    components = Components([UDP, HTTPS, HELD])
    assert components.of(Cell("ingest", "udp", "eu-1")) == (UDP, HELD)
    assert components.of(Cell("ingest", "udp", "us-1")) == (UDP,)
    assert components.of(Cell("ingest", "tcp", "us-1")) == ()
    assert components.of(Cell("logs", "udp", "eu-1")) == ()


def test_what_matches_nothing_of_the_fleet_is_told() -> None:
    components = Components(
        [
            UDP,
            Component("logs", "Logs", "logs"),
            Component("tcp", "TCP", "ingest", protocols=("tcp",)),
            Component("old", "Old", "gone", is_retired=True),
        ]
    )
    assert components.unmatched(CELLS) == [
        'component "logs": no service "logs"; there are ingest',
        'component "tcp": nothing of service "ingest" has such a protocol and region',
    ]
    assert components.unmatched([])[0] == 'component "udp": no service "ingest"; there is none'
