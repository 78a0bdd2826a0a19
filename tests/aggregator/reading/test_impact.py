"""What an incident cost is what a naive count says, however its scopes overlap, in both databases."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from coalmine_aggregator.model.endings import ENDINGS, PLAIN_ENDING, fate_of_ending
from coalmine_aggregator.model.fates import BAD, NEITHER
from coalmine_aggregator.model.incident import Affected, CellImpact
from coalmine_aggregator.model.scopes import Scope, scope_of
from coalmine_aggregator.reading.database import open_read_only
from coalmine_aggregator.reading.impact import ImpactAsked, ImpactFound, impact, stretches_of
from coalmine_aggregator.reading.library import Library
from coalmine_aggregator.store.database import open_engine
from tests.aggregator.reading.conftest import Stores
from tests.aggregator.reading.kept import START, UNSEEN, Past, fleet, keep, random_past

LENGTH = 7_500  # two whole hours and some minutes that no hour's sum has

Cell = tuple[str, str]

_BAD = np.isin([fate_of_ending(each) for each in range(ENDINGS)], BAD)
_JUDGED = ~np.isin([fate_of_ending(each) for each in range(ENDINGS)], NEITHER)


def naive(past: Past, asked: ImpactAsked) -> tuple[CellImpact, ...]:
    """Series by series: which of its datapoints anything took in, then how they ended."""
    slots = np.arange(START, START + len(past.endings))
    hit: dict[int, NDArray[np.bool_]] = {}
    touched: dict[Cell, NDArray[np.bool_]] = {}
    sums: dict[Cell, list[int]] = {}
    mine = [(column, each) for column, each in enumerate(past.series) if each.service == asked.service]
    for column, series in mine:
        hit[column] = np.zeros(len(slots), dtype=np.bool_)
        for each in asked.affected:
            if all(getattr(series, label) == value for label, value in each.scope):
                last = asked.last if each.last is None else min(asked.last, each.last)
                hit[column] |= (slots >= max(asked.first, each.first)) & (slots <= last)
        cell = (str(series.protocol), series.region)
        touched[cell] = touched.get(cell, False) | hit[column]
    for column, series in mine:
        cell = (str(series.protocol), series.region)
        endings = past.endings[:, column]
        known = endings < UNSEEN
        endings = np.where(known, endings, 0)
        row = sums.setdefault(cell, [0, 0, 0])
        row[0] += int((known & hit[column] & _BAD[endings]).sum())
        row[1] += int((known & hit[column] & _JUDGED[endings]).sum())
        row[2] += int((known & touched[cell] & _JUDGED[endings]).sum())
    return tuple(CellImpact(*cell, *row) for cell, row in sorted(sums.items()) if row[1])


def counted(stores: Stores, past: Past, asked: ImpactAsked) -> ImpactFound:
    with stores.reader(past).connect() as connection:
        return impact(Library(), connection, asked)


VALUES = {
    "protocol": ("tcp", "udp", "https"),
    "location": ("external", "on_machine"),
    "region": ("eu", "us"),
    "zone": ("eu-a", "us-a"),
    "host": ("external-eu-0", "on_machine-us-1"),
}

scopes = st.fixed_dictionaries(
    {}, optional={label: st.sampled_from(values) for label, values in VALUES.items()}
).map(scope_of)
WIDE = st.fixed_dictionaries(
    {}, optional={label: st.sampled_from(VALUES[label]) for label in ("protocol", "region")}
).map(scope_of)
slots = st.integers(START - 100, START + LENGTH + 100)


@st.composite
def affected(draw: st.DrawFn, of: st.SearchStrategy[Scope]) -> Affected:
    first, last = sorted((draw(slots), draw(slots)))
    return Affected(draw(st.integers(0, 9)), draw(of), first, draw(st.sampled_from((last, None))))


@settings(max_examples=30, suppress_health_check=list(HealthCheck))
@given(
    st.integers(0, 2),
    st.lists(affected(scopes) | affected(WIDE), max_size=5),
    slots,
    st.integers(0, LENGTH),
)
def test_each_datapoint_counts_once(
    stores: Stores, seed: int, hit: list[Affected], first: int, length: int
) -> None:
    past = random_past(seed, LENGTH, fleet(("ingest", "query")))
    asked = ImpactAsked("ingest", tuple(hit), first, first + length)
    found = counted(stores, past, asked)
    assert found.cells == naive(past, asked)
    assert (found.first, found.last) == (first, max(first, min(asked.last, newest(past))))


def newest(past: Past) -> int:
    return past.seen(START, START + LENGTH)[-1][1]


@settings(max_examples=10, suppress_health_check=list(HealthCheck))
@given(st.lists(affected(WIDE), min_size=1, max_size=4))
def test_sums_say_what_seconds_do(stores: Stores, hit: list[Affected]) -> None:
    """Invariant: whole hours and minutes out of sums, edges out of seconds, all the same."""
    past = random_past(3, LENGTH)
    # No host is called so: it changes nothing but that seconds alone can tell.
    nobody = Affected(1, (("host", "nobody"),), START, None)
    whole = counted(stores, past, ImpactAsked("ingest", tuple(hit), START, START + LENGTH))
    apart = counted(stores, past, ImpactAsked("ingest", (*hit, nobody), START, START + LENGTH))
    assert whole.cells == apart.cells


def test_what_was_revised_is_counted_as_it_is_now(database_url: str) -> None:
    """Sums and seconds of a minute are rewritten together when late evidence comes."""
    writer, reader = open_engine(database_url), open_read_only(database_url)
    past = random_past(4, LENGTH)
    asked = ImpactAsked(
        "ingest", (Affected(1, (("protocol", "udp"),), START + 30, None),), START + 30, START + LENGTH
    )
    library = Library()
    found = []
    for _ in range(2):
        keep(writer, past)
        with reader.connect() as connection:
            found.append(impact(library, connection, asked).cells)
        assert found[-1] == naive(past, asked)
        udp = [column for column, each in enumerate(past.series) if each.protocol == "udp"]
        part = past.endings[1_000:4_000, udp]
        past.endings[1_000:4_000, udp] = np.where(part < UNSEEN, PLAIN_ENDING, part)
    assert sum(cell.bad for cell in found[0]) > sum(cell.bad for cell in found[1])
    writer.dispose()
    reader.dispose()


@pytest.mark.parametrize("service", ["_control", "nobody"])
def test_what_no_customer_has_costs_nobody_anything(stores: Stores, service: str) -> None:
    past = random_past(5, 120, fleet(("ingest", "_control")))
    everything = (Affected(1, (), START, None),)
    asked = ImpactAsked(service, everything, START + 7, START + 99)
    assert counted(stores, past, asked).cells == ()


UDP: Scope = (("protocol", "udp"),)
UDP_EU: Scope = (("protocol", "udp"), ("region", "eu"))
EU: Scope = (("region", "eu"),)


@pytest.mark.parametrize(
    ("hit", "found"),
    [
        ([], {}),
        ([Affected(1, UDP, 0, 4)], {(UDP,): [(1, 4)]}),
        ([Affected(1, UDP, 0, 4), Affected(2, UDP, 5, None)], {(UDP,): [(1, 9)]}),
        ([Affected(1, UDP, 0, 4), Affected(2, UDP, 6, None)], {(UDP,): [(1, 4), (6, 9)]}),
        (
            [Affected(1, UDP, 2, 7), Affected(2, UDP_EU, 4, None)],
            {(UDP,): [(2, 7)], (UDP_EU,): [(8, 9)]},
        ),
        (
            [Affected(1, UDP, 2, 7), Affected(2, EU, 4, 5), Affected(3, UDP_EU, 2, 7)],
            {(UDP,): [(2, 3), (6, 7)], (UDP, EU): [(4, 5)]},
        ),
        ([Affected(1, UDP, 10, None), Affected(1, UDP, 7, 6)], {}),
    ],
)
def test_stretches(
    hit: Sequence[Affected], found: dict[tuple[Scope, ...], list[tuple[int, int]]]
) -> None:
    assert stretches_of(hit, 1, 9) == {frozenset(key): value for key, value in found.items()}
