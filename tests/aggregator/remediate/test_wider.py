"""Which losses are wider than a node."""

from __future__ import annotations

import pytest

from coalmine_aggregator.model.findings import Finding
from coalmine_aggregator.model.node_view import NodeView, Verdict
from coalmine_aggregator.remediate.wider import unrelated, wider_loss
from tests.aggregator.remediate.pool_story import START, loss, pool, view


def _pool(*failed: str) -> dict[str, NodeView]:
    names = [f"n{each}" for each in range(6)]
    verdicts = {name: Verdict.FAILED if name in failed else Verdict.HEALTHY for name in names}
    return {name: view(name, verdict) for name, verdict in verdicts.items()}


TLS = (("protocol", "tls"),)
OUTSIDE = (("location", "external"),)


@pytest.mark.parametrize(
    ("found", "wide"),
    [
        (loss((("node", "n1"),)), False),
        (loss((("protocol", "udp"), ("node", "n1"))), False),
        (loss((("zone", "z"),))._replace(equivalents=((("node", "n1"),),)), False),
        (loss(()), True),
        (loss((("region", "eu"),), share=0.1), True),
        (loss(TLS, share=0.16), False),  # a sixth of the traffic of six nodes
        (loss((), share=0.33), False),
        (loss(TLS, share=0.34), True),
        (loss(TLS, share=0.16, since=START - 16), True),
        (loss(TLS, share=0.16, since=START + 15), False),
        (loss((("region", "eu"),), share=0.16)._replace(equivalents=(TLS,)), False),
    ],
)
def test_a_loss(found: Finding, wide: bool) -> None:
    assert bool(wider_loss([found], (), _pool("n1"), {})) is wide


@pytest.mark.parametrize(
    "found",
    [
        loss(OUTSIDE, share=0.33),
        loss(OUTSIDE),  # one client, whom the balancer sends to the broken node alone
        loss(OUTSIDE, since=START - 3_600),
        loss((("region", "eu"),), share=0.33)._replace(equivalents=(OUTSIDE, (("host", "e1"),))),
    ],
)
def test_a_loss_that_holds_no_series_to_nodes(found: Finding) -> None:
    assert wider_loss([found], (), {**_pool("n1"), "n4": view("n4", Verdict.SUSPECT)}, {})
    assert not wider_loss([found], {"1"}, {**_pool("n1"), "n4": view("n4", Verdict.SUSPECT)}, {})


def test_one_that_holds_some_is_wider_beside_one_that_holds_none() -> None:
    found = [loss(OUTSIDE), loss(TLS, handle="2")]
    assert wider_loss(found, {"1"}, _pool("n1"), {}) == "a wider loss is open: protocol=tls"


@pytest.mark.parametrize(
    ("since", "failed", "slot", "beside"),
    [
        (START - 16, True, START + 100, True),
        (START - 15, True, START + 100, False),
        (START + 1, True, START + 100, False),
        (START - 16, False, START, True),
        (START - 15, False, START, False),
    ],
)
def test_what_began_before_a_node_failed_is_not_its_doing(
    since: int, failed: bool, slot: int, beside: bool
) -> None:
    views = _pool("n1") if failed else _pool()
    found = [loss(OUTSIDE, since=since), loss(TLS, since=since, handle="2")]
    assert unrelated(found, {"1"}, views.values(), slot) == found[:beside]


def test_it_is_told() -> None:
    assert wider_loss([loss(TLS)], (), _pool("n1"), {}) == "a wider loss is open: protocol=tls"
    assert wider_loss([loss(())], (), _pool("n1"), {}) == "a wider loss is open: all of it"


@pytest.mark.parametrize("verdict", [Verdict.SUSPECT, Verdict.UNKNOWN, Verdict.RECOVERING])
def test_all_others_must_be_well(verdict: Verdict) -> None:
    found = loss(TLS, share=0.16)
    views = {**_pool("n1"), "n4": view("n4", verdict)}
    assert wider_loss([found], (), views, {})
    assert not wider_loss([found], (), views, {"n4"})


def test_one_that_a_quorum_holds_good_is_well() -> None:
    found = loss(TLS, share=0.16)
    suspect = view("n4", Verdict.SUSPECT, good_since=START - 50)
    assert not wider_loss([found], (), {**_pool("n1"), "n4": suspect}, {})


def test_somebody_must_have_failed() -> None:
    assert wider_loss([loss(TLS, share=0.001)], (), _pool(), {})


def test_a_node_goes_though_the_balanced_series_feel_it() -> None:
    story = pool(6)
    story.fail("n03")
    since = story.since["n03"]
    story.losses = [
        loss((("node", "n03"),), since=since),
        loss(TLS, share=0.17, since=since, handle="2"),
    ]
    story.run()
    assert story.out == ["n03"]
