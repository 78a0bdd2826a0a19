"""What a page says: orders under 50 characters, exact counts, nothing rounded away."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.model.counts import Counts
from coalmine_aggregator.model.scopes import scope_of
from coalmine_aggregator.notify import text
from tests.aggregator.store.samples import alert, closed, opened


@pytest.mark.parametrize(
    ("scope", "counts", "subject"),
    [
        ({"protocol": "udp"}, (0, 44), "Restore ingest UDP: 100% lost, all regions"),
        ({}, (0, 44), "Restore ingest: 100% lost, all regions"),
        ({"region": "eu-west-1"}, (50, 50), "Restore ingest: 50% lost, eu-west-1"),
        (
            {"protocol": "https", "zone": "eu-west-1a"},
            (98, 2),
            "Restore ingest HTTPS: 2% lost, eu-west-1a",
        ),
        ({"location": "on-machine"}, (999, 1), "Restore ingest on-machine: 0.1% lost, all regions"),
        (
            {"protocol": "tcp", "variant": "ipv6"},
            (1, 1),
            "Restore ingest TCP ipv6: 50% lost, all regions",
        ),
    ],
)
def test_the_subject_is_an_order_that_names_the_group(
    scope: dict[str, str], counts: tuple[int, int], subject: str
) -> None:
    good, lost = counts
    shown = alert()._replace(scope=scope_of(scope), counts=Counts(good, (good, 0, 0, lost, 0, 0, 0)))
    assert text.subject(shown) == subject


label = st.text("abcdefghijklmnopqrstuvwxyz0123456789_-", min_size=1, max_size=60)
labels = st.dictionaries(
    st.sampled_from(["protocol", "variant", "location", "region", "zone"]), label, max_size=3
)


@given(label, labels, st.integers(0, 10**9), st.integers(1, 10**9))
def test_the_subject_is_under_50_characters(
    service: str, scope: dict[str, str], good: int, lost: int
) -> None:
    shown = alert(service=service)._replace(
        scope=scope_of(scope), counts=Counts(good, (good, 0, 0, lost, 0, 0, 0))
    )
    for transition in (opened()._replace(alert=shown), closed()._replace(alert=shown)):
        subject = text.headline(transition)
        assert len(subject) < 50
        assert subject.startswith("Restore")
        assert "\n" not in text.summary(transition)


def test_the_summary_counts_exactly() -> None:
    assert (
        text.summary(opened())
        == "Restore ingest UDP: 100% lost, all regions (44 of 44 lost in 2 s, acceptable 0.1%)"
    )
    unknown = alert()._replace(counts=Counts(0, (3, 1, 2, 3, 4, 5, 6)))
    assert text.tally(unknown) == "10 of 13 lost in 2 s, 11 unknown or not attempted, acceptable 0.1%"


def test_the_details_hold_what_the_page_needs() -> None:
    details = text.details(opened())
    assert details == {
        "scope": "protocol=udp",
        "counts": "44 of 44 lost in 2 s, acceptable 0.1%",
        "fates": "delivered 0 failed 0 abandoned 0 lost 44 late 0 not_attempted 0 unknown 0",
        "rest of the service": "0 of 220 lost",
        "since": "2025-11-13T02:13:20Z",
        "opened": "2025-11-13T02:13:24.200Z",
        "owner": "ingest-oncall",
        "playbook": "https://wiki.example/ingest",
        "alert": "ingest-loss-1 (number 1, fleet prod)",
    }


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (0.0, "0%"),
        (1.0, "100%"),
        (0.9999, "99.9%"),
        (0.995, "99.5%"),
        (0.5, "50%"),
        (0.123, "12%"),
        (0.0123, "1.2%"),
        (0.001, "0.1%"),
        (0.00012, "0.012%"),
        (0.02, "2%"),
        (0.099, "9.9%"),
    ],
)
def test_percentages_keep_two_digits_and_never_round_to_all_or_none(share: float, shown: str) -> None:
    assert text.percent(share) == shown


@given(st.floats(1e-9, 1 - 1e-9))
def test_some_is_never_shown_as_all_or_none(share: float) -> None:
    assert text.percent(share) not in ("0%", "100%")
