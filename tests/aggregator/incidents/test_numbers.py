"""MTTD, MTTA and MTTR."""

from __future__ import annotations

from coalmine_aggregator.incidents.numbers import Numbers, Spread, numbers
from coalmine_aggregator.incidents.opening import Opening, opened
from coalmine_aggregator.model.incident import Incident
from tests.aggregator.paging.alerts import NOW


def incident(
    number: int,
    service: str = "ingest",
    *,
    detected_s: int = 0,
    acknowledged_s: float | None = None,
    ended_s: float | None = None,
    merged_into: int = 0,
) -> Incident:
    one = opened(Opening(service, "a", since=int(NOW) - detected_s), number, "test", "", NOW)
    return one._replace(
        acknowledged_at=None if acknowledged_s is None else NOW + acknowledged_s,
        ended_at=None if ended_s is None else NOW + ended_s,
        merged_into=merged_into,
    )


def test_of_none_nothing_is_known() -> None:
    assert numbers([]) == (Numbers(), {})


def test_mean_and_median_by_service_and_of_all() -> None:
    found = numbers(
        [
            incident(1, detected_s=2, acknowledged_s=30, ended_s=98),
            incident(2, detected_s=4, ended_s=196),
            incident(3, detected_s=12, acknowledged_s=90),
            incident(4, "api", detected_s=6, ended_s=594),
            incident(5, detected_s=1_000, ended_s=9_000, merged_into=1),
        ]
    )
    assert list(found.services) == ["api", "ingest"]
    assert found.services["ingest"] == Numbers(
        3, Spread(3, 6.0, 4.0), Spread(2, 60.0, 60.0), Spread(2, 150.0, 150.0)
    )
    assert found.services["api"] == Numbers(1, Spread(1, 6.0, 6.0), Spread(), Spread(1, 600.0, 600.0))
    assert found.all == Numbers(4, Spread(4, 6.0, 5.0), Spread(2, 60.0, 60.0), Spread(3, 300.0, 200.0))


def test_one_opened_by_hand_counts_as_detected_only_if_somebody_said_since_when() -> None:
    unknown = opened(Opening("ingest", "a"), 1, "test", "anna", NOW + 0.5)
    known = opened(Opening("ingest", "a", since=int(NOW) - 60), 2, "test", "anna", NOW)
    assert numbers([unknown, known]).all.detect == Spread(1, 60.0, 60.0)


def test_without_alerts_it_recovers_when_it_is_resolved() -> None:
    one = opened(Opening("ingest", "a"), 1, "test", "anna", NOW)._replace(resolved_at=NOW + 60)
    assert numbers([one]).all.recover == Spread(1, 60.0, 60.0)
