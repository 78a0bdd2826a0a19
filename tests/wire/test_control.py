"""What a control agent withholds. Invariants: anybody with the key reaches the same choice; without it
the choice looks like chance; a larger share withholds all that a smaller one does."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_wire.control import MAX_SHARE, Choice, agreed, fingerprint, number_of

KEY = b"a key of 16 bytes"
TCP = "canary.ingest.external.eu-west-1.eu-west-1a.canary01.tcp"
NODE = "canary.ingest.on-machine.dc1.dc1-a.ingest07.udp-node_ingest07"


# From `printf '<name> <slot>' | openssl dgst -sha256 -hmac 'a key of 16 bytes' | cut -c1-16`.
@pytest.mark.parametrize(
    ("name", "slot", "number"),
    [
        (TCP, 1_763_608_320, 0x1CE8E1EA2CB361E1),
        (TCP, 1_763_608_321, 0x747F9AEEC7BADC21),
        (TCP, 0, 0xF8D80503B74DA60C),
        (NODE, 1_763_608_320, 0x21FE42CF23704BE4),
    ],
)
def test_vectors(name: str, slot: int, number: int) -> None:
    assert number_of(KEY, name, slot) == number
    share = number / 2**64
    if share < MAX_SHARE:
        assert not Choice(KEY, share * 0.9999).withholds(name, slot)
        assert Choice(KEY, share * 1.0001).withholds(name, slot)


def test_the_fingerprint_has_its_vector() -> None:
    assert fingerprint(KEY) == Choice(KEY, 0.1).fingerprint == "787f8285"


# Of n independent draws a share s is withheld, within 5 standard deviations.
@pytest.mark.parametrize("share", [1 / 500, 0.02, 0.5])
def test_the_share_is_what_is_withheld(share: float) -> None:
    slots = 20_000
    choice = Choice(KEY, share)
    withheld = [choice.withholds(TCP, 1_763_608_320 + slot) for slot in range(slots)]
    assert abs(sum(withheld) - share * slots) <= 5 * math.sqrt(share * (1 - share) * slots)
    other = Choice(KEY, share)
    assert withheld == [other.withholds(TCP, 1_763_608_320 + slot) for slot in range(slots)]


def test_another_key_or_series_chooses_otherwise() -> None:
    def chosen(key: bytes, name: str) -> list[bool]:
        choice = Choice(key, 0.5)
        return [choice.withholds(name, slot) for slot in range(64)]

    assert len({tuple(chosen(key, name)) for key in (KEY, KEY[::-1]) for name in (TCP, NODE)}) == 4


@given(
    st.floats(1e-6, MAX_SHARE),
    st.floats(1e-6, MAX_SHARE),
    st.binary(min_size=16, max_size=200),
    st.integers(0, 2**40),
)
def test_a_larger_share_withholds_no_less(one: float, two: float, key: bytes, slot: int) -> None:
    small, large = sorted((one, two))
    if Choice(key, small).withholds(TCP, slot):
        assert Choice(key, large).withholds(TCP, slot)


@pytest.mark.parametrize("share", [0.0, -0.1, 0.51, 1.0, math.nan, math.inf])
def test_a_share_out_of_bounds_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        Choice(KEY, share)
    assert agreed(KEY, share, fingerprint(KEY)) is None


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 16"):
        Choice(b"only fifteen by", 0.1)
    assert agreed(b"", 0.1, fingerprint(b"")) is None


def test_only_the_same_key_follows_what_a_birth_tells() -> None:
    choice = agreed(KEY, 0.5, Choice(KEY, 0.5).fingerprint)
    assert choice is not None
    assert choice.withholds(TCP, 1_763_608_320)
    assert agreed(KEY, 0.5, fingerprint(KEY[::-1])) is None
    assert agreed(KEY, 0.5, "") is None
