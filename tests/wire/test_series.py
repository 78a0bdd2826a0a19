"""Series names. Invariant: decode of encode is the identity, for any labels and any prefix."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_wire.protocols import Protocol
from coalmine_wire.series import (
    LABELS,
    NODE_VARIANT,
    Location,
    Series,
    SeriesNameError,
    escape,
    is_label,
    make_series,
    node_of,
    parse_name,
)

_any_text = st.text(max_size=30)
_series = st.builds(
    make_series,
    service=_any_text,
    protocol=st.sampled_from(Protocol),
    variant=st.one_of(st.just(""), _any_text, _any_text.map(NODE_VARIANT.__add__)),
    location=st.sampled_from(Location),
    region=_any_text,
    zone=_any_text,
    host=_any_text,
)


@given(_series, st.one_of(st.just(""), st.text("abcXYZ019._-", max_size=60)))
def test_parsing_a_name_gives_the_series_back(series: Series, prefix: str) -> None:
    assert parse_name(series.name(prefix)) == series
    assert all(is_label(label) for label in series[:-1] if label)


@given(_any_text)
def test_escaping_makes_a_label_and_leaves_labels_alone(text: str) -> None:
    label = escape(text)
    assert is_label(label)
    assert escape(label) == label
    assert (label == text) == is_label(text)


@given(st.text(max_size=200))
def test_any_text_is_a_name_or_refused(text: str) -> None:
    try:
        series = parse_name(text)
    except SeriesNameError:
        return
    assert text.endswith(series.name())


def test_the_error_of_a_long_name_is_short() -> None:
    with pytest.raises(SeriesNameError) as error:
        parse_name("x" * 100_000)
    assert len(str(error.value)) < 1000


@pytest.mark.parametrize(
    "name",
    [
        "",
        "canary",
        "canary.a.external.r.z.h",
        "canary.a.external.r.z.h.tcp.more",
        "canary.a.outside.r.z.h.tcp",
        "canary.a.external.r.z.h.sctp",
        "canary.a.external.r.z.h.tcp-",
        "canary.a.external.r.z.h.tcp-IPv6",
        "canary.A.external.r.z.h.tcp",
        "canary.a.external..z.h.tcp",
        "canary.a.external.r.z.h.tcp\n",
        "Canary.a.external.r.z.h.tcp",
    ],
)
def test_what_is_no_canary(name: str) -> None:
    with pytest.raises(SeriesNameError):
        parse_name(name)


def test_the_name_that_is_documented() -> None:
    series = make_series(
        service="Ingest",
        protocol=Protocol.PICKLE_TLS,
        variant="IPv6",
        location=Location.ON_MACHINE,
        region="eu-west-1",
        zone="eu-west-1a",
        host="Node.Example",
    )
    name = "canary.ingest.on-machine.eu-west-1.eu-west-1a.node_example.pickle_tls-ipv6"
    assert series.name() == name
    assert series.name("key") == f"key.{name}"
    assert series.node == "node_example"


def test_the_node_is_what_a_variant_says_or_the_agents_own_machine() -> None:
    assert node_of(Location.EXTERNAL, "node_ingest07", "h") == "ingest07"
    assert node_of(Location.ON_MACHINE, "", "h") == "h"
    assert node_of(Location.INTERNAL, "ipv6", "h") == ""
    assert LABELS[-1] == "node"
