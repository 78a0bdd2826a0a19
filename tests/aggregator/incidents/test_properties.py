"""Incidents under any history of findings, acts of people, faults and restarts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from coalmine_aggregator.alerts.machine import State, acknowledge, step
from coalmine_aggregator.incidents.desk import Desk
from coalmine_aggregator.incidents.opening import Opening, opened
from coalmine_aggregator.incidents.policy import IncidentPolicy
from coalmine_aggregator.incidents.reminding import AWAY_S
from coalmine_aggregator.incidents.restored import Restored
from coalmine_aggregator.model.alerts import Alert, AlertClass, Change, Severity, Transition
from coalmine_aggregator.model.findings import Finding
from coalmine_aggregator.model.incident import (
    Entry,
    EntryKind,
    Impact,
    Incident,
    IncidentChanges,
    IncidentState,
    Postmortem,
)
from coalmine_aggregator.model.scopes import contains
from tests.aggregator.alerts.findings import POLICIES, finding
from tests.aggregator.incidents.desks import Kept

LOSS, MISSING = AlertClass.LOSS, AlertClass.AGENTS_MISSING
POLICY = IncidentPolicy(resolve_after_s=120.0, remind_s=300.0)
DAY_S = 86_400.0

FINDINGS = [
    finding(LOSS, "w"),
    finding(LOSS, "udp", within=("w",), protocol="udp"),
    finding(LOSS, "eu", within=("w",), region="eu"),
    finding(LOSS, "both", within=("udp", "eu", "w"), protocol="udp", region="eu"),
    finding(LOSS, "tls", within=("w",), protocol="tls"),
    finding(LOSS, "tls", within=("w",), protocol="tls", zone="a"),
    finding(LOSS, "quiet", within=("w",), quiet=True, protocol="pickle"),
    finding(LOSS, "logs", service="logs"),
    finding(AlertClass.BLIND, "blind"),
    finding(MISSING, "zone", host="h1", severity=Severity.TICKET),
    finding(MISSING, "zone", zone="a"),
    finding(AlertClass.LATE, "late", severity=Severity.TICKET, protocol="udp"),
]

_FEW = st.sets(st.integers(0, len(FINDINGS) - 1), max_size=3)

_INV, _IDE, _MON, _RES, _POST = IncidentState
_OPEN = (_INV, _IDE, _MON)
_BY_ITSELF = {
    EntryKind.STATE: {(_INV, _MON), (_IDE, _MON), (_MON, _RES)},
    EntryKind.REOPENED: {(_MON, _INV)},
    EntryKind.MERGED: {(each, _RES) for each in _OPEN},
}
_BY_PEOPLE = {
    EntryKind.STATE: {(a, b) for a in _OPEN for b in (*_OPEN, _RES)} | {(_RES, _POST)},
    EntryKind.REOPENED: {(_RES, _INV), (_POST, _INV)},
    EntryKind.MERGED: {(each, _RES) for each in _OPEN},
    EntryKind.POSTMORTEM: {(_RES, _POST)},
}

_ACTS: dict[str, Callable[[Desk, int, float], IncidentChanges]] = {
    **{
        f"state {state}": lambda desk, n, now, state=state: desk.update(  # type: ignore[misc]
            n, state=state, who="anna", now=now
        )
        for state in IncidentState
    },
    "update": lambda desk, n, now: desk.update(n, text="so", public="So", who="anna", now=now),
    "note": lambda desk, n, now: desk.note(n, "so", "anna", now),
    "title": lambda desk, n, now: desk.title(n, "Ours", None, "anna", now),
    "publish": lambda desk, n, now: desk.publish(n, "anna", now),
    "withhold": lambda desk, n, now: desk.withhold(n, "anna", now),
    "write up": lambda desk, n, now: desk.write_up(n, Postmortem(cause="x"), "anna", now),
    "reopen": lambda desk, n, now: desk.reopen(n, "anna", now),
    "merge": lambda desk, n, now: desk.merge(n, n % 3 + 2, "anna", now),
}


def _moves_by_rule(before: IncidentState, entry: Entry) -> bool:
    if entry.kind is EntryKind.OPENED:
        return entry.sequence == 1 and entry.state is _INV
    moves = (_BY_PEOPLE if entry.who else _BY_ITSELF).get(entry.kind, set())
    return entry.state is before or (before, entry.state) in moves


def _holding(kept: Kept, alert: int) -> list[Incident]:
    """The incidents that hold an alert as open."""
    return [
        each
        for each in kept.incidents.values()
        if any(affected.alert == alert and affected.last is None for affected in each.affected)
    ]


class Incidents(RuleBasedStateMachine):
    """A real alert machine feeds the desk; the store keeps what the desk says in the same commit as the
    alerts."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 2_000_000_000.0
        self.alerts = State("test")
        self.kept = Kept()
        self.ancient = self._ancient()
        self.desk = Desk(POLICY, self._restored())
        self.wrong: set[int] = set()
        self.given_up: set[int] = set()  # alerts that a person said are over while they were open
        self.checked: dict[int, tuple[int, IncidentState]] = {}
        self.merged: dict[int, int] = {}
        self.committed = self._all()

    def _ancient(self) -> Incident:
        """One of 90 days ago, whose end nobody counted."""
        at = self.now - 90 * DAY_S
        one = opened(Opening("ingest", "Long ago"), 1, "test", "", at)
        over = one._replace(
            state=_RES,
            resolved_at=at + 60,
            ended_at=at + 60,
            affected=tuple(each._replace(alert=999_999, last=int(at) + 60) for each in one.affected),
        )
        self.kept.incidents[1] = over
        return over

    def _restored(self) -> Restored:
        found = self.kept.restored(self.alerts.open, self.now)
        return found._replace(incidents=(*found.incidents, self.ancient))

    def _found(self, comes: set[int], goes: set[int]) -> list[Finding]:
        self.wrong = (self.wrong - goes) | comes
        return [FINDINGS[each] for each in sorted(self.wrong)]

    def _all(self) -> tuple[Any, ...]:
        return (
            self.alerts,
            self.kept.copy(),
            set(self.given_up),
            dict(self.checked),
            dict(self.merged),
        )

    # What happens.

    @rule(comes=_FEW, goes=_FEW, after_s=st.sampled_from([0.2, 1.0, 30.0, 130.0]))
    def tick(self, comes: set[int], goes: set[int], after_s: float) -> None:
        self.now += after_s
        found = self._found(comes, goes)
        before = {each: _holding(self.kept, each.number) for each in self.alerts.open}
        self.alerts, told = step(self.alerts, found, POLICIES, self.now)
        self.kept.put(self.desk.take(told, self.now))
        for transition in told:
            narrow = transition.alert
            if transition.change is Change.CLOSED and narrow.folded_into:
                held = next((held for each, held in before.items() if each.number == narrow.number), [])
                self._is_within_its_wider(narrow, held)

    def _is_within_its_wider(self, narrow: Alert, held: Sequence[Incident]) -> None:
        """One cause, one incident: what was taken in, and what took it in, belong to the same."""
        if not held or not held[0].state.is_open:
            return
        (now_in,) = (
            each
            for each in self.kept.incidents.values()
            if any(affected.alert == narrow.number for affected in each.affected)
        )
        wider = [
            each
            for each in self.alerts.open
            if each.service == narrow.service and contains(each.scope, narrow.scope)
        ]
        assert wider
        assert any(self.desk.of_alert(each.number) == now_in.number for each in wider) or any(
            each.number in self.given_up for each in wider
        )

    @rule(comes=_FEW, goes=_FEW)
    def missed_tick(self, comes: set[int], goes: set[int]) -> None:
        """A fault of incidents; then the edge has the desk make it good."""
        self.now += 1.0
        self.alerts, _ = step(self.alerts, self._found(comes, goes), POLICIES, self.now)
        self.kept.put(self.desk.adopt(self.alerts.open, self.now))

    @precondition(lambda self: self.alerts.open)
    @rule(data=st.data())
    def somebody_takes_an_alert(self, data: st.DataObject) -> None:
        alert = data.draw(st.sampled_from(self.alerts.open))
        self.alerts, told = acknowledge(self.alerts, alert.number, "ben", self.now)
        self.kept.put(self.desk.take(told, self.now))
        if told and _holding(self.kept, alert.number):
            (held,) = _holding(self.kept, alert.number)
            assert held.acknowledged_at is not None

    @rule(after_s=st.sampled_from([1.0, 60.0, 119.0, 299.0, 4 * DAY_S]))
    def time_goes_by(self, after_s: float) -> None:
        self.now += after_s
        self.kept.put(self.desk.due(self.now))
        for each in self.desk.open:
            if each.state is _MON and not each.opened_by and each.ended_at is not None:
                assert self.now - max(each.ended_at, each.state_at) < POLICY.resolve_after_s

    @rule()
    def losses_are_counted(self) -> None:
        for each in self.desk.to_measure(self.now):
            assert each.number != self.ancient.number
            impact = Impact(each.first, each.last, (), self.now, each.why == "final")
            self.kept.put(self.desk.measured(each.number, impact, self.now))

    @rule(title=st.sampled_from(["Logins fail", "Slow"]))
    def somebody_opens_one(self, title: str) -> None:
        self.kept.put(self.desk.open_by_hand(Opening("ingest", title), "anna", self.now))

    @precondition(lambda self: len(self.kept.incidents) > 1)
    @rule(act=st.sampled_from(sorted(_ACTS)), data=st.data())
    def somebody_acts(self, act: str, data: st.DataObject) -> None:
        numbers = [each for each in self.kept.incidents if each != self.ancient.number]
        number = data.draw(st.sampled_from(numbers))
        for each in (number, number % 3 + 2):
            if each in self.kept.incidents:
                self.desk.load(self.kept.incidents[each])
        before = self.desk.open
        try:
            changes = _ACTS[act](self.desk, number, self.now)
        except ValueError:
            assert self.desk.open == before
            return
        assert all(entry.who == "anna" for entry in changes.entries)
        self.kept.put(changes)
        for incident in changes.incidents:
            standing = {each.alert for each in incident.affected if each.alert and each.last is None}
            self.given_up = (
                self.given_up - standing if incident.state.is_open else self.given_up | standing
            )

    @rule()
    def commit(self) -> None:
        self.committed = self._all()

    @rule()
    def restart(self) -> None:
        """Nothing is opened, said or forgotten by it."""
        standing, reminders = self.desk.open, self.desk.reminders(self.now)
        self.desk = Desk(POLICY, self._restored())
        assert self.desk.adopt(self.alerts.open, self.now) == IncidentChanges()
        again = [Transition(Change.OPENED, self.now, each) for each in self.alerts.open]
        assert self.desk.take(again, self.now) == IncidentChanges()
        assert self.desk.open == standing
        assert self.desk.reminders(self.now) == reminders

    @rule()
    def kill(self) -> None:
        """What was not committed never was."""
        self.alerts, self.kept, self.given_up, self.checked, self.merged = self.committed
        self.committed = self._all()
        self.desk = Desk(POLICY, self._restored())
        self.kept.put(self.desk.adopt(self.alerts.open, self.now))

    # What holds at any time.

    @invariant()
    def every_open_page_belongs_to_one_open_incident(self) -> None:
        for alert in self.alerts.open:
            held = _holding(self.kept, alert.number)
            assert len(held) <= 1
            if alert.severity is Severity.PAGE:
                assert [each.number for each in held] == [self.desk.of_alert(alert.number)]
                assert held[0].state.is_open or alert.number in self.given_up

    @invariant()
    def what_incidents_hold_as_open_is_open(self) -> None:
        standing = {alert.number for alert in self.alerts.open}
        for incident in self.kept.incidents.values():
            of_alerts = [each for each in incident.affected if each.alert]
            lasting = {each.alert for each in of_alerts if each.last is None}
            assert lasting <= standing
            if of_alerts and incident is not self.ancient:
                assert (incident.ended_at is None) == bool(lasting)

    @invariant()
    def timelines_tell_each_move_and_moves_go_by_the_rules(self) -> None:
        for number, entries in self.kept.entries.items():
            done, state = self.checked.get(number, (0, _INV))
            for entry in entries[done:]:
                assert _moves_by_rule(state, entry), (state, entry)
                state = entry.state
            self.checked[number] = len(entries), state
            incident = self.kept.incidents[number]
            assert (incident.state, incident.entries) == (state, len(entries))
            assert (incident.resolved_at is None) == state.is_open
            assert incident.updated_at == max(entry.at for entry in entries)

    @invariant()
    def what_was_merged_stays_merged(self) -> None:
        for number, incident in self.kept.incidents.items():
            if number in self.merged:
                assert incident.merged_into == self.merged[number]
            if incident.merged_into:
                self.merged[number] = incident.merged_into
                assert incident.state is _RES
                assert incident.affected == ()

    @invariant()
    def what_ended_long_ago_is_never_touched(self) -> None:
        assert self.kept.incidents[self.ancient.number] is self.ancient

    @invariant()
    def desk_and_store_say_the_same(self) -> None:
        standing = [each for each in self.kept.incidents.values() if each.state.is_open]
        assert list(self.desk.open) == sorted(standing, key=lambda each: each.number)

    @invariant()
    def whoever_says_nothing_is_reminded(self) -> None:
        due = set()
        for incident in self.desk.open:
            silent_s, told = self.now - incident.told_at, POLICY.remind_s
            if told <= silent_s < 2 * told or (silent_s >= told and silent_s % told >= AWAY_S):
                due.add(f"incident-{incident.number}")
        assert {each.handle for each in self.desk.reminders(self.now)} == due


TestIncidents = Incidents.TestCase
TestIncidents.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
