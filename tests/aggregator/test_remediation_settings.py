"""The rules of remediation: safe unless told otherwise, and errors that say where."""

from __future__ import annotations

from pathlib import Path

import pytest

from coalmine_aggregator.model.remediation_policy import RemediationPolicy
from coalmine_aggregator.remediation_settings import RemediationRules
from coalmine_aggregator.settings import AggregatorSettings
from coalmine_runtime.settings import ConfigError, loads

REST = 'services: {ingest: {}}\nreceive: {tcp: "127.0.0.1:2003"}\n'


def test_nothing_is_done_unless_told() -> None:
    rules = loads(RemediationRules, "services: [ingest]", {})
    assert rules.policies() == {"ingest": RemediationPolicy()}
    assert rules.policies()["ingest"].dry_run
    assert loads(AggregatorSettings, REST, {}).remediation.policies() == {}


def test_every_rule_reaches_the_policy() -> None:
    text = """
    services: [ingest]
    dry_run: false
    max_fraction: 20%
    max_nodes: 3
    floor: 4
    per_minute: 1
    quorum: 3
    stale: 6s
    recovery: 45s
    hold: 2m
    max_hold: 2h
    forget: 12h
    drain: 5s
    lease: 15s
    verify: 90s
    """
    assert loads(RemediationRules, text, {}).policies() == {
        "ingest": RemediationPolicy(
            dry_run=False,
            max_fraction=0.2,
            max_nodes=3,
            floor=4,
            per_minute=1,
            quorum=3,
            stale_s=6,
            recovery_s=45,
            hold_s=120,
            max_hold_s=7200,
            forget_s=43_200,
            drain_s=5,
            lease_s=15,
            verify_s=90,
        )
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("quorum: 0", "quorum: expected at least 1"),
        ("lease: 1s", "lease: expected 5 s to 600 s"),
        ("hold: 0s\nmax_hold: 59s", "max_hold: expected 60 s to 604800 s"),
        ("hold: 2h\nmax_hold: 1h", "max_hold: expected at least hold, 7200 s"),
        ("services: [a, a]", 'services[1]: names "a" twice'),
        ("max_fraktion: 10%", 'max_fraktion: unknown key; did you mean "max_fraction"?'),
    ],
)
def test_a_bad_rule_says_where(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=r":[12]: ") as caught:
        loads(RemediationRules, text, {})
    assert said in str(caught.value)


def test_a_service_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ConfigError) as caught:
        loads(AggregatorSettings, REST + "remediation: {services: [ingest, ingets]}\n", {})
    assert str(caught.value) == '<text>:3: remediation.services[1]: "ingets" is none of ingest'


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ("store: sqlite:////srv/coalmine/history.db", "/srv/coalmine/remediation.stop"),
        ("store: sqlite:///coalmine.db", "remediation.stop"),
        ("store: postgresql://a@b/c", "/var/lib/coalmine/remediation.stop"),
        ("remediation: {stop_file: /run/coalmine/stop}", "/run/coalmine/stop"),
    ],
)
def test_the_stop_file_lies_beside_the_store(more: str, path: str) -> None:
    assert loads(AggregatorSettings, REST + more, {}).stop_file() == Path(path)


@pytest.mark.parametrize(
    ("nodes", "most_nodes", "most"), [(3, 10, 1), (40, 10, 4), (400, 10, 10), (40, 0, 0)]
)
def test_one_may_be_out_of_few_and_never_more_than_told(nodes: int, most_nodes: int, most: int) -> None:
    assert RemediationPolicy(max_nodes=most_nodes).most_out(nodes) == most
