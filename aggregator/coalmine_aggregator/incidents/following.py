"""What incidents make of alerts that open, change and close. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from coalmine_aggregator.incidents.changing import Changing
from coalmine_aggregator.incidents.merging import merge
from coalmine_aggregator.incidents.policy import IncidentPolicy
from coalmine_aggregator.incidents.scoping import goes_on, has_ended, open_alerts
from coalmine_aggregator.incidents.titles import title_of
from coalmine_aggregator.incidents.widening import Widening
from coalmine_aggregator.model.alert_headline import alert_headline
from coalmine_aggregator.model.alerts import Alert, Change, Severity, Transition
from coalmine_aggregator.model.incident import Affected, EntryKind, Incident, IncidentState
from coalmine_aggregator.model.scopes import describe

_WORKED_ON: Final = (IncidentState.INVESTIGATING, IncidentState.IDENTIFIED)


class Following:
    """Takes in what one tick did. `before` are the alerts that were open before it, `after` those
    after it, by number."""

    def __init__(
        self,
        book: Changing,
        policy: IncidentPolicy,
        before: Mapping[int, Alert],
        after: Mapping[int, Alert],
        now: float,
    ) -> None:
        self._book = book
        self._policy = policy
        self._before = before
        self._after = after
        self._now = now
        self._folds: defaultdict[int, set[int]] = defaultdict(set)  # incidents by the wider alert
        self._ended: list[int] = []  # incidents that are open, without an open alert
        self._closing: set[int] = set()  # incidents of which an alert closed

    def take(self, transitions: Sequence[Transition]) -> None:
        """All of them. What closes goes first: what opens in its place is the same trouble."""
        closed = {each.alert.number: each.alert for each in transitions if each.change is Change.CLOSED}
        widening = Widening(self._before, closed, self._after)
        for each in closed.values():
            self._close(each, widening)
        self._ended = [each.number for each in self._book if each.state.is_open and has_ended(each)]
        for transition in transitions:
            if transition.change is not Change.CLOSED:
                self._advance(transition)
        for wider, taken_in in self._folds.items():
            self._fold(self._after[wider], taken_in)
        for number in sorted({self._standing(number) for number in self._closing}):
            self._settle(number)

    def lose_others(self) -> None:
        """Alerts that incidents hold are not open any more, and nobody saw how they closed."""
        held = {alert: each.number for each in self._book for alert in open_alerts(each)}
        for alert in sorted(held.keys() - self._after.keys()):
            number = held[alert]
            self._end(number, alert, self._now)
            text = f"Alert {alert} is not open any more; how it closed was not seen."
            self._book.write(number, EntryKind.ALERT_CLOSED, self._now, text=text, alert=alert)

    def _close(self, alert: Alert, widening: Widening) -> None:
        number = self._book.of_alert(alert.number)
        if not number or alert.number not in open_alerts(self._book[number]):
            return
        at = self._now if alert.closed_at is None else alert.closed_at
        self._refresh(number, alert)
        self._end(number, alert.number, at)
        wider = widening.of(alert)
        text = f"{alert.id} closed."
        if wider is not None:
            text = f"{alert.id} is part of a wider alert now: {alert_headline(wider)}."
            if self._book[number].state.is_open:
                self._folds[wider.number].add(number)
        self._book.write(
            number, EntryKind.ALERT_CLOSED, self._now, text=text, alert=alert.number, scope=alert.scope
        )

    def _end(self, number: int, alert: int, at: float) -> None:
        self._closing.add(number)
        incident = self._book[number]
        affected = tuple(
            each._replace(last=max(each.first, int(at))) if each.alert == alert else each
            for each in incident.affected
        )
        ended = incident._replace(affected=affected)
        self._book.put(ended if open_alerts(ended) else ended._replace(ended_at=at))

    def _advance(self, transition: Transition) -> None:
        alert = transition.alert
        number = self._book.of_alert(alert.number)
        if not number:
            number = self._enter(alert, transition.at)
        elif alert.number in open_alerts(self._book[number]):
            self._move(number, alert)
        else:
            return
        if number and alert.acknowledged_at is not None:
            self._acknowledge(number, alert)

    def _enter(self, alert: Alert, at: float) -> int:
        """The incident that an alert, seen `at`, belongs to from now on; 0 if none."""
        taken_in = {self._standing(each) for each in self._folds.get(alert.number, ())}
        if taken_in:
            return self._join(min(taken_in), alert)
        if alert.severity is not Severity.PAGE or alert.alert_class not in self._policy.open:
            return 0
        for number in self._ended:
            if goes_on(self._book[number], alert):
                return self._join(number, alert)
        return self._open(alert, at)

    def _open(self, alert: Alert, at: float) -> int:
        number = self._book.next_number
        self._book.put(
            Incident(
                number=number,
                fleet=alert.fleet,
                service=alert.service,
                severity=alert.severity,
                title=title_of([alert]),
                state=IncidentState.INVESTIGATING,
                since=alert.since,
                opened_at=at,
                opened_by="",
                updated_at=at,
                told_at=at,
                entries=0,
                affected=(_affected(alert),),
                state_at=at,
            )
        )
        self._note(number, EntryKind.OPENED, alert, at)
        return number

    def _join(self, number: int, alert: Alert) -> int:
        incident = self._book[number]
        impact = None if incident.impact is None else incident.impact._replace(is_final=False)
        joined = incident._replace(
            affected=(*incident.affected, _affected(alert)),
            since=min(incident.since, alert.since),
            ended_at=None,
            impact=impact,
        )
        self._book.put(self._titled(joined))
        kind = EntryKind.ALERT_OPENED
        if incident.state is IncidentState.MONITORING and not incident.opened_by:
            kind = EntryKind.REOPENED
            self._book.move(number, IncidentState.INVESTIGATING, self._now)
        self._note(number, kind, alert, self._now)
        return number

    def _move(self, number: int, alert: Alert) -> None:
        old = next(each.scope for each in self._book[number].affected if each.alert == alert.number)
        self._refresh(number, alert)
        if old == alert.scope:
            return
        self._book.put(self._titled(self._book[number]))
        text = f"{alert.id} is {describe(alert.scope)} now; it was {describe(old)}."
        self._book.write(
            number,
            EntryKind.SCOPE_CHANGED,
            self._now,
            text=text,
            alert=alert.number,
            scope=alert.scope,
        )

    def _refresh(self, number: int, alert: Alert) -> None:
        """The alert's scope, and when it began, may have been corrected."""
        incident = self._book[number]
        affected = tuple(
            each._replace(scope=alert.scope, first=alert.since) if each.alert == alert.number else each
            for each in incident.affected
        )
        # Once it was said by hand when it began, alerts only make it earlier.
        begins = [each.first for each in affected]
        since = min(incident.since, *begins) if incident.opened_by else min(begins)
        self._book.put(incident._replace(affected=affected, since=since))

    def _acknowledge(self, number: int, alert: Alert) -> None:
        before = self._before.get(alert.number)
        known = before is not None and before.acknowledged_at == alert.acknowledged_at
        incident = self._book[number]
        if known and incident.acknowledged_at is not None:
            return
        at = self._now if alert.acknowledged_at is None else alert.acknowledged_at
        if incident.acknowledged_at is None:
            since, by = max(at, incident.opened_at), alert.acknowledged_by
            self._book.put(incident._replace(acknowledged_at=since, acknowledged_by=by))
        self._book.write(
            number,
            EntryKind.ACKNOWLEDGED,
            at,
            who=alert.acknowledged_by,
            text=f"{alert.id} is taken care of.",
            alert=alert.number,
        )

    def _fold(self, wider: Alert, taken_in: set[int]) -> None:
        """All that the wider alert took in is one incident with its own; the earliest stays."""
        parts = {self._standing(each) for each in taken_in}
        own = self._book.of_alert(wider.number)
        if own and not self._book[own].state.is_open:
            return  # a person said that it is over
        if not own:
            own = self._join(min(parts), wider)
        whole, *others = sorted({*parts, self._standing(own)})
        for each in others:
            merge(self._book, each, whole, self._now)
        self._book.put(self._titled(self._book[whole]))

    def _standing(self, number: int) -> int:
        while self._book[number].merged_into:
            number = self._book[number].merged_into
        return number

    def _settle(self, number: int) -> None:
        incident = self._book[number]
        if incident.opened_by or incident.state not in _WORKED_ON or not has_ended(incident):
            return
        self._book.move(number, IncidentState.MONITORING, self._now)
        self._book.write(number, EntryKind.STATE, self._now, text="All its alerts closed.")

    def _titled(self, incident: Incident) -> Incident:
        if incident.titled_by:
            return incident
        alerts = [self._after[each] for each in open_alerts(incident) if each in self._after]
        return incident._replace(title=title_of(alerts) or incident.title)

    def _note(self, number: int, kind: EntryKind, alert: Alert, at: float) -> None:
        text = f"{alert.id}: {alert_headline(alert)}."
        self._book.write(number, kind, at, text=text, alert=alert.number, scope=alert.scope)


def _affected(alert: Alert) -> Affected:
    return Affected(alert.number, alert.scope, alert.since, None, alert.alert_class)
