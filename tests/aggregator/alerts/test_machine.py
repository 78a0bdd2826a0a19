"""The alert machine: what findings that come, change and go make of alerts."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from coalmine_aggregator.alerts.machine import MAX_OPEN, SETTLE_IN_S, State, acknowledge, step
from coalmine_aggregator.model.alerts import AlertClass, Change, Severity, Transition
from coalmine_aggregator.model.findings import Finding
from tests.aggregator.alerts.findings import POLICIES, finding


def run(*rounds: Sequence[Finding], state: State | None = None) -> tuple[State, list[list[Transition]]]:
    """One step for each round, a second apart."""
    state = state or State("test")
    told = []
    for second, findings in enumerate(rounds):
        state, transitions = step(state, findings, POLICIES, 1_003.0 + second)
        told.append(transitions)
    return state, told


def changes(transitions: Sequence[Transition]) -> list[tuple[Change, str]]:
    return [(each.change, each.alert.id) for each in transitions]


def test_a_finding_opens_an_alert_and_its_end_closes_it() -> None:
    udp = finding(protocol="udp")
    state, (opened, nothing, closed) = run([udp], [udp], [])
    assert changes(opened) == [(Change.OPENED, "ingest-loss-1")]
    assert nothing == []
    assert changes(closed) == [(Change.CLOSED, "ingest-loss-1")]
    assert closed[0].alert.closed_at == 1_005.0
    assert state.open == ()
    alert = opened[0].alert
    assert (alert.owner, alert.playbook) == ("ingest-oncall", "https://wiki.example/ingest")
    assert alert.dedup_key == "test/ingest/loss/1"


def test_another_scope_changes_the_alert_and_counts_follow_silently() -> None:
    _, (_, silent, changed) = run(
        [finding(protocol="udp")], [finding(protocol="udp", lost=99)], [finding(region="eu")]
    )
    assert silent == []
    assert changes(changed) == [(Change.CHANGED, "ingest-loss-1")]
    assert changed[0].alert.scope == (("region", "eu"),)


def test_concurrent_causes_have_ordinals_that_are_used_again_once_free() -> None:
    a, b, c = (
        finding(handle="a", zone="a"),
        finding(handle="b", zone="b"),
        finding(handle="c", zone="c"),
    )
    _, told = run([a, b], [b], [b, c])
    assert changes(told[0]) == [(Change.OPENED, "ingest-loss-1"), (Change.OPENED, "ingest-loss-2")]
    assert changes(told[2]) == [(Change.OPENED, "ingest-loss-1")]
    assert told[2][0].alert.number == 3


def test_what_a_wider_loss_explains_folds_into_it() -> None:
    narrow, wide = finding(handle="n", within=("w",), zone="a"), finding(handle="w")
    _, told = run([narrow], [narrow, wide], [narrow, wide], [narrow])
    assert sorted(changes(told[1])) == [
        (Change.CLOSED, "ingest-loss-1"),
        (Change.OPENED, "ingest-loss-1"),
    ]
    assert told[1][0].alert.folded_into
    assert told[2] == []
    assert changes(told[3])[0][0] is Change.CLOSED


def test_a_lost_node_absorbs_the_silence_of_its_agent() -> None:
    node = finding(node="ingest07")
    silence = finding(AlertClass.AGENTS_MISSING, severity=Severity.TICKET, host="ingest07")
    other = finding(AlertClass.AGENTS_MISSING, "2", severity=Severity.TICKET, host="ingest08")
    _, (told,) = run([node, silence, other])
    assert [each.alert.scope for each in told] == [(("node", "ingest07"),), (("host", "ingest08"),)]


def test_a_freeze_is_told_by_the_loss_page_of_its_service_alone() -> None:
    page = finding(protocol="udp", handle="loss")._replace(note="All fails.")
    freeze = finding(AlertClass.REMEDIATION_FREEZE, "freeze")._replace(note="Nobody is withdrawn.")
    _, told = run([page], [page, freeze], [freeze])
    assert [len(each) for each in told] == [1, 0, 2]
    state, _ = run([page, freeze])
    assert [alert.note for alert in state.open] == ["All fails. Nobody is withdrawn."]
    _, (alone,) = run([page._replace(severity=Severity.TICKET), freeze])
    assert len(alone) == 2
    _, (elsewhere,) = run([page._replace(service="logs"), freeze])
    assert len(elsewhere) == 2


def test_what_a_returned_node_goes_on_losing_is_told_by_its_return() -> None:
    revert = finding(AlertClass.REMEDIATION_REVERT, "revert", node="ingest07")
    same, other = finding(node="ingest07"), finding(handle="2", node="ingest08")
    _, told = run([revert], [revert, same, other], [same])
    assert [[each.alert.scope for each in step] for step in told[:2]] == [
        [(("node", "ingest07"),)],
        [(("node", "ingest08"),)],
    ]
    # Once that page is over, what goes on is told.
    assert (Change.OPENED, AlertClass.LOSS) in [
        (each.change, each.alert.alert_class) for each in told[2]
    ]


def test_findings_of_different_services_never_fold() -> None:
    _, (told,) = run([finding(), finding(service="logs", zone="a")])
    assert len(told) == 2


def test_a_quiet_finding_opens_as_a_ticket() -> None:
    _, (told,) = run([finding(quiet=True)])
    assert told[0].alert.severity is Severity.TICKET


def test_a_ticket_that_becomes_a_page_is_told_and_stays_one() -> None:
    few = finding(AlertClass.AGENTS_MISSING, severity=Severity.TICKET, host="h1")
    many = finding(AlertClass.AGENTS_MISSING, severity=Severity.PAGE, zone="a")
    state, (_, changed, back) = run([few], [many], [few])
    assert changed[0].change is Change.CHANGED
    assert changed[0].alert.severity is Severity.PAGE
    assert back[0].alert.severity is Severity.PAGE
    assert len(state.open) == 1


def test_alerts_of_an_earlier_run_are_given_time_but_for_loss() -> None:
    blind, loss = finding(AlertClass.BLIND), finding()
    state, _ = run([blind, loss])
    later = State("test", 3, state.open, began=2_000.0)
    later, told = step(later, [], POLICIES, 2_001.0)
    assert changes(told) == [(Change.CLOSED, "ingest-loss-1")]
    later, told = step(later, [], POLICIES, 2_000.0 + SETTLE_IN_S)
    assert changes(told) == [(Change.CLOSED, "ingest-blind-1")]


def test_open_alerts_are_bounded_and_what_finds_no_room_is_counted() -> None:
    many = [finding(handle=str(n), host=f"h{n}") for n in range(MAX_OPEN + 5)]
    state, (told,) = run(many)
    assert len(told) == len(state.open) == MAX_OPEN
    assert state.refused == 5


def test_a_finding_of_an_unknown_service_is_told_without_owner() -> None:
    _, (told,) = run([finding(AlertClass.AGENTS_MISSING, service="_fleet")])
    assert (told[0].alert.owner, told[0].alert.acceptable_loss) == ("", 0.0)


def test_who_acknowledges_is_kept_over_changes_to_the_end() -> None:
    state, _ = run([finding(protocol="udp"), finding(handle="b", zone="b")])
    state, told = acknowledge(state, 1, "anna", 1_010.0)
    assert changes(told) == [(Change.ACKNOWLEDGED, "ingest-loss-1")]
    assert [alert.acknowledged_by for alert in state.open] == ["anna", ""]
    _, (changed, over) = run([finding(region="eu"), finding(handle="b", zone="b")], [], state=state)
    assert changes(changed) == [(Change.CHANGED, "ingest-loss-1")]
    by = {each.alert.number: (each.alert.acknowledged_by, each.alert.acknowledged_at) for each in over}
    assert by == {1: ("anna", 1_010.0), 2: ("", None)}


def test_the_first_who_acknowledges_stands() -> None:
    state, _ = run([finding()])
    state, _ = acknowledge(state, 1, "anna", 1_010.0)
    again, told = acknowledge(state, 1, "ben", 1_011.0)
    assert (again, told) == (state, [])


def test_only_what_is_open_can_be_acknowledged() -> None:
    state, _ = run([finding()], [])
    for number in (1, 2):
        with pytest.raises(KeyError):
            acknowledge(state, number, "anna", 1_010.0)


def test_a_ticket_that_becomes_a_page_asks_for_somebody_anew() -> None:
    few = finding(AlertClass.AGENTS_MISSING, severity=Severity.TICKET, host="h1")
    many = finding(AlertClass.AGENTS_MISSING, severity=Severity.PAGE, zone="a")
    state, _ = run([few])
    state, _ = acknowledge(state, 1, "anna", 1_010.0)
    state, (changed,) = run([many], state=state)
    assert (changed[0].alert.acknowledged_by, changed[0].alert.acknowledged_at) == ("", None)
    # The page's own acknowledgement stays, whatever else the scope does.
    state, _ = acknowledge(state, 1, "ben", 1_020.0)
    state, _ = run([few], [many], state=state)
    assert state.open[0].acknowledged_by == "ben"
