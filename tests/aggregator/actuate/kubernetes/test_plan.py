"""What pods' conditions are to become."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.actuate.kubernetes.plan import (
    MAX_MESSAGE,
    MAX_TOLD_S,
    Change,
    forgotten,
    newcomers,
    patch_of,
    plan,
)
from coalmine_aggregator.actuate.kubernetes.pod import FALSE, MISSING, TRUE, Pod, read_page
from coalmine_aggregator.actuate.kubernetes.settings import NodeFrom
from coalmine_aggregator.model.withdrawal import Mode, Phase
from tests.aggregator.actuate.words import LEASE_S, withdrawal, word

NOW = 1_763_000_000.0


def pod(
    node: str,
    in_service: str = TRUE,
    *,
    name: str = "",
    gated: bool = True,
    told_at: float | None = NOW,
    ready: bool | None = None,
) -> Pod:
    serves = in_service == TRUE if ready is None else ready
    return Pod(name or node, f"uid-{name or node}", node, gated, in_service, told_at, serves)


ALL = tuple(pod(f"web-{i}") for i in (1, 2, 3, 4))


def changed(changes: list[Change] | tuple[Change, ...]) -> dict[str, str]:
    return {change.pod.name: change.in_service for change in changes}


def test_where_all_is_as_wanted_nothing_changes() -> None:
    found = plan(word(), ALL, NOW)
    assert (found.changes, found.out, found.trouble) == ([], (), "")


def test_drained_and_down_are_out_and_come_back() -> None:
    for phase in Phase:
        found = plan(word(withdrawal("web-3", phase)), ALL, NOW)
        assert changed(list(found.changes)) == {"web-3": FALSE}
        assert found.out == ("web-3",)
    back = (*ALL[:2], pod("web-3", FALSE), ALL[3])
    assert changed(list(plan(word(), back, NOW).changes)) == {"web-3": TRUE}
    for mode in (Mode.DRY_RUN, Mode.STOPPED):
        assert changed(list(plan(word("web-3", mode=mode), back, NOW).changes)) == {"web-3": TRUE}


def test_a_new_pod_comes_in_whether_or_not_it_is_known_and_first_of_all() -> None:
    pods = (*ALL, pod("web-9", MISSING, told_at=None))
    assert [(each.pod.name, each.in_service) for each in plan(word("web-1"), pods, NOW).changes] == [
        ("web-9", TRUE),
        ("web-1", FALSE),
    ]


def test_what_is_out_is_told_again_in_half_a_lease_and_soon_where_that_is_long() -> None:
    def told(ago_s: float, lease_s: float = LEASE_S) -> list[Change]:
        pods = (*ALL[:2], pod("web-3", FALSE, told_at=NOW - ago_s), ALL[3])
        return list(plan(word("web-3", lease_s=lease_s), pods, NOW).changes)

    assert told(0.0) == []
    assert told(LEASE_S / 2 - 1) == []
    (change,) = told(LEASE_S / 2)
    assert (change.in_service, change.fresh) == (FALSE, True)
    assert len(told(-5.0)) == 1  # told by a clock that is ahead
    assert told(MAX_TOLD_S - 1, lease_s=600.0) == []
    assert len(told(MAX_TOLD_S, lease_s=600.0)) == 1


def test_all_pods_of_a_machine_go() -> None:
    pods = (pod("web-1", name="a"), pod("web-1", name="b"), pod("web-2", name="c"))
    found = plan(word("web-1"), pods, NOW)
    assert changed(list(found.changes)) == {"a": FALSE, "b": FALSE}


def test_nobody_is_taken_out_where_no_ready_pod_would_be_left() -> None:
    only = (pod("web-3"), pod("web-1", TRUE, ready=False))
    found = plan(word("web-3"), only, NOW)
    assert (changed(list(found.changes)), found.out) == ({}, ())
    assert "no ready pod would be left" in found.trouble
    out = (pod("web-3", FALSE), pod("web-1", TRUE, ready=False))
    assert changed(list(plan(word("web-3"), out, NOW).changes)) == {"web-3": TRUE}


def test_a_node_without_a_pod_is_out() -> None:
    found = plan(word("web-3"), (ALL[0], ALL[1]), NOW)
    assert (found.out, found.trouble) == (("web-3",), "")


def test_what_cannot_be_right_is_told() -> None:
    assert "finds no pod" in plan(word(), (), NOW).trouble
    bare = (*ALL[:3], pod("web-4", MISSING, gated=False))
    found = plan(word("web-4"), bare, NOW)
    assert "1 of 4 pods lack the readiness gate" in found.trouble
    assert (found.changes, found.out) == ([], ())
    assert "no pod is any of its nodes" in plan(word(), (pod("ingest-7f-x1"),), NOW).trouble


def test_new_pods_come_in_alone() -> None:
    pods = (
        pod("web-1", MISSING),
        pod("web-2", FALSE),
        pod("web-3"),
        pod("web-4", MISSING, gated=False),
    )
    assert changed(newcomers(pods)) == {"web-1": TRUE}


def test_what_nobody_tells_any_more_is_forgotten() -> None:
    pods = (
        pod("web-1", FALSE, told_at=NOW - 61),
        pod("web-2", FALSE, told_at=NOW - 59),
        pod("web-3", FALSE, told_at=None),
        pod("web-4", FALSE, told_at=NOW + 3600),
        pod("web-5", MISSING, told_at=None),
        pod("web-6", TRUE, told_at=None),
    )
    assert set(changed(forgotten(pods, NOW, 60.0))) == {"web-1", "web-3", "web-4", "web-5"}
    assert len(forgotten(pods, NOW, -1.0)) == 5


def test_the_patch_is_of_our_condition_and_this_very_pod() -> None:
    nasty = withdrawal(why='"}]}\n' + "x" * 5000, by="ada")
    (change,) = plan(word(nasty), ALL, NOW).changes
    patch = json.loads(patch_of(change, "coalmine.dev/in-service", NOW + 0.7))
    (condition,) = patch["status"]["conditions"]
    assert patch["metadata"] == {"uid": "uid-web-3"}
    assert condition.pop("message").startswith('down by ada: "}]} xxx')
    assert condition == {
        "type": "coalmine.dev/in-service",
        "status": "False",
        "reason": "Withdrawn",
        "lastProbeTime": "2025-11-13T02:13:20Z",
        "lastTransitionTime": "2025-11-13T02:13:20Z",
    }
    assert len(change.message) == MAX_MESSAGE
    again = json.loads(patch_of(change._replace(fresh=True), "x/y", NOW))
    assert "lastTransitionTime" not in again["status"]["conditions"][0]


PODS = st.lists(
    st.builds(
        lambda i, node, state, gated, ready: pod(
            f"web-{node}", state, name=f"pod-{i}", gated=gated, ready=ready
        ),
        st.integers(0, 10**6),
        st.integers(1, 6),
        st.sampled_from([TRUE, FALSE, MISSING]),
        st.booleans(),
        st.booleans(),
    ),
    max_size=12,
    unique_by=lambda each: each.name,
)


@given(PODS, st.sets(st.sampled_from(["web-1", "web-2", "web-3", "web-4"])))
def test_whatever_is_wanted_a_ready_pod_stays_where_there_was_one_to_stay(
    pods: list[Pod], out: set[str]
) -> None:
    """Invariants: only pods of withdrawn nodes go; where any goes, a ready one stays; all others that
    have the gate are in service in the end; who comes in comes first."""
    found = plan(word(*sorted(out)), pods, NOW)
    after = {each.name: each.in_service for each in pods} | changed(list(found.changes))
    gone = [each for each in pods if each.gated and after[each.name] == FALSE]
    assert all(each.node in out for each in gone)
    if gone:
        assert any(each.ready for each in pods if each.gated and after[each.name] == TRUE)
    for each in pods:
        if each.gated and each.node not in out:
            assert after[each.name] == TRUE
    verbs = [change.in_service for change in found.changes]
    assert verbs == sorted(verbs, reverse=True)


@pytest.mark.parametrize("body", [b"<html>", b'{"x":' + b"[" * 100_000])
def test_a_list_that_is_none_is_told(body: bytes) -> None:
    with pytest.raises(ValueError, match="the API's list of pods is none"):
        read_page(body, "coalmine.example/in-service", NodeFrom("pod"))
