"""What is told of nodes: sentences that stay short, and nothing that is out of date."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.model.node_view import NodeView, Verdict
from coalmine_aggregator.model.remediation_policy import RemediationPolicy
from coalmine_aggregator.remediate.node_views import REFRESHED_S, NodeViews
from coalmine_wire.protocols import Protocol
from coalmine_wire.series import Series
from tests.aggregator.remediate.watched import SIX, Tell, Watched, fails, series_of

HOSTS = [f"probe{number:02}" for number in range(30)]
LONG = "n" * 60


def test_many_vantages_are_counted_not_named() -> None:
    it = Watched(series_of(["web1", "web2"], HOSTS))
    it.pass_s(5, fails())
    assert it.view().text == (
        "web1 (own), probe00, probe01 and 28 others hold it bad "
        "(https, pickle, pickle_tls and 3 others)"
    )


def test_a_sentence_stays_short_whatever_names_are() -> None:
    hosts = [f"{'p' * 50}{number}" for number in range(30)]
    it = Watched(series_of([LONG, "web2"], hosts))

    def tell(series: Series, _slot: int) -> Fate:
        if series.node != LONG or series.host == LONG:
            return Fate.DELIVERED
        return (Fate.LOST, Fate.UNKNOWN, Fate.DELIVERED)[int(series.host[-1]) % 3]

    it.pass_s(15, tell)
    view = it.view(LONG)
    assert len(view.sights) == 31
    assert len({each.opinion for each in view.sights}) == 3
    assert len(view.text) < 1000


def both(it: Watched) -> tuple[Sequence[NodeView], Sequence[NodeView]]:
    """What is told now, and what would be told if nothing had been before."""
    kept = it.watch.views(it.slot)
    views = it.watch._told
    assert kept is not None
    assert views._last is not None
    return kept, NodeViews("ingest", views._vantages).tell(views._last, it.watch._verdicts)


# Invariant: what is kept from earlier slots is what would be told now, but for counts that are at most
# `REFRESHED_S` old of nodes that are well.
@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["web1", "web2"]),
            st.sampled_from([None, "a", "b"]),
            st.lists(st.sampled_from(SIX), max_size=6),
            st.sampled_from([Fate.LOST, Fate.UNKNOWN]),
            st.integers(1, 9),
        ),
        max_size=8,
    )
)
def test_what_is_kept_is_what_would_be_told(
    steps: list[tuple[str, str | None, list[Protocol], Fate, int]],
) -> None:
    it = Watched(series_of(["web1", "web2", "web3"]), RemediationPolicy(stale_s=4.0))
    for node, host, protocols, fate, seconds in steps:
        tell: Tell = fails(node, by=None if host is None else [host], protocols=protocols, fate=fate)
        for _ in range(seconds):
            it.pass_s(1, tell)
            for kept, told in zip(*both(it), strict=True):
                if told.verdict is not Verdict.HEALTHY:
                    assert kept == told
                    continue
                assert kept._replace(sights=()) == told._replace(sights=())
                for old, new in zip(kept.sights, told.sights, strict=True):
                    assert old._replace(judged=0, bad=0, slot=None) == new._replace(
                        judged=0, bad=0, slot=None
                    )
                    assert (old.slot or 0) > (new.slot or 0) - REFRESHED_S
