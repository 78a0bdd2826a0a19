"""What fits into SMS."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.notify.gateway.gsm import fitted, segments_of, spelled


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("a" * 459, 3),
        ("a" * 460, 4),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("€" * 152, 2),  # 76 to a segment: the 153rd septet cannot take half of one
        ("€" * 153, 3),
    ],
)
def test_segments(text: str, segments: int) -> None:
    assert segments_of(text) == segments


@pytest.mark.parametrize(
    ("text", "sms"),
    [
        ("Restore ingest UDP: 100% lost", "Restore ingest UDP: 100% lost"),
        ("größer, señor, Ångström: 5 €", "größer, señor, Ångström: 5 €"),
        ("český Łódź", "cesky ?odz"),
        ("… – ‘x’ “y” `z`", "... - 'x' \"y\" 'z'"),
        ("火事 🔥", "?? ?"),
        ("a\tb", "a b"),
    ],
)
def test_spelling(text: str, sms: str) -> None:
    assert spelled(text) == sms


@given(st.text(), st.text(max_size=60), st.integers(1, 3))
def test_it_always_fits_and_the_end_is_there(text: str, tail: str, segments: int) -> None:
    text, tail = spelled(text), spelled(tail)
    sms = fitted(text, segments, tail)
    assert segments_of(sms) <= segments
    assert sms.endswith(tail)
    assert spelled(sms) == sms
    if sms != text + tail:
        assert segments_of(text + tail) > segments
        assert "..." in sms


def test_as_much_as_fits() -> None:
    assert fitted("a" * 400, 1, "END") == "a" * 154 + "...END"
    assert fitted("a" * 400, 2) == "a" * 303 + "..."


def test_an_end_that_is_too_long_is_told() -> None:
    with pytest.raises(ValueError, match="too long"):
        fitted("a", 1, "b" * 161)
