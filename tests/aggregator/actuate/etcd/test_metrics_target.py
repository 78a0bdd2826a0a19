"""Who can be scraped: told by aggregators, read by Prometheus, never an incomplete list."""

from __future__ import annotations

import pytest

from coalmine_aggregator.actuate.etcd.keys import TargetKey, target_key
from coalmine_aggregator.actuate.etcd.messages import KeyValue
from coalmine_aggregator.actuate.etcd.metrics_target import (
    MetricsTarget,
    TargetTemplate,
    decode,
    encode,
    target_groups,
)
from coalmine_aggregator.model.target_group import TargetGroup

OWN = MetricsTarget("agg-a.example:9464")
AGENT = MetricsTarget("web-1.example:9105", "on-machine", "eu", "eu-a", "web-1")


def kv(kind: str, id_: str, teller: str, target: MetricsTarget) -> KeyValue:
    return KeyValue(target_key("coalmine", TargetKey(kind, id_, teller)), encode(target))


def test_everybody_with_what_is_known() -> None:
    found = [kv("agent", "web-1", "agg-a", AGENT), kv("aggregator", "agg-a", "agg-a", OWN)]
    assert target_groups("coalmine", found) == [
        TargetGroup(
            ["web-1.example:9105"],
            {
                "__meta_coalmine_kind": "agent",
                "__meta_coalmine_id": "web-1",
                "__meta_coalmine_location": "on-machine",
                "__meta_coalmine_region": "eu",
                "__meta_coalmine_zone": "eu-a",
                "__meta_coalmine_host": "web-1",
            },
        ),
        TargetGroup(
            ["agg-a.example:9464"],
            {"__meta_coalmine_kind": "aggregator", "__meta_coalmine_id": "agg-a"},
        ),
    ]


def test_without_an_aggregator_nothing_is_known() -> None:
    assert target_groups("coalmine", []) is None
    assert target_groups("coalmine", [kv("agent", "web-1", "agg-a", AGENT)]) is None
    other = [kv("agent", "web-1", "agg-a", AGENT), kv("aggregator", "agg-b", "agg-a", OWN)]
    assert target_groups("coalmine", other) is None, "it speaks for itself alone"


def test_what_two_tell_is_told_once_and_what_one_still_tells_is_left_out() -> None:
    both = [
        kv(kind, id_, teller, target)
        for teller in ("agg-a", "agg-b")
        for kind, id_, target in (("agent", "web-1", AGENT), ("aggregator", teller, OWN))
    ]
    groups = target_groups("coalmine", both)
    assert groups is not None
    assert [group.labels["__meta_coalmine_id"] for group in groups] == ["web-1", "agg-a", "agg-b"]
    begun = [*both[:2], kv("agent", "web-2", "agg-b", AGENT)]
    groups = target_groups("coalmine", begun)
    assert groups is not None
    assert [group.labels["__meta_coalmine_id"] for group in groups] == ["web-1", "agg-a"]


def test_junk_is_nobody() -> None:
    key = target_key("coalmine", TargetKey("aggregator", "agg-a", "agg-a"))
    for junk in (b"", b"{}", b'{"target": 1}', encode(OWN) + b" " * 5000, b'{"x":' + b"[" * 2000):
        assert decode(junk) is None
        assert target_groups("coalmine", [KeyValue(key, junk)]) is None


def test_a_template_is_filled_and_what_makes_no_address_is_refused() -> None:
    labels = {"agent": "a", "host": "web-1", "zone": "z", "region": "r"}
    template = TargetTemplate.parse("{host}.{zone}.example:9105")
    assert str(template.filled(labels)) == "web-1.z.example:9105"
    with pytest.raises(ValueError, match="no host name"):
        template.filled(labels | {"host": "a b"})
    for wrong in ("{host}", "{host}:0", ":9105", "{host}:x", "{}:1"):
        with pytest.raises(ValueError):
            TargetTemplate.parse(wrong)
