"""The watch over nodes: what it says of each, from the slots that settle."""

from __future__ import annotations

import numpy as np
import pytest

from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.model.node_view import Opinion, Verdict
from coalmine_aggregator.model.remediation_policy import RemediationPolicy
from coalmine_aggregator.remediate.node_views import REFRESHED_S
from coalmine_aggregator.remediate.turn import Balanced
from coalmine_wire.protocols import Protocol
from coalmine_wire.series import Series
from tests.aggregator.remediate.watched import SIX, Watched, fails, loses, mute, series_of, well

NODES = ("web1", "web2", "web3")


def watched(**changes: object) -> Watched:
    return Watched(series_of(NODES), RemediationPolicy()._replace(**changes))  # type: ignore[arg-type]


def test_nothing_is_said_while_no_node_is_known() -> None:
    it = Watched(series_of((), own=False))
    it.pass_s(3)
    assert it.watch.views(it.slot) is None
    assert it.watch.balanced() == Balanced(6, 0)


def test_healthy_nodes_are_told_by_name_with_every_vantage() -> None:
    it = Watched(series_of(("web2", "web1"), zones={"web2": "dc1-c"}))
    it.pass_s(20)
    views = it.watch.views(it.slot)
    assert views is not None
    assert [each.node for each in views] == ["web1", "web2"]
    web2 = views[1]
    assert (web2.service, web2.region, web2.zone) == ("ingest", "dc1", "dc1-c")
    assert (web2.verdict, web2.since, web2.good_since) == (Verdict.HEALTHY, 1000, 1000)
    assert [(each.host, each.own, each.opinion) for each in web2.sights] == [
        ("web2", True, Opinion.GOOD),
        ("a", False, Opinion.GOOD),
        ("b", False, Opinion.GOOD),
    ]
    assert (web2.sights[0].judged, web2.sights[0].bad, web2.sights[0].window_s) == (60, 0, 10)
    heard = web2.sights[0].slot
    assert heard is not None
    assert it.slot - REFRESHED_S < heard <= it.slot
    assert web2.text == "nobody of 3 doubts"


def test_a_node_that_loses_everything_has_failed_in_the_third_slot() -> None:
    it = watched()
    it.pass_s(20)
    it.pass_s(1, fails())
    assert it.verdict() is Verdict.HEALTHY
    it.pass_s(1, fails())
    assert it.verdict() is Verdict.SUSPECT
    it.pass_s(1, fails())
    view = it.view()
    assert (view.verdict, view.since, view.good_since) == (Verdict.FAILED, it.slot, None)
    assert view.sights[0].failing == ("https", "pickle", "pickle_tls", "tcp", "tls", "udp")
    assert (view.sights[0].judged, view.sights[0].bad) == (60, 18)
    assert view.text == ("web1 (own), a, b hold it bad (https, pickle, pickle_tls and 3 others)")
    assert it.verdict("web2") is it.verdict("web3") is Verdict.HEALTHY


@pytest.mark.parametrize("fate", [Fate.FAILED, Fate.ABANDONED, Fate.LOST, Fate.LATE])
def test_every_bad_fate_is_bad(fate: Fate) -> None:
    it = watched()
    it.pass_s(3, fails(fate=fate))
    assert it.verdict() is Verdict.FAILED


@pytest.mark.parametrize("fate", [Fate.UNKNOWN, Fate.NOT_ATTEMPTED])
def test_what_says_nothing_is_no_evidence_and_ends_opinions_when_it_is_stale(fate: Fate) -> None:
    it = watched(stale_s=5.0)
    it.pass_s(10)
    it.pass_s(5, fails(fate=fate))
    assert it.verdict() is Verdict.HEALTHY
    assert (it.sight("a").judged, it.sight("a").slot) == (0, 1009)
    it.pass_s(1, fails(fate=fate))
    view = it.view()
    assert (view.verdict, view.good_since) == (Verdict.UNKNOWN, None)
    assert [each.opinion for each in view.sights] == [Opinion.NONE] * 3
    assert view.sights[0].slot is None
    assert view.text == "web1 (own), a, b say nothing; too few to agree"


def test_opinions_grow_stale_though_no_slot_settles() -> None:
    it = watched()
    it.pass_s(10, fails())
    views = it.watch.views(it.slot + 11)
    assert views is not None
    assert {each.verdict for each in views} == {Verdict.UNKNOWN}


def test_a_failed_node_whose_evidence_ends_is_unknown() -> None:
    it = watched()
    it.pass_s(20, fails())
    it.pass_s(10, fails(fate=Fate.UNKNOWN))
    assert it.verdict() is Verdict.FAILED
    it.pass_s(1, fails(fate=Fate.UNKNOWN))
    assert it.verdict() is Verdict.UNKNOWN


def test_one_endpoint_is_enough_and_is_named() -> None:
    it = watched()
    it.pass_s(10)
    it.pass_s(3, fails(protocols=[Protocol.UDP]))
    assert it.verdict() is Verdict.FAILED
    assert {each.failing for each in it.view().sights} == {("udp",)}


def test_a_part_of_everything_is_seen_though_no_endpoint_is_sure() -> None:
    it = watched()
    it.pass_s(10)
    it.pass_s(8, lambda series, slot: fails(protocols=[SIX[slot % 6]])(series, slot))
    view = it.view()
    assert view.verdict is Verdict.FAILED
    assert view.sights[1].bad == 8
    assert len(view.sights[1].failing) == 6


def test_a_node_recovers_and_is_healthy_after_a_sustained_recovery() -> None:
    it = watched()
    it.pass_s(20, fails())
    end = it.slot
    it.pass_s(4)
    assert it.verdict() is Verdict.FAILED
    it.pass_s(1)
    view = it.view()
    assert (view.verdict, view.since, view.good_since) == (Verdict.RECOVERING, end + 5, end + 1)
    it.pass_s(25)
    assert it.verdict() is Verdict.RECOVERING
    it.pass_s(1)
    assert (it.verdict(), it.view().since) == (Verdict.HEALTHY, end + 31)
    assert it.view().good_since == end + 1


def test_one_host_that_goes_on_to_see_it_broken_does_not_hide_that_it_is_good() -> None:
    it = watched()
    it.pass_s(20, fails())
    end = it.slot
    it.pass_s(31, fails(by=["b"]))
    view = it.view()
    assert (view.verdict, view.good_since) == (Verdict.SUSPECT, end + 1)
    it.pass_s(3, fails(by=["a", "b"]))
    assert it.view().good_since is None


def test_verdicts_tell_their_first_slot_though_several_settle_before_anybody_asks() -> None:
    it = watched()
    it.pass_s(20)
    for _ in range(6):
        it.slot += 1
        it.watch.settle(it.cells(it.slot, fails()))
    assert (it.verdict(), it.view().since) == (Verdict.FAILED, 1022)
    for _ in range(9):
        it.slot += 1
        it.watch.settle(it.cells(it.slot, well))
    view = it.view()
    assert (view.verdict, view.since, view.good_since) == (Verdict.RECOVERING, 1030, 1026)


def test_one_endpoint_alone_needs_longer_to_show_that_it_recovered() -> None:
    it = watched()
    it.pass_s(20, fails(protocols=[Protocol.UDP]))
    end = it.slot
    it.pass_s(19)
    assert it.verdict() is Verdict.FAILED
    it.pass_s(1)
    assert it.verdict() is Verdict.RECOVERING
    assert it.view().good_since == end + 1


def test_a_relapse_begins_the_recovery_anew() -> None:
    it = watched()
    it.pass_s(20, fails())
    it.pass_s(20)
    assert it.verdict() is Verdict.RECOVERING
    it.pass_s(2, fails())
    assert it.verdict() is Verdict.SUSPECT
    relapse = it.slot
    it.pass_s(20)
    assert it.verdict() is Verdict.RECOVERING
    good_since = it.view().good_since
    assert good_since is not None
    assert good_since > relapse


@pytest.mark.parametrize(("bad_s", "good_s"), [(1, 1), (1, 2), (2, 2), (3, 4), (1, 4)])
def test_what_stutters_stays_failed(bad_s: int, good_s: int) -> None:
    it = watched()
    it.pass_s(5, fails())
    for _ in range(40):
        it.pass_s(1, fails(slots=lambda slot: slot % (bad_s + good_s) < bad_s))
        assert it.verdict() is Verdict.FAILED


def test_a_silent_own_agent_abstains_and_two_others_decide() -> None:
    it = watched()
    it.pass_s(15, mute("web1"))
    it.pass_s(3, mute("web1", then=fails()))
    assert it.verdict() is Verdict.FAILED
    assert it.view().text.endswith("; web1 (own) says nothing")


def test_an_own_agent_that_sees_nothing_wrong_keeps_its_node_in() -> None:
    it = watched()
    it.pass_s(30, fails(by=["a", "b"]))
    assert it.verdict() is Verdict.SUSPECT
    assert it.opinion("web1") is Opinion.GOOD


def dies(series: Series, _slot: int) -> Fate:
    """A machine and its agent: nobody hears of either."""
    if series.host == "web1":
        return Fate.UNKNOWN
    return Fate.ABANDONED if series.node == "web1" else Fate.DELIVERED


def test_a_machine_that_takes_its_agent_along_fails_as_soon_as_any_other() -> None:
    it = watched()
    it.pass_s(20)
    it.pass_s(2, dies)
    assert it.verdict() is Verdict.SUSPECT
    assert it.opinion("web1") is Opinion.GOOD
    it.pass_s(1, dies)
    view = it.view()
    assert (view.verdict, view.since) == (Verdict.FAILED, it.slot)
    assert (
        view.text
        == "a, b hold it bad (https, pickle, pickle_tls and 3 others); web1 (own) says nothing"
    )
    assert it.sight("web1").slot == it.slot - 3
    it.pass_s(5)
    assert (it.verdict(), it.opinion("web1")) == (Verdict.RECOVERING, Opinion.GOOD)


def test_a_last_word_in_the_second_in_which_a_machine_dies_does_not_keep_it_in() -> None:
    it = watched()
    it.pass_s(20)
    it.pass_s(1, fails(by=("a", "b")))
    it.pass_s(2, dies)
    assert it.verdict() is Verdict.FAILED


def test_an_own_agent_with_newer_evidence_is_heard_until_it_is_stale() -> None:
    it = watched()
    it.pass_s(20)
    it.pass_s(2, fails(by=("a", "b")))
    it.pass_s(10, dies)
    assert (it.verdict(), it.opinion("web1")) == (Verdict.SUSPECT, Opinion.GOOD)
    it.pass_s(1, dies)
    assert (it.verdict(), it.opinion("web1")) == (Verdict.FAILED, Opinion.NONE)


def test_one_other_host_does_not_outweigh_the_last_word_of_an_agent() -> None:
    it = Watched(series_of(NODES, ("a",)))
    it.pass_s(20)
    it.pass_s(10, dies)
    assert (it.verdict(), it.opinion("web1")) == (Verdict.SUSPECT, Opinion.GOOD)


def test_an_own_agent_whose_reports_come_late_is_heard_when_they_come() -> None:
    it = watched()
    it.pass_s(20)
    seen_by_others = fails(by=("a", "b"))
    it.pass_s(4, dies)
    assert it.verdict() is Verdict.FAILED
    it.revise(it.slot, dies, seen_by_others)
    it.pass_s(1, dies)
    assert (it.verdict(), it.opinion("web1")) == (Verdict.SUSPECT, Opinion.GOOD)


def test_an_own_agent_alone_is_no_quorum() -> None:
    it = watched()
    it.pass_s(30, fails(by=["web1"]))
    assert it.verdict() is Verdict.SUSPECT


def test_a_single_vantage_is_too_few() -> None:
    it = Watched(series_of(NODES, direct_from=["a"], own=False))
    it.pass_s(30, fails())
    assert it.verdict() is Verdict.UNKNOWN
    assert it.view().text.endswith("; too few to agree")
    assert (it.view().region, it.view().zone) == ("", "")


def test_a_host_to_which_too_many_nodes_look_bad_is_not_believed() -> None:
    made = series_of([f"web{number}" for number in range(20)], direct_from=["a", "b"])
    it = Watched(made)
    it.pass_s(5, loses("a", "web1", "web2", "web3"))
    assert {it.opinion("a", f"web{number}") for number in range(20)} == {Opinion.NONE}
    assert {each.verdict for each in it.views().values()} == {Verdict.HEALTHY}
    assert it.view().text == (
        "nobody of 2 doubts; a is not believed: "
        "too many nodes look bad from there that are good by their own agents"
    )


def test_a_host_that_is_not_believed_brings_nobody_back() -> None:
    made = series_of([f"web{number}" for number in range(20)], direct_from=["a"])
    it = Watched(made)
    it.pass_s(5, fails())
    also = loses("a", *(f"web{number}" for number in range(20)))
    it.pass_s(5, lambda series, slot: max(fails()(series, slot), also(series, slot)))
    assert it.opinion("a", "web2") is Opinion.NONE
    assert it.verdict("web2") is Verdict.UNKNOWN
    assert it.opinion("a", "web1") is Opinion.BAD
    assert it.verdict("web1") is Verdict.FAILED


def test_as_many_bad_nodes_as_may_be_out_discredit_nobody() -> None:
    made = series_of([f"web{number}" for number in range(20)])
    it = Watched(made)
    it.pass_s(5, loses("a", "web1", "web2"))
    assert it.opinion("a") is Opinion.BAD
    assert it.verdict() is Verdict.SUSPECT


def test_nodes_come_and_go_with_the_roster() -> None:
    it = watched()
    it.pass_s(10, fails("web1"))
    it.expect(series_of(("web1", "web3", "web9")))
    it.pass_s(1, fails("web1"))
    assert {node: view.verdict for node, view in it.views().items()} == {
        "web1": Verdict.FAILED,
        "web3": Verdict.HEALTHY,
        "web9": Verdict.HEALTHY,
    }
    assert it.view("web1").since == 1002
    assert it.view("web3").since == 1000
    assert it.view("web9").since == it.slot
    it.expect(series_of(()))
    it.pass_s(1)
    assert it.watch.views(it.slot) is None
    it.expect(series_of(("web1",)))
    it.pass_s(1)
    assert it.verdict("web1") is Verdict.HEALTHY


def test_a_new_endpoint_does_not_change_what_is_held() -> None:
    it = Watched(series_of(NODES, protocols=SIX[:3]))
    it.pass_s(10, fails())
    it.expect(series_of(NODES))
    it.pass_s(1, fails(protocols=SIX[:3]))
    assert it.verdict() is Verdict.FAILED
    assert it.sight("a").bad == 30


def test_a_name_that_two_machines_share_is_judged_by_nobody() -> None:
    made = [*series_of(NODES), *series_of(("web1",), direct_from=(), zones={"web1": "dc1-z"})]
    it = Watched(made)
    it.pass_s(10, fails())
    view = it.view()
    assert view.verdict is Verdict.UNKNOWN
    assert (view.region, view.zone) == ("", "")
    assert "several places" in view.text
    assert it.verdict("web2") is Verdict.HEALTHY


def test_another_agent_on_the_node_is_the_nodes_own_vantage() -> None:
    made = [*series_of(("web1",), direct_from=[]), *series_of(("web1",), direct_from=["web1"])]
    it = Watched(list(dict.fromkeys(made)), RemediationPolicy())
    it.pass_s(10, fails())
    assert [each.host for each in it.view().sights] == ["web1"]
    assert it.verdict() is Verdict.UNKNOWN


def test_late_reports_count_when_they_come() -> None:
    it = watched()
    it.pass_s(10)
    silent = mute("web1", "a")
    for _ in range(6):
        it.pass_s(1, silent)
        it.revise(it.slot, silent, fails(by=["web1", "a"]))
    assert it.verdict() is Verdict.FAILED
    assert (it.sight("a").judged, it.sight("a").bad) == (60, 36)


def test_late_reports_of_a_stale_slot_change_nothing() -> None:
    it = watched()
    silent = mute("web1", "a", "b")
    it.pass_s(30, silent)
    for slot in range(1000, 1019):
        it.revise(slot, silent, fails())
    assert it.verdict() is Verdict.UNKNOWN


def test_evidence_that_is_taken_back_leaves_the_counts() -> None:
    it = watched()
    it.pass_s(5, fails(by=["a"], protocols=[Protocol.UDP]))
    it.revise(it.slot, fails(by=["a"], protocols=[Protocol.UDP]), well)
    assert (it.sight("a").judged, it.sight("a").bad) == (30, 4)


def test_time_that_goes_back_forgets_what_lies_ahead() -> None:
    it = watched()
    it.pass_s(10, fails())
    it.slot -= 100
    it.pass_s(1)
    view = it.view()
    assert (view.verdict, view.since) == (Verdict.HEALTHY, it.slot)


def test_a_gap_in_the_slots_makes_what_was_held_stale() -> None:
    it = watched()
    it.pass_s(10, fails())
    it.slot += 60
    it.pass_s(1)
    assert it.verdict() is Verdict.RECOVERING
    assert it.view().good_since == it.slot


def test_which_series_lead_to_nodes_and_what_the_others_did() -> None:
    it = Watched(series_of(("web1",), protocols=[Protocol.TCP, Protocol.TLS]))
    it.pass_s(3, loses("out", ""))
    of_none = np.array([it.ids[at] for at, each in enumerate(it.made) if not each.node], dtype=np.int32)
    of_web1 = np.setdiff1d(np.array(it.ids, dtype=np.int32), of_none)
    assert it.watch.balanced() == Balanced(2, 2)
    assert it.watch.balanced(of_none[:1]) == Balanced(1, 1)
    assert it.watch.balanced(of_web1) == Balanced(2, 2)
    assert not it.watch.leads(of_none)
    assert it.watch.leads(np.append(of_none, of_web1[-1:]))
    it.expect([each for each in it.made if not each.node])
    it.pass_s(1)
    assert not it.watch.leads(of_web1)


def test_other_services_and_series_to_no_node_are_left_alone() -> None:
    it = watched()
    other = [each._replace(service="logs") for each in series_of(("web1", "log1"))]
    it.expect([*series_of(NODES), *other])
    it.pass_s(5, lambda series, _slot: Fate(3 if series.service == "logs" or not series.node else 0))
    assert set(it.views()) == set(NODES)
    assert {each.verdict for each in it.views().values()} == {Verdict.HEALTHY}
    assert it.watch.balanced() == Balanced(6, 6)


def test_a_quorum_of_one_takes_the_word_of_the_only_one_there_is() -> None:
    it = Watched(series_of(NODES, direct_from=()), RemediationPolicy(quorum=1))
    it.pass_s(3, fails())
    assert it.verdict() is Verdict.FAILED
    it = Watched(series_of(NODES), RemediationPolicy(quorum=1))
    it.pass_s(30, fails(by=["a"]))
    assert it.verdict() is Verdict.SUSPECT
