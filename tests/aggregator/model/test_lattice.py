"""Patterns over cells.

Invariants:
- Whatever cells come, in whatever portions: every sum by pattern is the sum over the cells that have
  its labels, and numbers are stable; what one label implies of another may cease to hold.
- `touched` tells the same sums, for exactly the patterns that hold one of the cells.
- `pattern_of` answers with a pattern of the scope's cells only, and knows each pattern by its scope.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from coalmine_aggregator.model import lattice as module
from coalmine_aggregator.model.lattice import Lattice, LatticeFullError
from coalmine_aggregator.model.scopes import PREFERENCE, Scope, scope_of

Cell = tuple[str, str, str, str, str, str, str]

hosts = st.sampled_from(["a", "b", "c"])


@st.composite
def cell(draw: st.DrawFn) -> Cell:
    """Names collide on purpose: hosts in several zones, zones in several regions, odd nodes."""
    node = draw(st.sampled_from(["", "", "a", "b", "c"]))
    variants = ["", "", "ipv6", "eu"] + ([f"node_{node}"] * 2 if node else [])
    return (
        draw(st.sampled_from(["tcp", "udp", "https"])),
        draw(st.sampled_from(variants)),
        draw(st.sampled_from(["internal", "on-machine"])),
        draw(st.sampled_from(["r1", "r2", ""])),
        draw(st.sampled_from(["z1", "z2", ""])),
        node,
        draw(hosts),
    )


portions = st.lists(st.lists(cell(), max_size=8), max_size=8)


def inside(cells: Sequence[Cell], scope: Scope) -> NDArray[np.bool_]:
    """What `members` must answer, the plain way."""
    place = {label: i for i, label in enumerate(PREFERENCE)}
    return np.array(
        [all(c[place[label]] == value for label, value in scope) for c in cells], dtype=np.bool_
    )


def fleet(hosts: int, zones: int = 4) -> list[Cell]:
    return [
        (protocol, "", "external", f"r{host % zones // 2}", f"z{host % zones}", "", f"h{host}")
        for host in range(hosts)
        for protocol in ("tcp", "udp", "https")
    ]


@pytest.mark.parametrize("small", [0, 1024])
@settings(deadline=None, max_examples=50)
@given(parts=portions, seed=st.integers(0, 99))
def test_sums_are_those_of_the_cells(small: int, parts: list[list[Cell]], seed: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SMALL_CELLS", small)
        rng = np.random.default_rng(seed)
        lattice, cells = Lattice(), list[Cell]()
        seen: list[Scope] = [()]
        for part in parts:
            lattice.add(part)
            cells += part
            if seed % 2:  # read in between, or not
                now = [lattice.scope(number) for number in range(lattice.patterns)]
                assert now[: len(seen)] == seen
                seen = now
        assert lattice.cells == len(cells)
        scopes = [lattice.scope(number) for number in range(lattice.patterns)]
        assert scopes[: len(seen)] == seen
        assert len(set(scopes)) == len(scopes)
        by_cell = rng.integers(0, 60, (len(cells), 2)).astype(np.int32)
        masks = [inside(cells, scope) for scope in scopes]
        expected = np.array([by_cell[mask].sum(axis=0) for mask in masks])
        assert (lattice.sums(by_cell) == expected).all()
        assert (lattice.sums(by_cell[:, 1]) == expected[:, 1]).all()
        assert lattice.sums(by_cell).dtype == np.int32
        some = by_cell[:, 0] < rng.choice([2, 30, 60])
        assert (lattice.counts(some) == lattice.sums(some.astype(np.int32))).all()
        chosen = np.flatnonzero(rng.random(len(cells)) < rng.choice([0.02, 0.5, 1.0])).astype(np.int32)
        patterns, first, second = lattice.touched(chosen, by_cell[chosen, 0], by_cell[chosen, 1])
        held = [number for number, mask in enumerate(masks) if mask[chosen].any()]
        assert sorted(patterns.tolist()) == held
        for number, a, b in zip(patterns, first, second, strict=True):
            picked = chosen[masks[number][chosen]]
            assert [a, b] == by_cell[picked].sum(axis=0).tolist()
        ones = np.ones(len(chosen), dtype=np.int32)
        patterns, first, second = lattice.touched(chosen, ones, 0 * ones)
        for number, a, b in zip(patterns, first, second, strict=True):
            assert [a, b] == [np.count_nonzero(masks[number][chosen]), 0]


@settings(deadline=None, max_examples=70)
@given(
    parts=portions, asked=st.dictionaries(st.sampled_from(PREFERENCE), st.integers(0, 50), max_size=4)
)
def test_scopes_and_patterns_agree(parts: list[list[Cell]], asked: dict[str, int]) -> None:
    lattice, cells = Lattice(), [c for part in parts for c in part]
    for part in parts:
        lattice.add(part)
    for number in range(lattice.patterns):
        scope = lattice.scope(number)
        assert lattice.pattern_of(scope) == number
        assert (lattice.members(scope) == inside(cells, scope)).all()
    if cells:  # any set of labels of a cell, listed or not
        some = cells[sum(asked.values()) % len(cells)]
        scope = scope_of({k: v for k, v in zip(PREFERENCE, some, strict=True) if k in asked and v})
        assert (lattice.members(scope) == inside(cells, scope)).all()
        found = lattice.pattern_of(scope)
        if found is not None:
            assert (inside(cells, lattice.scope(found)) == inside(cells, scope)).all()
        else:
            assert len(scope) > 1


def test_every_label_that_a_fault_may_name_is_listed() -> None:
    lattice = Lattice()
    own = [
        (p, v, "on-machine", "dc1", "dc1-a", f"n{n}", f"n{n}")
        for n in range(3)
        for p, v in (("tcp", ""), ("udp", ""), ("tcp", "ipv6"))
    ]
    probes = [
        (p, f"node_n{n}", "internal", "dc1", "dc1-b", f"n{n}", f"i{host}")
        for host in range(2)
        for n in range(3)
        for p in ("tcp", "udp")
    ]
    lattice.add(own)
    assert lattice.pattern_of((("node", "n1"),)) == lattice.pattern_of((("host", "n1"),)) is not None
    lattice.add(probes)
    for labels in (
        {"node": "n1"},
        {"node": "n1", "protocol": "udp"},
        {"node": "n1", "location": "internal"},
        {"node": "n1", "location": "internal", "protocol": "tcp"},
        {"node": "n1", "variant": "ipv6"},
        {"node": "n1", "host": "i1"},
        {"node": "n1", "host": "i1", "protocol": "udp"},
        {"variant": "node_n1"},
        {"variant": "node_n1", "protocol": "tcp"},
        {"host": "i0"},
        {"host": "n2", "protocol": "tcp"},
        {"host": "n2", "protocol": "tcp", "variant": "ipv6"},
        {"location": "internal", "protocol": "udp"},
        {"region": "dc1", "zone": "dc1-b"},
        {"protocol": "tcp", "variant": "ipv6", "region": "dc1"},
    ):
        number = lattice.pattern_of(scope_of(labels))
        assert number is not None, labels
        cells = inside(own + probes, scope_of(labels))
        assert (inside(own + probes, lattice.scope(number)) == cells).all()


def test_agents_of_one_name_are_told_apart() -> None:
    lattice = Lattice()
    cells = [
        (p, "", "external", region, zone, "", "probe1")
        for region, zone in (("eu", "a"), ("eu", "b"), ("us", "a"))
        for p in ("tcp", "udp")
    ]
    for start in range(0, len(cells), 2):
        lattice.add(cells[start : start + 2])
        _ = lattice.patterns
    one = scope_of({"region": "us", "zone": "a", "host": "probe1"})
    number = lattice.pattern_of(one)
    assert number is not None
    assert (inside(cells, lattice.scope(number)) == inside(cells, one)).all()
    assert lattice.pattern_of(scope_of({"region": "us", "host": "probe1"})) == number
    assert lattice.pattern_of(scope_of({"protocol": "tcp", "zone": "b", "host": "probe1"})) is not None
    assert lattice.pattern_of(scope_of({"zone": "a", "host": "probe1"})) is None  # two agents of three


@pytest.mark.parametrize("at_a_time", [3, 700, 100_000])
def test_a_large_fleet_sums_as_it_should(at_a_time: int) -> None:
    cells = fleet(2_000, zones=20)
    lattice = Lattice()
    for start in range(0, len(cells), at_a_time):
        lattice.add(cells[start : start + at_a_time])
        if at_a_time == 700:
            _ = lattice.patterns
    assert lattice.cells == 6_000
    by_cell = np.arange(6_000, dtype=np.int32) % 61
    sums = lattice.sums(by_cell)
    assert sums[0] == by_cell.sum()
    for labels in (
        {"host": "h77"},
        {"protocol": "udp", "zone": "z3"},
        {"protocol": "tcp", "host": "h1999"},
    ):
        number = lattice.pattern_of(scope_of(labels))
        assert number is not None
        assert sums[number] == by_cell[inside(cells, scope_of(labels))].sum()
    # 3 protocols, 1 location, 10 regions, 20 zones: (3+1) * 2 * (10+20+1) wide ones
    assert lattice.patterns == 4 * 2 * 31 + 2_000 + 6_000


def test_nothing_there() -> None:
    lattice = Lattice()
    lattice.add([])
    assert (lattice.cells, lattice.patterns, lattice.scope(0), lattice.pattern_of(())) == (0, 1, (), 0)
    assert lattice.sums(np.zeros(0, dtype=np.int32)).tolist() == [0]
    assert lattice.sums(np.zeros((0, 2), dtype=np.int32)).tolist() == [[0, 0]]
    patterns, sums = lattice.touched(np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int32))
    assert (len(patterns), len(sums)) == (0, 0)
    assert lattice.members(()).tolist() == []
    assert lattice.members((("host", "x"),)).tolist() == []
    assert lattice.pattern_of((("node", "x"),)) is None


def test_bad_input_is_refused() -> None:
    lattice = Lattice()
    lattice.add(fleet(2))
    with pytest.raises(ValueError, match="7 labels"):
        lattice.add([("tcp", "", "external")])
    with pytest.raises(ValueError, match="5 numbers for 6 cells"):
        lattice.sums(np.zeros(5, dtype=np.int32))
    with pytest.raises(IndexError, match="-1"):
        lattice.scope(-1)
    with pytest.raises(IndexError):
        lattice.scope(lattice.patterns)
    for ask in (lattice.members, lattice.pattern_of):
        with pytest.raises(KeyError, match="service"):
            ask((("service", "ingest"),))
    crowd = [(f"p{n}", "", "external", "r", "z", "", "h") for n in range(1_100)]
    with pytest.raises(LatticeFullError, match="1023 values of protocol"):
        lattice.add(crowd)
    assert lattice.cells == 6
    lattice.add(fleet(1))
    assert lattice.sums(np.ones(9, dtype=np.int32))[0] == 9
