"""Certificates that end soon. Invariants: one finding for each service, protocol, variant and day that
ends within the days asked for, and none other, with the soonest end and all series that see it; it goes
once every series shows a later one."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.detect.certificates import (
    DAY_S,
    MOST,
    RENEWED_S,
    STALE_S,
    Certificates,
    Expiring,
)
from coalmine_aggregator.model.scopes import Leaf

NOW = 1_763_596_800  # 2025-11-20, 00:00 UTC
LEAVES = [
    Leaf("ingest", "tls", "", "external", "eu", "eu-a"),
    Leaf("ingest", "tls", "", "internal", "dc1", "dc1-a"),
    Leaf("ingest", "tls", "node_a", "internal", "dc1", "dc1-a"),
    Leaf("ingest", "https", "", "external", "eu", "eu-a"),
    Leaf("query", "https", "", "external", "eu", "eu-a"),
    Leaf("_control", "tls", "", "external", "eu", "eu-a"),
]
LEAF = np.array([0, 0, 1, 2, 3, 4, 5], dtype=np.int32)


def tell(certificates: Certificates, slot: int, ends: dict[int, int]) -> None:
    certificates.tell(ends.items(), slot)


def expiring(certificates: Certificates, slot: int = NOW, days: float = 14) -> list[Expiring]:
    return certificates.expiring(slot, days, LEAF, LEAVES)


def test_who_sees_the_same_certificate_is_one_finding() -> None:
    certificates = Certificates()
    ends = NOW + 10 * DAY_S + 3_600
    tell(certificates, NOW, dict.fromkeys(range(7), ends))
    found = {(each.service, each.scope): each for each in expiring(certificates)}
    tls, node = (("protocol", "tls"),), (("protocol", "tls"), ("variant", "node_a"))
    https = (("protocol", "https"),)
    assert {key: each.series for key, each in found.items()} == {
        ("ingest", tls): 3,
        ("ingest", node): 1,
        ("ingest", https): 1,
        ("query", https): 1,
    }
    assert found["ingest", tls] == Expiring("ingest", tls, "tls/2025-11-30", ends, 10 + 1 / 24, 3)


def test_the_days_decide() -> None:
    certificates = Certificates()
    tell(certificates, NOW, {0: NOW + 14 * DAY_S - 1, 2: NOW + 14 * DAY_S, 4: NOW - DAY_S})
    assert [(each.handle, each.days_left < 0) for each in expiring(certificates)] == [
        ("https/2025-11-19", True),
        ("tls/2025-12-03", False),
    ]
    assert [each.handle for each in expiring(certificates, days=0)] == ["https/2025-11-19"]


def test_it_ends_when_it_is_renewed_everywhere() -> None:
    certificates = Certificates()
    old, new = NOW + 5 * DAY_S, NOW + 90 * DAY_S
    tell(certificates, NOW, {0: old, 1: old})
    for slot in range(NOW + 60, NOW + RENEWED_S + 120, 60):
        tell(certificates, slot, {0: new, 1: old})
    assert [each.series for each in expiring(certificates, NOW + 720)] == [1]
    for slot in range(NOW + RENEWED_S + 120, NOW + 2 * RENEWED_S + 240, 60):
        tell(certificates, slot, {0: new, 1: new})
    assert expiring(certificates, NOW + 2 * RENEWED_S + 240) == []


def test_one_machine_of_three_that_was_left_out_is_held() -> None:
    certificates = Certificates()
    old, new = NOW + 5 * DAY_S, NOW + 90 * DAY_S
    for slot in range(NOW, NOW + 3_600):
        tell(certificates, slot, {0: old if slot % 3 == 0 else new})
        assert len(expiring(certificates, slot)) == 1


def test_what_is_not_told_any_more_goes() -> None:
    certificates = Certificates()
    tell(certificates, NOW, {0: NOW + 9 * DAY_S, 4: NOW + 9 * DAY_S, 5: NOW + 9 * DAY_S})
    certificates.forget(np.array([4, 1_000_000 - 1], dtype=np.int32))
    assert {each.service: each.handle for each in expiring(certificates)} == {
        "ingest": "tls/2025-11-29",
        "query": "https/2025-11-29",
    }
    tell(certificates, NOW + STALE_S, {0: NOW + 9 * DAY_S})
    assert [each.service for each in expiring(certificates, NOW + STALE_S + 1)] == ["ingest"]


def test_an_older_report_takes_nothing_back() -> None:
    certificates = Certificates()
    tell(certificates, NOW + STALE_S, {0: NOW + 5 * DAY_S})
    tell(certificates, NOW, {0: NOW + 90 * DAY_S})
    tell(certificates, NOW, {0: NOW + 5 * DAY_S})
    assert len(expiring(certificates, NOW + 2 * STALE_S)) == 1


def test_nothing_is_told_of_nothing() -> None:
    certificates = Certificates()
    assert expiring(certificates) == []
    tell(certificates, NOW, {})
    tell(certificates, NOW, {0: 0, 1: -5, 2: 2**62, 3: 253_402_300_800})
    assert expiring(certificates) == []
    assert certificates.expiring(NOW, 14, np.zeros(0, dtype=np.int32), []) == []
    for number in (-1, 2**31 - 1):
        with pytest.raises(ValueError, match=str(number)):
            tell(certificates, NOW, {number: NOW})


def test_findings_are_bounded_the_soonest_first() -> None:
    certificates = Certificates()
    count = 3 * MOST
    tell(certificates, NOW, {number: NOW + DAY_S * (count - 1 - number) for number in range(count)})
    found = certificates.expiring(NOW, 1_000, np.zeros(count, dtype=np.int32), LEAVES)
    assert [each.ends_at for each in found] == [NOW + DAY_S * day for day in range(MOST)]


# Told once each: the findings are those that a plain loop over the series gives.
@given(st.dictionaries(st.integers(0, 6), st.integers(NOW - 5 * DAY_S, NOW + 20 * DAY_S)))
def test_findings_are_what_counting_by_hand_gives(ends: dict[int, int]) -> None:
    certificates = Certificates()
    tell(certificates, NOW, ends)
    expected: dict[tuple[str, str, str, int], list[int]] = defaultdict(list)
    for series, end in ends.items():
        leaf = LEAVES[LEAF[series]]
        if leaf.service != "_control" and end - NOW < 14 * DAY_S:
            expected[leaf.service, leaf.protocol, leaf.variant, end // DAY_S].append(end)
    found = {
        (
            each.service,
            dict(each.scope)["protocol"],
            dict(each.scope).get("variant", ""),
            each.ends_at // DAY_S,
        ): each
        for each in expiring(certificates)
    }
    assert found.keys() == expected.keys()
    for key, each in found.items():
        assert each.ends_at == min(expected[key])
        assert each.series == len(expected[key])
        assert each.days_left == (each.ends_at - NOW) / DAY_S
