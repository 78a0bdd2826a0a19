"""Keys: written and read back, and never anybody else's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.actuate.etcd.keys import (
    NodeKey,
    TargetKey,
    check_prefix,
    metrics_folder,
    node_key,
    parse_node_key,
    parse_target_key,
    range_end,
    target_key,
    withdrawn_folder,
)

LABELS = st.text("abz019_-", min_size=1, max_size=20)


@given(LABELS, LABELS)
def test_a_node_s_key_is_read_back_and_lies_in_its_folders(service: str, node: str) -> None:
    key = node_key("fleets/a", NodeKey(service, node))
    assert parse_node_key("fleets/a", key) == NodeKey(service, node)
    for folder in (withdrawn_folder("fleets/a"), withdrawn_folder("fleets/a", service)):
        assert folder.encode() <= key < range_end(folder)
    assert parse_node_key("fleets/b", key) is None


@given(st.binary(max_size=60))
def test_what_is_none_of_ours_is_no_key(junk: bytes) -> None:
    for key in (junk, b"coalmine/withdrawn/" + junk, b"coalmine/metrics/" + junk):
        node, target = parse_node_key("coalmine", key), parse_target_key("coalmine", key)
        assert node is None or node_key("coalmine", node) == key
        assert target is None or target_key("coalmine", target) == key


def test_a_folder_ends_before_its_neighbour() -> None:
    folder = withdrawn_folder("coalmine", "ingest")
    assert not folder.encode() <= b"coalmine/withdrawn/ingest-2/web-1" < range_end(folder)
    assert not folder.encode() <= b"coalmine/withdrawn/ingest" < range_end(folder)


def test_a_target_s_key_is_read_back() -> None:
    key = TargetKey("agent", "web-1.dc1", "agg-a")
    written = target_key("coalmine", key)
    assert written == b"coalmine/metrics/agent/web-1.dc1/agg-a"
    assert written.startswith(metrics_folder("coalmine").encode())
    assert parse_target_key("coalmine", written) == key
    with pytest.raises(ValueError, match="other characters"):
        target_key("coalmine", TargetKey("agent", "web/1", "agg-a"))


@pytest.mark.parametrize("prefix", ["coalmine", "/coalmine", "a/b.c/d-e_f", "/x"])
def test_prefixes_that_can_be_had(prefix: str) -> None:
    check_prefix(prefix)


@pytest.mark.parametrize("prefix", ["", "/", "a/", "a//b", "a b", "ü", "a\n", "x" * 201])
def test_prefixes_that_cannot(prefix: str) -> None:
    with pytest.raises(ValueError, match="single slashes"):
        check_prefix(prefix)
