"""Messages over MQTT. Invariants: decode of encode is the identity; newer fields are ignored; any bytes
are decoded or refused."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_wire.protocols import Protocol
from coalmine_wire.reports import (
    MAX_ENDPOINTS,
    MAX_IMPAIRED,
    MAX_NUMBER,
    MAX_PAYLOAD,
    MAX_REVISION,
    MAX_SLOTS,
    MAX_TEXT,
    Birth,
    Endpoint,
    Life,
    Outcome,
    Report,
    ReportError,
    SlotReport,
    State,
    Step,
    Verdict,
    decode_birth,
    decode_report,
    decode_state,
    encode,
)
from coalmine_wire.series import Location

_text = st.text(max_size=20)
_times = st.floats(0, 2e9)
_outcomes = st.builds(
    Outcome,
    endpoint=st.integers(0, 9999),
    verdict=st.sampled_from(Verdict),
    step=st.one_of(st.none(), st.sampled_from(Step)),
    steps_us=st.lists(st.integers(-1, 10**7), max_size=5).map(tuple),
    error=_text,
)
_reports = st.builds(
    Report,
    agent=_text,
    boot=_text,
    revision=st.integers(0, 1000),
    sent_at=_times,
    slots=st.lists(
        st.builds(
            SlotReport,
            slot=st.integers(0, 2**40),
            outcomes=st.lists(_outcomes, max_size=6),
            impaired=st.lists(_text, max_size=2),
        ),
        max_size=3,
    ),
    replayed=st.booleans(),
    expiries=st.lists(st.tuples(st.integers(0, 100), st.integers(0, 2**33)), max_size=3),
)
_births = st.builds(
    Birth,
    agent=_text,
    boot=_text,
    revision=st.integers(0, 1000),
    first_slot=st.integers(0, 2**40),
    location=st.sampled_from(Location),
    region=_text,
    zone=_text,
    host=_text,
    endpoints=st.lists(
        st.builds(
            Endpoint,
            service=_text,
            protocol=st.sampled_from(Protocol),
            phase_ms=st.integers(0, 999),
            variant=_text,
        ),
        max_size=6,
    ),
    control=st.booleans(),
    control_share=st.floats(0, 0.5),
    control_key=_text,
)
_states = st.builds(
    State,
    agent=_text,
    boot=_text,
    life=st.sampled_from(Life),
    at=_times,
    last_slot=st.one_of(st.none(), st.integers(0, 2**40)),
)

DECODERS = {Report: decode_report, Birth: decode_birth, State: decode_state}


@given(st.one_of(_reports, _births, _states))
def test_decoding_gives_back_what_was_encoded(message: Report | Birth | State) -> None:
    assert DECODERS[type(message)](encode(message)) == message


@given(
    st.one_of(_reports, _births, _states), st.dictionaries(st.text("xyz", min_size=1), st.integers())
)
def test_fields_of_newer_versions_are_ignored(
    message: Report | Birth | State, newer: dict[str, Any]
) -> None:
    newer.pop("v", None)
    payload = json.dumps({**json.loads(encode(message)), **newer}).encode()
    assert DECODERS[type(message)](payload) == message


def test_outcomes_may_grow_at_their_end() -> None:
    outcome = b'[0,2,null,[7],"",9]'
    payload = b'{"agent":"a","boot":"b","revision":1,"sent_at":0,"slots":[{"slot":5,"outcomes":[%b]}]}'
    payload %= outcome
    assert decode_report(payload).slots[0].outcomes == [Outcome(0, Verdict.SENT, None, (7,), "")]


@given(st.binary(max_size=200))
def test_any_bytes_are_decoded_or_refused(payload: bytes) -> None:
    for decode in DECODERS.values():
        with contextlib.suppress(ReportError):
            decode(payload)


def test_messages_out_of_bounds_are_refused() -> None:
    slots = [SlotReport(slot=slot) for slot in range(MAX_SLOTS + 1)]
    report = Report(agent="a", boot="b", revision=0, sent_at=0.0, slots=slots)
    with pytest.raises(ReportError, match="slots"):
        decode_report(encode(report))
    birth = Birth(
        agent="a", boot="b", revision=0, first_slot=0, location=Location.EXTERNAL, region="r", zone="z",
        host="h", endpoints=[Endpoint("s", Protocol.TCP, 0)] * (MAX_ENDPOINTS + 1),
    )  # fmt: skip
    with pytest.raises(ReportError, match=r"endpoints|bytes"):
        decode_birth(encode(birth))
    with pytest.raises(ReportError, match="bytes"):
        decode_state(b" " * (MAX_PAYLOAD + 1))
    for message, where in (
        (msgspec.structs.replace(birth, endpoints=[], version="v" * (MAX_TEXT + 1)), "version"),
        (msgspec.structs.replace(birth, endpoints=[], region="r" * (MAX_TEXT + 1)), "region"),
        (State("a", "b", Life.RETIRED, reason="r" * (MAX_TEXT + 1)), "reason"),
        (Report("a", "b", 0, 0.0, [SlotReport(5, impaired=["i" * (MAX_TEXT + 1)])]), "impaired"),
        (Report("a", "b", 0, 0.0, [SlotReport(5, impaired=["i"] * (MAX_IMPAIRED + 1))]), "impaired"),
    ):
        with pytest.raises(ReportError, match=rf"length <= \d+ - at `\$\..*{where}"):
            DECODERS[type(message)](encode(message))


@pytest.mark.parametrize("number", [MAX_NUMBER + 1, -MAX_NUMBER - 1, 10**30])
def test_a_number_that_no_array_holds_is_refused(number: int) -> None:
    outcomes = [Outcome(0, Verdict.SENT, None, (number,))]
    endpoint = Endpoint("s", Protocol.TCP, number)
    birth = Birth("a", "b", 0, 0, Location.EXTERNAL, "r", "z", "h", [])
    for message, where in (
        (Report("a", "b", 0, 0.0, [SlotReport(5, outcomes)]), r"\[3\]\[0\]"),
        (Report("a", "b", 0, 0.0, [SlotReport(5, [Outcome(number, Verdict.SENT)])]), r"\[0\]"),
        (Report("a", "b", 0, 0.0, [SlotReport(number)]), "slot"),
        (Report("a", "b", number, 0.0, []), "revision"),
        (Report("a", "b", 0, 0.0, [], expiries=[(0, number)]), "expiries"),
        (msgspec.structs.replace(birth, first_slot=number), "first_slot"),
        (msgspec.structs.replace(birth, interval_s=number), "interval_s"),
        (msgspec.structs.replace(birth, endpoints=[endpoint]), "phase_ms"),
        (State("a", "b", Life.GOODBYE, last_slot=number), "last_slot"),
    ):
        with pytest.raises(ReportError, match=where):
            DECODERS[type(message)](encode(message))


@pytest.mark.parametrize("number", [MAX_REVISION + 1, -1])
def test_a_revision_that_no_store_holds_is_refused(number: int) -> None:
    birth = Birth("a", "b", number, 0, Location.EXTERNAL, "r", "z", "h", [])
    for message in (birth, Report("a", "b", number, 0.0, [])):
        with pytest.raises(ReportError, match="revision"):
            DECODERS[type(message)](encode(message))


@pytest.mark.parametrize("decode", DECODERS.values())
def test_what_is_ignored_may_not_be_nested_without_end(decode: Callable[[bytes], object]) -> None:
    depth = 100_000
    with pytest.raises(ReportError, match="recursion"):
        decode(b'{"newer":%b%b}' % (b"[" * depth, b"]" * depth))


@pytest.mark.parametrize("decode", DECODERS.values())
def test_a_text_that_is_no_utf8_is_refused(decode: Callable[[bytes], object]) -> None:
    with pytest.raises(ReportError, match="utf-8"):
        decode(b'{"agent":"\xff"}')


def test_the_order_of_verdicts_is_their_precedence() -> None:
    assert Verdict.SKIPPED < Verdict.SENT < Verdict.FAILED < Verdict.ABANDONED


@given(_births)
def test_a_birth_knows_the_series_of_its_endpoints(birth: Birth) -> None:
    assert [series.protocol for series in birth.series()] == [each.protocol for each in birth.endpoints]
    assert msgspec.json.decode(encode(birth))["agent"] == birth.agent
