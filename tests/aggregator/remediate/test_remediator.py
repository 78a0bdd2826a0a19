"""All services together: what one says, and what becomes of the others where one fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from coalmine_aggregator.ledger.series import AllSeries
from coalmine_aggregator.model.alerts import AlertClass, Severity
from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.model.findings import Finding
from coalmine_aggregator.model.policy import ServicePolicy
from coalmine_aggregator.model.remediation_event import RemediationKind
from coalmine_aggregator.model.remediation_policy import RemediationPolicy
from coalmine_aggregator.model.scopes import Scope
from coalmine_aggregator.model.slot_cells import SlotCells
from coalmine_aggregator.model.withdrawal import Mode
from coalmine_aggregator.remediate.remediator import REST_S, Remediator, Settled
from coalmine_aggregator.remediate.turn import Controls, Turn
from coalmine_wire.protocols import Protocol
from coalmine_wire.series import NODE_VARIANT, Location, Series

NODES = tuple(f"n{number}" for number in range(6))
SERVICES = ("ingest", "render")
ACTING = RemediationPolicy(dry_run=False)
ALONE = Controls()
NO_ONE = np.zeros(0, dtype=np.int32)


@dataclass
class Judged:
    """A service whose losses are told by hand, and may be a fault."""

    policy: ServicePolicy
    lost: set[str] = field(default_factory=set)
    breaks: bool = False

    beside: list[Finding] = field(default_factory=list)
    held: dict[Scope, Sequence[int]] = field(default_factory=dict)

    def losses(self) -> Sequence[Finding]:
        if self.breaks:
            raise RuntimeError("no such thing")
        name = self.policy.name
        of_nodes = [
            Finding(AlertClass.LOSS, name, node, Severity.PAGE, (("node", node),), 0)
            for node in sorted(self.lost)
        ]
        return [*of_nodes, *self.beside]

    def series_in(self, scope: Scope) -> NDArray[np.int32]:
        return np.array(self.held.get(scope, ()), dtype=np.int32)


@dataclass
class Fleet:
    """Two services on the same nodes; `down` are the nodes whose datapoints fail, by service."""

    policies: dict[str, RemediationPolicy] = field(
        default_factory=lambda: dict.fromkeys(SERVICES, ACTING)
    )
    learned: dict[str, str] = field(default_factory=dict)
    slot: int = 1_000
    late_s: float = 0.0  # every second turn is
    series: AllSeries = field(default_factory=AllSeries)

    def __post_init__(self) -> None:
        for service in SERVICES:
            for node in NODES:
                self.add(service, "", Location.ON_MACHINE, node, node)
                for host in ("i1", "i2"):
                    self.add(service, NODE_VARIANT + node, Location.INTERNAL, host, node)
        self.judged = {name: Judged(ServicePolicy(name, 0.001)) for name in SERVICES}
        self.remediator = Remediator(self.policies, self.judged, self.learned)
        self.expected = object()

    def add(self, service: str, variant: str, location: Location, host: str, node: str) -> None:
        series = Series(service, Protocol.TCP, variant, location, "r", "z", host, node)
        self.series.add(series, control=False)

    def turn(self, controls: Controls = ALONE) -> Turn:
        fates = np.zeros(len(self.series), dtype=np.uint8)
        for number, name in enumerate(self.series.names):
            service = self.judged[name.split(".")[1]]
            node = self.series.values("node")[self.series.codes("node")[number]]
            if node in service.lost:
                fates[number] = Fate.FAILED
        cells = SlotCells(self.slot, fates, fates == 0, self.expected, NO_ONE)
        self.slot += 1
        now = self.slot + 2.0 + self.late_s * (self.slot % 2)
        return self.remediator.step(Settled([cells]), self.series, controls, now)

    def turns(self, count: int, controls: Controls = ALONE) -> list[Turn]:
        return [self.turn(controls) for _ in range(count)]


def withdrawn(turns: Sequence[Turn]) -> list[tuple[str, str]]:
    return [
        (event.service, event.node)
        for turn in turns
        for event in turn.events
        if event.kind is RemediationKind.WITHDRAWN
    ]


def out(turn: Turn, service: str) -> list[str]:
    return [each.node for each in turn.wanted[service].effective]


def test_each_service_decides_by_itself() -> None:
    fleet = Fleet()
    last = fleet.turns(30)[-1]
    assert set(last.wanted) == set(SERVICES)
    assert last.wanted["ingest"].nodes == NODES
    fleet.judged["ingest"].lost = {"n2"}
    assert withdrawn(fleet.turns(6)) == [("ingest", "n2")]
    fleet.judged["render"].lost = {"n4"}
    turns = fleet.turns(6)
    assert withdrawn(turns) == [("render", "n4")]
    assert (out(turns[-1], "ingest"), out(turns[-1], "render")) == (["n2"], ["n4"])


def test_who_did_not_opt_in_is_not_spoken_of() -> None:
    fleet = Fleet(policies={"render": ACTING})
    fleet.judged["ingest"].lost = {"n2"}
    assert set(fleet.turns(40)[-1].wanted) == {"render"}


def test_a_fault_in_one_service_leaves_the_other_alone() -> None:
    fleet = Fleet()
    fleet.turns(30)
    fleet.judged["ingest"].lost = {"n2"}
    fleet.turns(6)
    fleet.judged["ingest"].breaks = True
    fleet.judged["render"].lost = {"n4"}
    turns = fleet.turns(8)
    assert withdrawn(turns) == [("render", "n4")]
    # No news of the one that failed: what was said of it ends with its lease.
    assert all(set(turn.wanted) == {"render"} for turn in turns)
    for turn in turns:
        (finding,) = turn.findings
        assert (finding.alert_class, finding.service) == (AlertClass.REMEDIATION_OUTPUT, "ingest")
        assert finding.severity is Severity.TICKET
        assert "RuntimeError: no such thing" in finding.note
    assert len({turn.findings[0].since for turn in turns}) == 1
    (event,) = fleet.remediator.drain()
    assert event.name == "remediation.fault"
    assert event.fields["service"] == "ingest"
    assert "losses" in str(event.fields["trace"])


def test_a_fault_that_stays_is_told_ever_more_seldom() -> None:
    fleet = Fleet()
    fleet.judged["ingest"].breaks = True
    fleet.turns(int(REST_S) * 9)
    told = [event.fields["faults"] for event in fleet.remediator.drain()]
    assert told == [1, 2, 4, 8]


def test_a_service_that_failed_goes_on_from_what_it_remembers() -> None:
    fleet = Fleet()
    fleet.turns(30)
    fleet.judged["ingest"].lost = {"n2"}
    fleet.turns(6)
    fleet.judged["ingest"].breaks = True
    fleet.turn()
    fleet.judged["ingest"].breaks = False
    turns = fleet.turns(int(REST_S) + 5)
    assert "ingest" not in turns[0].wanted
    assert out(turns[-1], "ingest") == ["n2"]
    assert turns[-1].findings == []
    assert withdrawn(turns) == []


def test_what_is_kept_goes_on_after_a_restart() -> None:
    fleet = Fleet()
    fleet.turns(30)
    fleet.judged["ingest"].lost = {"n2"}
    fleet.remediator.kept()
    fleet.turns(6)
    kept = dict(fleet.remediator.kept())
    assert "remediation/ingest" in kept
    later = Fleet(learned=kept, slot=fleet.slot + 5)
    later.judged["ingest"].lost = {"n2"}
    turns = later.turns(10)
    assert out(turns[0], "ingest") == ["n2"]
    assert out(turns[-1], "ingest") == ["n2"]
    assert withdrawn(turns) == []


def test_damaged_memory_withdraws_nobody() -> None:
    fleet = Fleet(learned={"remediation/ingest": '{"out": 3'})
    turns = fleet.turns(3)
    assert out(turns[-1], "ingest") == []


def test_who_stands_by_goes_on_from_what_the_other_remembers() -> None:
    fleet, other = Fleet(), Fleet()
    standby = Controls(holder=False)
    for each, controls in ((fleet, ALONE), (other, standby)):
        each.turns(30, controls)
        each.judged["ingest"].lost = {"n2"}
    for _ in range(6):
        fleet.turn()
        other.remediator.adopt(fleet.remediator.remembered())
        turn = other.turn(standby)
    assert turn.wanted["ingest"].mode is Mode.STANDBY
    assert [each.node for each in turn.wanted["ingest"].out] == ["n2"]
    assert out(turn, "ingest") == []
    turns = other.turns(10)
    assert out(turns[-1], "ingest") == ["n2"]
    assert withdrawn(turns) == []
    # What cannot be read, and what is of no service of ours, is nothing.
    other.remediator.adopt({"ingest": "{", "nothing": "{}"})
    assert out(other.turn(), "ingest") == ["n2"]


CROWD = {"n0", "n1", "n2"}


class Unheard(Judged):
    """A service of which no loss is told."""

    def losses(self) -> Sequence[Finding]:
        return []


def test_a_freeze_that_was_told_with_a_loss_wakes_nobody_again() -> None:
    fleet = Fleet()
    fleet.turns(30)
    fleet.judged["ingest"].lost = CROWD
    found = {each.since: each for turn in fleet.turns(12) for each in turn.findings}
    (since,) = found
    fleet.judged["ingest"].lost = set()
    later = [each for turn in fleet.turns(8) for each in turn.findings]
    assert {each.since for each in later} == {since}
    assert all(each.quiet for each in later)


def test_a_freeze_stays_one_though_turns_are_late() -> None:
    fleet = Fleet(late_s=0.2)
    fleet.turns(30)
    fleet.judged["ingest"].lost = CROWD
    first = [each for turn in fleet.turns(12) for each in turn.findings]
    fleet.judged["ingest"].lost = set()
    later = [each for turn in fleet.turns(25) for each in turn.findings]
    assert first
    assert len(later) > 20
    assert all(each.quiet for each in later)


def test_a_freeze_without_a_loss_is_a_page() -> None:
    fleet = Fleet()
    fleet.judged["ingest"] = Unheard(ServicePolicy("ingest", 0.001), CROWD)
    fleet.remediator = Remediator(fleet.policies, fleet.judged, {})
    findings = [each for turn in fleet.turns(60) for each in turn.findings]
    assert findings
    assert all(each.severity is Severity.PAGE and not each.quiet for each in findings)


class Quiet(Judged):
    """A service of whose losses nobody is woken."""

    def losses(self) -> Sequence[Finding]:
        return [each._replace(quiet=True) for each in super().losses()]


def test_a_freeze_beside_a_loss_that_wakes_nobody_is_a_page() -> None:
    fleet = Fleet()
    fleet.judged["ingest"] = Quiet(ServicePolicy("ingest", 0.001), CROWD)
    fleet.remediator = Remediator(fleet.policies, fleet.judged, {})
    findings = [each for turn in fleet.turns(60) for each in turn.findings]
    assert findings
    assert not any(each.quiet for each in findings)


OUTSIDE: Scope = (("location", "external"),)


def beside(fleet: Fleet, since: int, *series: int) -> None:
    """A loss of `OUTSIDE`, in whose scope these series lie."""
    it = fleet.judged["ingest"]
    it.beside = [Finding(AlertClass.LOSS, "ingest", "beside", Severity.PAGE, OUTSIDE, since)]
    it.held[OUTSIDE] = series


@pytest.mark.parametrize(("leads", "gone"), [(False, True), (True, False)])
def test_a_loss_holds_a_node_in_only_if_series_in_its_scope_lead_to_nodes(
    leads: bool, gone: bool
) -> None:
    fleet = Fleet()
    fleet.add("ingest", "", Location.EXTERNAL, "e1", "")
    balanced = len(fleet.series) - 1
    fleet.turns(30)
    fleet.judged["ingest"].lost = {"n2"}
    beside(fleet, fleet.slot, balanced, *([0] if leads else []))
    assert withdrawn(fleet.turns(6)) == [("ingest", "n2")] * gone


def test_a_loss_of_which_nobody_knows_the_series_is_wider() -> None:
    fleet = Fleet()
    fleet.turns(30)
    fleet.judged["ingest"].lost = {"n2"}
    beside(fleet, fleet.slot)
    assert withdrawn(fleet.turns(6)) == []


@pytest.mark.parametrize(("began_before_s", "back"), [(100, []), (0, ["n2"])])
def test_what_was_lost_before_does_not_bring_a_node_back(began_before_s: int, back: list[str]) -> None:
    fleet = Fleet()
    for number in range(12):
        fleet.add("ingest", "", Location.EXTERNAL, f"e{number}", "")
    outside = range(len(fleet.series) - 12, len(fleet.series))
    fleet.turns(30)
    fleet.judged["ingest"].lost = {"n2", ""}  # all that leads to no node
    beside(fleet, fleet.slot - began_before_s, *outside)
    turns = fleet.turns(80)
    assert withdrawn(turns) == [("ingest", "n2")]
    kinds = [event for turn in turns for event in turn.events]
    assert [each.node for each in kinds if each.kind is RemediationKind.REVERTED] == back
