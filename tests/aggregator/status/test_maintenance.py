"""Planned work as customers see it."""

from __future__ import annotations

import pytest

from coalmine_aggregator.model.alerts import AlertClass
from coalmine_aggregator.paging.match import Match
from coalmine_aggregator.paging.silence import Silence, SilenceKind
from coalmine_aggregator.status.components import Component
from coalmine_aggregator.status.maintenance import plan_of
from coalmine_aggregator.status.plan import Plan
from coalmine_aggregator.status.site import MaintenanceState, PublicMaintenance
from tests.aggregator.status.cases import CELLS, NOW, UDP, plan


def work(
    public: str = "We replace disks.", services: tuple[str, ...] = ("ingest",), **labels: str
) -> Silence:
    return Silence(
        "s1",
        SilenceKind.MAINTENANCE,
        Match(services=services, labels=tuple(labels.items())),
        "anna",
        "private reason",
        NOW + 100,
        NOW + 200,
        NOW,
        public=public,
    )


def seen(silence: Silence, now: float = NOW, page: Plan | None = None) -> PublicMaintenance | None:
    planned = plan_of(silence, page or plan(), CELLS, now)
    return None if planned is None else planned.public


@pytest.mark.parametrize(
    ("after", "state", "updated", "completed"),
    [
        (50, MaintenanceState.SCHEDULED, 0, None),
        (100, MaintenanceState.IN_PROGRESS, 100, None),
        (199, MaintenanceState.IN_PROGRESS, 100, None),
        (200, MaintenanceState.COMPLETED, 200, 200),
    ],
)
def test_it_begins_and_ends_by_the_clock(
    after: float, state: MaintenanceState, updated: float, completed: float | None
) -> None:
    found = seen(work(protocol="udp"), NOW + after)
    assert found is not None
    assert (found.name, found.body) == ("Maintenance of UDP ingestion and Europe", "We replace disks.")
    assert (found.state, found.updated_at) == (state, NOW + updated)
    assert found.completed_at == (None if completed is None else NOW + completed)
    assert (found.scheduled_for, found.scheduled_until) == (NOW + 100, NOW + 200)
    assert len(found.id) == 12


def test_ended_by_hand_it_is_over() -> None:
    early = seen(work()._replace(ended_at=NOW + 150, ended_by="anna"), NOW + 160)
    assert early is not None
    assert (early.state, early.completed_at) == (MaintenanceState.COMPLETED, NOW + 150)
    assert not early.is_called_off


@pytest.mark.parametrize("after", [60, 150, 900])
def test_called_off_before_it_begins_it_stays_and_says_so(after: float) -> None:
    found = seen(work()._replace(ended_at=NOW + 50, ended_by="anna"), NOW + after)
    assert found is not None
    assert found.is_called_off
    assert (found.state, found.completed_at) == (MaintenanceState.COMPLETED, NOW + 50)
    assert (found.scheduled_for, found.updated_at) == (NOW + 100, NOW + 50)


def test_only_what_was_written_for_customers_is_told() -> None:
    assert seen(work(public=" ")) is None
    assert seen(work()._replace(kind=SilenceKind.SILENCE)) is None
    assert seen(work(services=("logs",))) is None


@pytest.mark.parametrize(
    ("labels", "components"),
    [
        ({}, ("udp", "https", "eu")),
        ({"protocol": "udp"}, ("udp", "eu")),
        ({"protocol": "ht*"}, ("https", "eu")),
        ({"region": "us-*"}, ("udp", "https")),
        ({"region": "eu-?"}, ("udp", "https", "eu")),
        ({"protocol": "https", "region": "us-1"}, ("https",)),
        ({"host": "h1", "zone": "a"}, ("udp", "https", "eu")),
        ({"region": "us-1", "host": "h1"}, ("udp", "https")),
    ],
)
def test_its_match_says_on_which_components(
    labels: dict[str, str], components: tuple[str, ...]
) -> None:
    silence = work()
    match = silence.match._replace(labels=tuple(labels.items()))
    found = seen(silence._replace(match=match))
    assert found is not None
    assert found.components == components


def test_classes_and_places_narrow_to_nothing_public() -> None:
    silence = work()
    match = silence.match._replace(classes=(AlertClass.LATE,), locations=("external",))
    found = seen(silence._replace(match=match))
    assert found is not None
    assert found.components == ("udp", "https", "eu")


def test_services_may_be_globs_or_all() -> None:
    for services in ((), ("ing*",), ("logs", "ingest")):
        assert seen(work(services=services, protocol="udp")) is not None


def test_a_glob_over_regions_that_nobody_knows_takes_whoever_takes_it() -> None:
    page = plan(UDP, Component("ap", "Asia", "ingest", regions=("ap-*",)))
    found = seen(work(region="ap-*"), page=page)
    assert found is not None
    assert found.components == ("udp", "ap")


def test_a_component_that_has_left_the_page_keeps_its_work_in_history() -> None:
    found = seen(work(), page=plan(UDP._replace(is_retired=True)))
    assert found is not None
    assert (found.name, found.components) == ("Maintenance of UDP ingestion", ())
