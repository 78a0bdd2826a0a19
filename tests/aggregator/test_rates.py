"""Sum rates by any labels."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coalmine_aggregator import rates
from coalmine_aggregator.ledger.evidence import ON_TIME, SAID_BY
from coalmine_aggregator.ledger.fate_table import fate_of
from coalmine_aggregator.model.endings import OUTCOMES, RECEIVED
from coalmine_aggregator.model.fates import Fate
from coalmine_wire.reports import Verdict
from coalmine_wire.series import LABELS
from tests.aggregator.fleet import Canary, Desk, T, desk

CANARIES = [
    Canary(f"a{number}", f"h{number}", region=region, zone=f"{region}-{number % 2}")
    for number, region in enumerate(["eu", "eu", "us"])
]
SERIES = [(canary, index) for canary in CANARIES for index in range(3)]


def seen(truth: dict[tuple[int, int], tuple[bool, Verdict | None]]) -> Desk:
    """A desk to which, by (slot, number of series), this was told, and which settled it."""
    at = desk()
    for canary in CANARIES:
        at.engine.birth(canary.birth(), T + 0.5)
    for (slot, number), (received, verdict) in truth.items():
        canary, index = SERIES[number]
        if received:
            at.receive([canary.names()[index]], slot)
        if verdict is not None:
            at.engine.report(canary.report([slot], verdict, endpoints=[index]), slot + 1.0)
    at.tick(T + 7)
    return at


TOLD = st.tuples(st.booleans(), st.none() | st.sampled_from(list(Verdict)))
TRUTH = st.dictionaries(st.tuples(st.integers(T + 1, T + 4), st.integers(0, len(SERIES) - 1)), TOLD)


# Invariant: each group's numbers are the plain count of its own series, by any labels, and each slot's
# fates add up to what was expected, the reasons for unknown to the unknown.
@settings(max_examples=60, deadline=None)
@given(
    TRUTH,
    st.lists(st.sampled_from(LABELS), unique=True, max_size=3),
    st.dictionaries(
        st.sampled_from(["protocol", "host", "region"]), st.sampled_from(["tcp", "h1", "eu"])
    ),
)
def test_groups_count_their_own_series(
    truth: dict[tuple[int, int], tuple[bool, Verdict | None]], by: list[str], where: dict[str, str]
) -> None:
    at = seen(truth)
    expected: dict[tuple[str, ...], Counter[tuple[int, str]]] = {}
    for slot, number in itertools.product(range(T + 1, T + 5), range(len(SERIES))):
        canary, index = SERIES[number]
        series = canary.birth().series()[index]
        if any(getattr(series, label) != value for label, value in where.items()):
            continue
        received, verdict = truth.get((slot, number), (False, None))
        byte = (ON_TIME if received else 0) | (SAID_BY[verdict, None] if verdict else 0)
        group = expected.setdefault(tuple(str(getattr(series, label)) for label in by), Counter())
        group[slot, fate_of(byte).label] += 1
        group[slot, "received"] += received
    groups = at.engine.rates(by, where, T, T + 100)
    assert [tuple(each.labels.values()) for each in groups] == sorted(expected)
    for each in groups:
        truth_of = expected[tuple(each.labels.values())]
        assert each.slots == [T + 1, T + 2, T + 3, T + 4]
        for index, slot in enumerate(each.slots):
            assert each.fates[index] == [truth_of[slot, fate.label] for fate in Fate]
            assert each.received[index] == truth_of[slot, "received"]
            assert sum(each.fates[index]) == each.expected[index]
            assert sum(each.unknown[index]) == each.fates[index][Fate.UNKNOWN]
    sums = at.engine.recent_sums(by, where, T, T + 100)
    assert sums is not None
    assert sums.slots == [T + 1, T + 2, T + 3, T + 4]
    tables = dict(zip(sums.labels, sums.sums.transpose(1, 0, 2), strict=True))
    for each in groups:
        table = tables.pop(tuple(each.labels.values()))
        assert table[:, RECEIVED].tolist() == each.received
        assert table[:, : Fate.UNKNOWN].tolist() == [row[: Fate.UNKNOWN] for row in each.fates]
        assert table[:, Fate.UNKNOWN : OUTCOMES].tolist() == each.unknown
    assert not any(table.any() for table in tables.values())


def test_only_settled_slots_are_answered() -> None:
    at = seen({})
    (total,) = at.engine.rates([], {}, T + 3, T + 10_000)
    assert total.slots == [T + 3, T + 4]
    assert at.engine.rates([], {}, T - 5, T) == []
    assert at.engine.rates(["host"], {"host": "nobody"}, T, T + 10) == []


def test_only_what_takes_milliseconds_is_summed_between_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = seen({}).engine

    def slots_of(by: list[str], where: dict[str, str]) -> list[int] | None:
        sums = engine.recent_sums(by, where, T, T + 100)
        return None if sums is None else sums.slots

    monkeypatch.setattr(rates, "MAX_SERIES", 3 * len(SERIES))
    assert slots_of(["host"], {}) == [T + 3, T + 4]
    assert slots_of(["host"], {"host": "h1"}) == [T + 1, T + 2, T + 3, T + 4]
    assert slots_of(["region"], {}) == [T + 1, T + 2, T + 3, T + 4]
    monkeypatch.setattr(rates, "MAX_SERIES", len(SERIES))
    assert slots_of(["host"], {}) is None
    monkeypatch.undo()
    monkeypatch.setattr(rates, "MAX_POINTS", 7)
    assert slots_of(["host"], {}) == [T + 3, T + 4]
    assert slots_of(["region"], {}) == [T + 2, T + 3, T + 4]
    monkeypatch.setattr(rates, "MAX_GROUPS", 2)
    assert slots_of(["host"], {}) is None
    monkeypatch.setattr(rates, "MAX_VALUES", 2)
    assert slots_of([], {"host": "h*"}) is None


def test_many_labels_are_grouped_by_sorting_too(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = seen({(T + 1, number): (number % 2 == 0, None) for number in range(len(SERIES))}).engine
    by = ["host", "protocol", "zone", "region"]
    plain = engine.rates(by, {}, T, T + 9)
    monkeypatch.setattr(rates, "_DENSE", 0)
    monkeypatch.setattr(rates, "_WIDE", 4)
    assert engine.rates(by, {}, T, T + 9) == plain


def test_a_label_that_there_is_not_is_an_error() -> None:
    with pytest.raises(KeyError, match="colour"):
        seen({}).engine.rates(["colour"], {}, T, T + 1)
