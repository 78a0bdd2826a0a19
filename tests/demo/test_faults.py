"""How faults are written, what they hit, and what share of it they lose."""

from __future__ import annotations

import pytest

from coalmine_aggregator.demo.faults import Fault, FaultError, is_lost, parse_fault, refused
from coalmine_aggregator.demo.fleet import FLEET, SERVICE, known_values
from coalmine_wire.protocols import Protocol
from coalmine_wire.series import Series, make_series

KNOWN = known_values()


def series_of_the_fleet() -> list[Series]:
    return [
        make_series(
            service=SERVICE,
            protocol=protocol,
            location=member.location,
            region=member.region,
            zone=member.zone,
            host=member.host,
        )
        for member in FLEET
        for protocol in Protocol
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("udp", Fault((("protocol", "udp"),))),
        ("tcp:refuse", Fault((("protocol", "tcp"),), refuse=True)),
        ("region=eu-west-1:50%", Fault((("region", "eu-west-1"),), 0.5)),
        ("protocol=udp,zone=dc1-a:2.5%", Fault((("protocol", "udp"), ("zone", "dc1-a")), 0.025)),
        ("location=on-machine", Fault((("location", "on-machine"),))),
        ("host=ingest01:100%", Fault((("host", "ingest01"),))),
    ],
)
def test_reads_what_is_written_and_writes_what_is_read(text: str, fault: Fault) -> None:
    assert parse_fault(text, KNOWN) == fault
    assert parse_fault(str(fault), KNOWN) == fault


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("upd", "the demo has no protocol 'upd'; did you mean \"udp\"?"),
        ("regoin=eu-west-1", "'regoin' is no label; did you mean \"region\"?"),
        ("region=eu-west-2", "the demo has no region 'eu-west-2'; did you mean \"eu-west-1\"?"),
        ("udp:0%", "'udp:0%': expected refuse or a share like 50%, not '0%'"),
        ("udp:101%", "'udp:101%': expected refuse or a share like 50%, not '101%'"),
        ("udp:nan%", "'udp:nan%': expected refuse or a share like 50%, not 'nan%'"),
        ("udp:half", "'udp:half': expected refuse or a share like 50%, not 'half'"),
        ("udp:", "'udp:': expected refuse or a share like 50%, not ''"),
        ("region=dc1:refuse", "'region=dc1:refuse': only a whole protocol can be refused"),
        ("udp,tcp", "'udp,tcp' names protocol twice"),
    ],
)
def test_says_what_is_wrong(text: str, what: str) -> None:
    with pytest.raises(FaultError) as caught:
        parse_fault(text, KNOWN)
    assert str(caught.value).startswith(what)


def test_a_fault_hits_exactly_what_it_names() -> None:
    fault = parse_fault("protocol=udp,region=dc1", KNOWN)
    hit = [series for series in series_of_the_fleet() if is_lost([fault], series, 1_800_000_000)]
    assert len(hit) == 4
    assert {(series.protocol, series.region) for series in hit} == {(Protocol.UDP, "dc1")}


def test_loses_the_share_that_it_says_of_every_series() -> None:
    fault = parse_fault("region=eu-west-1:50%", KNOWN)
    slots = range(1_800_000_000, 1_800_002_000)
    for series in series_of_the_fleet():
        lost = sum(is_lost([fault], series, slot) for slot in slots)
        if series.region == "eu-west-1":
            assert 900 < lost < 1100  # 4.5 standard deviations
        else:
            assert lost == 0


def test_refusal_closes_doors_and_loses_nothing_by_itself() -> None:
    fault = parse_fault("tcp:refuse", KNOWN)
    assert refused([fault, parse_fault("udp", KNOWN)]) == {Protocol.TCP}
    assert not any(is_lost([fault], series, 1_800_000_000) for series in series_of_the_fleet())


def test_words() -> None:
    assert parse_fault("udp", KNOWN).words == "protocol=udp: all lost without a word"
    assert parse_fault("tcp:refuse", KNOWN).words == "protocol=tcp: connections refused"
    half = parse_fault("region=eu-west-1:50%", KNOWN)
    assert half.words == "region=eu-west-1: 50 % lost without a word"
