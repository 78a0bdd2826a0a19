"""What a page says below its subject: exact counts, causes in words, nothing rounded away."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.model.alerts import AlertClass, Cause
from coalmine_aggregator.model.counts import NOTHING, Counts
from coalmine_aggregator.model.figures import length, percent
from coalmine_aggregator.notify import text
from tests.aggregator.store.samples import alert, closed, opened


def test_the_summary_counts_exactly() -> None:
    assert (
        text.summary(opened())
        == "Restore ingest UDP: 100% lost, all regions (44 of 44 lost in 2 s, acceptable 0.1%)"
    )
    unknown = alert()._replace(counts=Counts(0, (3, 1, 2, 3, 4, 5, 6)))
    assert text.tally(unknown) == "10 of 13 lost in 2 s, 11 unknown or not attempted, acceptable 0.1%"


@pytest.mark.parametrize(
    ("changes", "tally"),
    [
        (
            {
                "alert_class": AlertClass.BLIND,
                "counts": Counts(0, (0, 0, 0, 0, 0, 30, 90)),
                "window_s": 10,
            },
            "90 of 120 unknown in 10 s",
        ),
        (
            {
                "alert_class": AlertClass.AGENTS_MISSING,
                "counts": NOTHING,
                "note": "2 of 2 agents silent: a1, a2",
            },
            "2 of 2 agents silent: a1, a2",
        ),
        ({"alert_class": AlertClass.CERTIFICATE, "counts": NOTHING}, ""),
        (
            {
                "alert_class": AlertClass.BURN,
                "counts": Counts(9, (9, 0, 0, 1, 0, 0, 0)),
                "window_s": 3600,
            },
            "1 of 10 lost in 1 h, acceptable 0.1%",
        ),
        ({"effect": "late", "window_s": 0}, "44 of 44 late, acceptable 0.1%"),
    ],
)
def test_each_class_counts_what_it_is_about(changes: dict[str, object], tally: str) -> None:
    shown = alert()._replace(beside=NOTHING)._replace(**changes)  # type: ignore[arg-type]
    assert text.tally(shown) == tally
    summary = text.summary(opened()._replace(alert=shown))
    assert summary.endswith(f"({tally})") if tally else not summary.endswith(")")
    facts = text.details(opened()._replace(alert=shown))
    assert facts.get("counts", "") == tally
    assert facts.get("note", "") != facts.get("counts"), "nothing is said twice"
    assert all(facts.values()), "nothing is told of which nothing is known"


def test_the_details_name_whose_fault_it_is_and_what_it_cost() -> None:
    shown = alert()._replace(
        cause=Cause.NETWORK,
        effect="failed",
        note="external fails, internal does not",
        equivalents=((("region", "eu"), ("zone", "eu-a")), (("host", "a1"),)),
        total=Counts(10, (10, 90, 0, 0, 0, 0, 5)),
        folded_into="ingest-loss-2",
    )
    facts = text.details(closed()._replace(alert=shown))
    assert facts["cause"].startswith("network (")
    assert facts["effect"].startswith("failed (")
    assert facts["note"] == "external fails, internal does not"
    assert facts["equivalents"] == "region=eu zone=eu-a; host=a1"
    assert facts["total"] == "90 of 100 lost"
    assert facts["folded into"] == "ingest-loss-2"


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_has_words(cause: Cause) -> None:
    facts = text.details(opened()._replace(alert=alert()._replace(cause=cause)))
    assert facts["cause"].startswith(cause.replace("_", " "))


def test_a_class_that_knows_no_culprit_names_none() -> None:
    facts = text.details(opened()._replace(alert=alert()._replace(alert_class=AlertClass.CERTIFICATE)))
    assert "cause" not in facts


def test_the_details_hold_what_the_page_needs() -> None:
    details = text.details(opened())
    assert details == {
        "scope": "protocol=udp",
        "counts": "44 of 44 lost in 2 s, acceptable 0.1%",
        "fates": "delivered 0 failed 0 abandoned 0 lost 44 late 0 not_attempted 0 unknown 0",
        "rest of the service": "0 of 220 lost",
        "cause": "unknown (nothing tells whose fault it is)",
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
    assert percent(share) == shown


@given(st.floats(1e-9, 1 - 1e-9))
def test_some_is_never_shown_as_all_or_none(share: float) -> None:
    assert percent(share) not in ("0%", "100%")


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 s"),
        (1, "1 s"),
        (59, "59 s"),
        (60, "1 min"),
        (90, "90 s"),
        (3600, "1 h"),
        (259_200, "3 d"),
    ],
)
def test_lengths_of_time_lose_nothing(seconds: int, shown: str) -> None:
    assert length(seconds) == shown
