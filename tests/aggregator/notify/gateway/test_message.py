"""Pages as phones take them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.notify.gateway.gsm import segments_of, spelled
from coalmine_aggregator.notify.gateway.message import sms_of, spoken

BODY = """ASSESS        44 of 44 udp datapoints lost in 2 s (acceptable 0.1%)
              lost 44 (sent, never arrived) failed 0 abandoned 0 unknown 0

BLAST RADIUS  protocol=udp: 4 of 4 regions, 22 of 22 hosts
Ack: coalmine alerts ack ingest-loss-1
"""


def test_the_subject_comes_first_and_how_to_acknowledge_last() -> None:
    sms = sms_of("Restore ingest UDP: 100% lost, all regions", BODY, 1)
    assert sms == (
        "Restore ingest UDP: 100% lost, all regions\n"
        "ASSESS 44 of 44 udp datapoints lost in 2 s (acceptable 0.1%)\nlost 44 (sent,...\n"
        "Ack: coalmine alerts ack ingest-loss-1"
    )
    assert segments_of(sms) == 1


def test_three_hold_more_than_one() -> None:
    sms = sms_of("Restore ingest UDP: 100% lost, all regions", BODY, 3)
    assert "BLAST RADIUS protocol=udp: 4 of 4 regions, 22 of 22 hosts\nAck:" in sms
    assert segments_of(sms) == 2


@given(st.text(), st.text(), st.integers(1, 3))
def test_no_text_breaks_the_bounds(subject: str, body: str, segments: int) -> None:
    for sms in (sms_of(subject, body, segments), sms_of(subject, f"{body}\nAck: {body}", segments)):
        assert segments_of(sms) <= segments
        assert spelled(sms) == sms
    assert "\n" not in spoken(subject)
