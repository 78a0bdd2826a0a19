"""Slots as blobs: nothing is lost, whatever was pruned or broken beside them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.ledger.evidence import PLAIN
from coalmine_aggregator.ledger.exceptions import (
    KEY_S,
    BlobError,
    BlobWriter,
    Kept,
    pack,
    read,
    read_all,
    unpack,
)
from coalmine_aggregator.ledger.windows import expected_of

T = 1_800_000_000


def kept(width: int, exceptions: dict[int, int] | None = None) -> Kept:
    """A slot in which all of `width` series are expected and plain but for these."""
    known = np.full(width, PLAIN, dtype=np.uint8)
    for series, byte in (exceptions or {}).items():
        known[series] = byte
    mask = np.ones(width, dtype=np.bool_)
    return pack(known, expected_of(mask), mask)


# Invariant: unpacking gives the evidence of every expected series, and nothing for the others.
@given(st.lists(st.tuples(st.booleans(), st.just(PLAIN) | st.integers(0, 255)), max_size=80))
def test_what_is_packed_comes_back(series: list[tuple[bool, int]]) -> None:
    mask = np.array([expected for expected, _ in series], dtype=np.bool_)
    known = np.array([byte for _, byte in series], dtype=np.uint8)
    back = unpack(pack(known, expected_of(mask), mask))
    assert back.tolist() == [byte if expected else 0 for expected, byte in series]


def test_quiet_slots_are_small() -> None:
    names = [f"canary.ingest.external.eu.eu-1.host{each}.tcp" for each in range(6_000)]
    writer = BlobWriter(names, T)
    assert len(writer.write(T, kept(6_000))) < 60_000  # with all the names
    assert len(writer.write(T + 1, kept(6_000))) < 120
    assert len(writer.write(T + 2, kept(6_000, dict.fromkeys(range(0, 6_000, 600), 2)))) < 200


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 900)), min_size=1, max_size=30), st.data())
def test_any_blob_that_is_left_can_be_read(steps: list[tuple[int, int]], data: st.DataObject) -> None:
    """Names are added as time goes on, slots revised, old blobs pruned: ids keep their names."""
    names: list[str] = []
    writer = BlobWriter(names, T)
    blobs: dict[int, bytes] = {}
    widths: dict[int, int] = {}
    slot = T
    for fresh, later in steps:
        slot += later + 1
        names += [f"n{len(names) + each}" for each in range(fresh)]
        widths[slot] = len(names)
        blobs[slot] = writer.write(slot, kept(len(names), {0: 3} if names else {}))
        revised = data.draw(st.sampled_from(sorted(blobs)))
        blobs[revised] = writer.write(revised, kept(widths[revised], {0: 9} if widths[revised] else {}))
    oldest = data.draw(st.sampled_from(sorted(blobs)))
    newest_key = max(each for each, blob in blobs.items() if read(blob).key == each)
    left = {each: blob for each, blob in blobs.items() if each >= min(oldest, newest_key)}
    past = read_all(left.items())
    assert past is not None
    assert past.unreadable == 0
    assert past.names == names[: len(past.names)]
    assert len(past.names) >= max(widths[each] for each in left)
    for each, what in past.slots.items():
        assert what.expected.width == widths[each]
    assert slot - newest_key < KEY_S


def test_a_later_lineage_wins_and_the_other_is_counted() -> None:
    old, new = BlobWriter(["a", "b"], T), BlobWriter(["c"], T + 100)
    blobs = [(T, old.write(T, kept(2))), (T + 200, new.write(T + 200, kept(1)))]
    past = read_all(blobs)
    assert past is not None
    assert (past.names, list(past.slots), past.unreadable, past.lineage) == (
        ["c"],
        [T + 200],
        1,
        T + 100,
    )


@pytest.mark.parametrize("damage", [b"", b"CMX1", b"\x00" * 200])
def test_a_broken_blob_is_counted(damage: bytes) -> None:
    with pytest.raises(BlobError):
        read(damage)
    good = BlobWriter(["a"], T).write(T, kept(1))
    past = read_all([(T, good), (T + 1, damage), (T + 2, good[:-1])])
    assert past is not None
    assert past.unreadable == 2
    assert read_all([(T, damage)]) is None
