"""Silent agents: grouped as far as the silence reaches, told once."""

from __future__ import annotations

from collections.abc import Collection

from coalmine_aggregator.judge.missing import FLEET, PATIENCE_S, STEADY_S, MissingWatch
from coalmine_aggregator.model.alerts import Severity
from coalmine_aggregator.model.presence import Presence

HOSTS = {
    "a1": ("us", "us-a"),
    "a2": ("us", "us-a"),
    "b1": ("us", "us-b"),
    "b2": ("us", "us-b"),
    "c1": ("eu", "eu-a"),
    "d1": ("ap", "ap-a"),
    "d2": ("ap", "ap-a"),
    "d3": ("ap", "ap-a"),
}


def fleet(silent: Collection[str], services: tuple[str, ...] = ("ingest",)) -> list[Presence]:
    return [
        Presence(name, "external", *place, name, services, 100.0 if name in silent else None)
        for name, place in HOSTS.items()
    ]


def told(silent: Collection[str], blinded: Collection[str] = ()) -> list[tuple[str, str]]:
    """Scope and severity of what is told once the silence has lasted."""
    watch = MissingWatch()
    watch.findings(fleet(silent), set(blinded), 110.0)
    found = watch.findings(fleet(silent), set(blinded), 110.0 + STEADY_S)
    return [
        (" ".join(f"{label}={value}" for label, value in each.scope), str(each.severity))
        for each in found
    ]


def test_one_agent_is_a_ticket() -> None:
    assert told({"c1"}) == [("host=c1", "ticket")]
    assert told({"d1"}) == [("host=d1", "ticket")]


def test_a_whole_zone_or_region_is_a_page() -> None:
    assert told({"a1", "a2"}) == [("zone=us-a", "page")]
    assert told({"a1", "a2", "b1", "b2"}) == [("region=us", "page")]
    assert told({"d1", "d2", "d3"}) == [("region=ap", "page")]


def test_everybody_is_one_page() -> None:
    assert told(HOSTS) == [("location=external", "page")] or told(HOSTS) == [("", "page")]


def test_a_part_of_a_zone_is_one_ticket() -> None:
    assert told({"d1", "d2"}) == [("zone=ap-a", "ticket")]


def test_what_blinds_a_service_is_a_page() -> None:
    assert told({"c1"}, {"ingest"}) == [("host=c1", "page")]


def test_agents_that_fall_silent_one_after_the_other_are_told_together() -> None:
    watch = MissingWatch()
    assert watch.findings(fleet({"a1"}), set(), 110.0) == []
    assert watch.findings(fleet({"a1", "a2"}), set(), 111.0) == []
    (one,) = watch.findings(fleet({"a1", "a2"}), set(), 111.0 + STEADY_S)
    assert one.scope == (("zone", "us-a"),)


def test_patience_ends_where_agents_keep_falling_silent() -> None:
    watch = MissingWatch()
    silent: list[str] = []
    first = None
    for second, name in enumerate(HOSTS):
        silent.append(name)
        if watch.findings(fleet(silent), set(), 110.0 + second) and first is None:
            first = second
    assert first == PATIENCE_S


def test_a_growing_silence_keeps_its_handle() -> None:
    watch = MissingWatch()
    watch.findings(fleet({"a1"}), set(), 110.0)
    (before,) = watch.findings(fleet({"a1"}), set(), 112.0)
    watch.findings(fleet({"a1", "a2"}), set(), 120.0)
    (after,) = watch.findings(fleet({"a1", "a2"}), set(), 122.0)
    assert before.handle == after.handle
    assert (before.severity, after.severity) == (Severity.TICKET, Severity.PAGE)


def test_agents_of_several_services_are_the_fleets() -> None:
    watch = MissingWatch()
    both = ("ingest", "logs")
    watch.findings(fleet({"a1"}, both), set(), 110.0)
    (one,) = watch.findings(fleet({"a1"}, both), set(), 112.0)
    assert one.service == FLEET


def test_nobody_missing_says_nothing() -> None:
    assert told(()) == []
