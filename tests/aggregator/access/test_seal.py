"""Sealed text: what was sealed comes back, and nothing else does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.access.seal import MAX_SEALED, Seal

SEAL = Seal(b"secret", "test")


@given(st.binary(max_size=500))
def test_what_was_sealed_comes_back(content: bytes) -> None:
    text = SEAL.close(content)
    assert text.isascii()
    assert not set(text) & set(' ",;\\=')
    assert SEAL.open(text) == content
    assert Seal(b"secret", "other").open(text) is None
    assert Seal(b"other", "test").open(text) is None


@given(st.binary(max_size=60), st.data())
def test_a_changed_character_opens_nothing(content: bytes, data: st.DataObject) -> None:
    text = SEAL.close(content)
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from([c for c in "Aa0-_!=\n" if c != text[at]]))
    changed = text[:at] + other + text[at + 1 :]
    # The last character's spare bits say nothing; whatever opens is what was sealed.
    assert SEAL.open(changed) in (None, content)
    assert at == len(text) - 1 or SEAL.open(changed) is None


@given(st.text(max_size=100))
def test_any_text_opens_nothing(text: str) -> None:
    assert SEAL.open(text) is None


def test_bounds() -> None:
    assert SEAL.open("A" * (MAX_SEALED + 1)) is None
    assert SEAL.open("") is None
    assert SEAL.derive("a") != SEAL.derive("b")
    assert SEAL.derive("a") != Seal(b"other", "test").derive("a")
