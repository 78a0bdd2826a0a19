"""What a reader of etcd holds.

Invariants: nobody is out by a word older than its lease; after a read without news since, the set is
what was read; in whatever order reads and news come, the newest revision wins.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.actuate.etcd.messages import Event, KeyValue
from coalmine_aggregator.actuate.etcd.record import encode, record_of
from coalmine_aggregator.actuate.etcd.withdrawn_nodes import WithdrawnNodes
from tests.aggregator.actuate.words import withdrawal

LEASE_S = 20.0


def kv(node: str, at: int, *, lease_s: float = LEASE_S, service: str = "ingest") -> KeyValue:
    value = encode(record_of(withdrawal(node), "agg-a", lease_s))
    return KeyValue(f"coalmine/withdrawn/{service}/{node}".encode(), value, at, 7)


def gone(node: str, at: int) -> Event:
    return Event(KeyValue(f"coalmine/withdrawn/ingest/{node}".encode(), mod_revision=at), "DELETE")


def names(nodes: WithdrawnNodes, now: float) -> list[str]:
    return [each.node for each in nodes.out(now)]


def read(nodes: WithdrawnNodes, now: float, revision: int, *found: KeyValue) -> None:
    nodes.take_all(found, revision, nodes.ask(now))


def test_out_until_the_lease_ends_counted_from_the_question() -> None:
    nodes = WithdrawnNodes("coalmine", "ingest")
    read(nodes, 100.0, 5, kv("web-1", 4), kv("web-2", 5, lease_s=5.0))
    assert names(nodes, 104.9) == ["web-1", "web-2"]
    assert names(nodes, 105.0) == ["web-1"]
    assert names(nodes, 120.0) == []
    read(nodes, 130.0, 5, kv("web-1", 4), kv("web-2", 5, lease_s=5.0))
    assert names(nodes, 131.0) == ["web-1", "web-2"]


def test_news_change_the_set_but_are_no_sign_of_life() -> None:
    nodes = WithdrawnNodes("coalmine", "ingest")
    read(nodes, 100.0, 5, kv("web-1", 4))
    nodes.take_news([Event(kv("web-2", 6)), gone("web-1", 6)], 6)
    assert names(nodes, 119.0) == ["web-2"]
    assert names(nodes, 120.0) == [], "a member that was cut off keeps its watches open"


def test_news_before_any_answer_take_nobody_out() -> None:
    nodes = WithdrawnNodes("coalmine", "ingest")
    nodes.take_news([Event(kv("web-2", 6))], 6)
    assert names(nodes, 0.0) == []


def test_an_answer_that_news_overtook_is_a_sign_of_life_alone() -> None:
    nodes = WithdrawnNodes("coalmine", "ingest")
    read(nodes, 100.0, 5, kv("web-1", 4))
    asked = nodes.ask(110.0)
    nodes.take_news([gone("web-1", 7), Event(kv("web-2", 8))], 8)
    nodes.take_all([kv("web-1", 4)], 6, asked)
    assert names(nodes, 129.0) == ["web-2"]
    nodes.take_news([Event(kv("web-1", 4))], 8)
    assert names(nodes, 129.0) == ["web-2"], "old news are none"


def test_what_was_said_between_an_answer_and_the_beginning_of_a_watch_is_news() -> None:
    nodes = WithdrawnNodes("coalmine", "ingest")
    read(nodes, 100.0, 5)
    nodes.take_news([], 9)  # the watch from 6 on begins, with the revision of the store by now
    nodes.take_news([Event(kv("web-1", 7))], 7)
    assert names(nodes, 101.0) == ["web-1"]


def test_a_store_that_was_set_back_is_believed() -> None:
    nodes = WithdrawnNodes("coalmine", "ingest")
    read(nodes, 100.0, 900, kv("web-1", 800))
    read(nodes, 110.0, 3, kv("web-2", 2))
    assert (names(nodes, 111.0), nodes.revision) == (["web-2"], 3)
    nodes.take_news([gone("web-2", 4)], 4)
    assert names(nodes, 111.0) == []


def test_what_is_not_understood_takes_nobody_out() -> None:
    nodes = WithdrawnNodes("coalmine", "ingest")
    found = kv("web-1", 4)
    read(nodes, 0.0, 5, found, kv("web-9", 4, service="other"), KeyValue(b"elsewhere/x", b"{}"))
    assert names(nodes, 1.0) == ["web-1"]
    nodes.take_news([Event(KeyValue(found.key, b"junk", 6))], 6)
    assert names(nodes, 1.0) == []


ACTS = st.lists(
    st.tuples(st.sampled_from(["put", "delete", "read", "late read"]), st.integers(0, 3)), max_size=30
)


@given(ACTS)
def test_it_is_as_etcd_is_once_all_is_heard(acts: list[tuple[str, int]]) -> None:
    nodes, revision = WithdrawnNodes("coalmine", "ingest"), 1
    store: dict[str, KeyValue] = {}
    late = None
    read(nodes, 0.0, revision)
    for now, (act, number) in enumerate(acts):
        node = f"web-{number}"
        if act == "read":
            read(nodes, float(now), revision, *store.values())
        elif act == "late read":  # asked now, answered after the next change
            late = (nodes.ask(float(now)), revision, list(store.values()))
            continue
        else:
            revision += 1
            if act == "put":
                store[node] = kv(node, revision)
                nodes.take_news([Event(store[node])], revision)
            elif store.pop(node, None) is not None:
                nodes.take_news([gone(node, revision)], revision)
        if late is not None:
            asked, then, found = late
            nodes.take_all(found, then, asked)
            late = None
        assert names(nodes, nodes.ask(0.0).at) == sorted(store)
