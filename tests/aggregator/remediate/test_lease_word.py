"""What two aggregators say of the lease: it comes back as it was, and never too long."""

from __future__ import annotations

import pytest

from coalmine_aggregator.model.pin import PinChange, PinState
from coalmine_aggregator.remediate import lease_word
from coalmine_aggregator.remediate.lease_word import LeaseWord, LeaseWordError, decode, encode, said

PINS = [
    PinChange("ingest", "web-1", PinState.OUT, "ada", "disk", 5.0),
    PinChange("ingest", "web-2", None, "bob", "", 6.0),
]
WORD = LeaseWord(
    "a", "p1", 7, True, "ada", "all bad", [said(each) for each in PINS], {"ingest": '{"v":1}'}
)


def test_it_comes_back_as_it_was() -> None:
    assert decode(encode(WORD)) == WORD
    assert decode(encode(WORD)).changes == PINS


def test_what_does_not_fit_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_word, "MAX_PAYLOAD", 420)
    large = LeaseWord("a", "p1", 7, True, pins=WORD.pins, memory={"ingest": "x" * 400})
    heard = decode(encode(large))
    assert (heard.memory, heard.is_cut, heard.changes) == ({}, True, PINS)
    monkeypatch.setattr(lease_word, "MAX_PAYLOAD", 120)
    heard = decode(encode(large))
    assert (heard.claims, heard.number, heard.changes, heard.is_cut) == (True, 7, [], True)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "Input data was truncated"),
        (b"{}", "missing required field `aggregator`"),
        (b'{"aggregator": "a", "process": "p", "number": "7", "claims": true}', "Expected `int`"),
        (b'{"aggregator": "a", "process": "p", "number": 7, "claims": 1}', "Expected `bool`"),
        (b"\xff", "JSON is malformed"),
        (b"[" * 100_000, "Expected `object`"),
        (b"x" * (1 << 21), "2097152 bytes"),
    ],
)
def test_anything_else_is_refused(body: bytes, why: str) -> None:
    with pytest.raises(LeaseWordError, match=why):
        decode(body)
