"""The series table. Invariant: a look-up of a column says of each name what the dict says of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from coalmine_aggregator.receivers import table as table_module
from coalmine_aggregator.receivers.table import MISSING, UNDECIDED, WIDTH, SeriesTable


def rows(names: list[bytes], words: int) -> np.ndarray:
    """Names as a table's rows."""
    padded = b"".join((name + b" ").ljust(8 * words, b"\0") for name in names)
    return np.frombuffer(padded, np.uint64).reshape(-1, words)


def looked_up(table: SeriesTable, names: list[bytes]) -> list[int | None]:
    """What a column look-up and, where it is undecided, the dict say."""
    fitting = [name for name in names if len(name) < 8 * table.words]
    found = dict(zip(fitting, table.lookup(rows(fitting, table.words)).tolist(), strict=True))
    said = []
    for name in names:
        series = found.get(name, UNDECIDED)
        said.append(table.get(name) if series == UNDECIDED else None if series == MISSING else series)
    return said


_names = st.one_of(
    st.binary(max_size=24),
    st.sampled_from(
        [b"", b"a", b"a\0", b"a ", b"a \0", b"abcdefg", b"abcdefgh", b"abcdefghi", b"x" * 300]
    ),
    st.integers(0, 99).map(lambda number: b"canary.ingest.host%02d.tcp" % number),
)


class Model(RuleBasedStateMachine):
    """The table beside a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.table = SeriesTable(b"key")
        self.known: dict[bytes, int] = {}
        self.seen: set[bytes] = {b"never"}

    @rule(name=_names, series=st.integers(0, 2**31 - 1))
    def put(self, name: bytes, series: int) -> None:
        self.table.put(name, series)
        self.known[name] = series
        self.seen.add(name)

    @rule(name=_names)
    def drop(self, name: bytes) -> None:
        self.table.drop(name)
        self.known.pop(name, None)
        self.seen.add(name)

    @rule()
    def look_up(self) -> None:
        names = sorted(self.seen)
        assert looked_up(self.table, names) == [self.known.get(name) for name in names]

    @invariant()
    def says_what_the_dict_says(self) -> None:
        assert len(self.table) == len(self.known)
        assert all(self.table.get(name) == self.known.get(name) for name in self.seen)
        assert self.table.has_long_names == any(len(name) >= WIDTH for name in self.known)


TestModel = Model.TestCase


def test_many_names_that_come_and_go() -> None:
    table = SeriesTable(b"key")
    names = [b"canary.ingest.external.r.z.host%06d.tcp" % number for number in range(20_000)]
    for series, name in enumerate(names):
        table.put(name, series)
    assert looked_up(table, names) == list(range(20_000))
    for name in names[::3]:
        table.drop(name)
    kept = [None if series % 3 == 0 else series for series in range(20_000)]
    assert looked_up(table, names) == kept
    for series, name in enumerate(names):
        table.put(name, 50_000 + series)
    assert looked_up(table, names) == list(range(50_000, 70_000))


def test_names_whose_hashes_are_all_equal_are_still_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        # The low half is also the mark of a dropped name.
        table_module.SeriesTable,
        "_hash",
        lambda self, rows: np.full(len(rows), 0xFFFF_FFFF, np.uint64),
    )
    table = SeriesTable(b"key")
    names = [b"name%d" % number for number in range(40)]
    for series, name in enumerate(names):
        table.put(name, series)
    assert looked_up(table, [*names, b"other"]) == [*range(40), None]
    for name in names[:20]:
        table.drop(name)
    assert looked_up(table, names) == [None] * 20 + list(range(20, 40))


@given(st.binary(min_size=1, max_size=32))
def test_the_key_moves_every_name(key: bytes) -> None:
    one, other = SeriesTable(key), SeriesTable(key + b"!")
    sample = rows([b"canary.%d" % number for number in range(50)], 2)
    for table in (one, other):
        table.put(b"canary.abcdef", 1)
    assert one.words == other.words == 2
    assert (one._hash(sample) != other._hash(sample)).sum() >= 49


def test_an_id_is_not_negative() -> None:
    with pytest.raises(ValueError, match="negative"):
        SeriesTable(b"key").put(b"a", -1)
