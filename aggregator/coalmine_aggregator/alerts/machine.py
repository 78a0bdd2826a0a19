"""The alert machine: what is open, and what a second's counts change about it. Pure.

One loss alert per service: while it is open, further loss moves its scope and never pages again.

- Opened when, over the last `window_s` settled slots, the bad fraction of the service or of one of
  its groups (patterns of up to two labels) is above the acceptable loss, and at least `min_lost`
  datapoints of that group were bad. It does not wait for the window to fill: what was not seen yet
  counts as nothing, neither good nor bad.
- Changed when another scope explains the loss (`scope.choose`).
- Closed when no group of the service is over its limit and the scope's whole window is within the
  acceptable loss, with datapoints to judge by in half of its slots: silence closes nothing.

The state is small and derives from what the store keeps: open alerts with number and ordinal, and
the counts of the last slots. Replaying the same observations gives the same transitions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.alerts.cube import covers, cube_of
from coalmine_aggregator.alerts.scope import choose, exceeds
from coalmine_aggregator.alerts.window import REVISABLE_S, Window, merge, window_of
from coalmine_aggregator.model.alerts import Alert, AlertClass, Change, Severity, Transition
from coalmine_aggregator.model.policy import WINDOW_S, ServicePolicy
from coalmine_aggregator.model.scopes import Scope
from coalmine_aggregator.model.slot_counts import SlotCounts


class State(NamedTuple):
    """`open` in order of number; `recent` are the slots still judged, ascending."""

    fleet: str
    next_number: int = 1
    open: tuple[Alert, ...] = ()
    recent: tuple[SlotCounts, ...] = ()


class Observation(NamedTuple):
    """What became known since the last step: slots newly settled, and new counts of older ones."""

    settled: Sequence[SlotCounts] = ()
    revised: Sequence[SlotCounts] = ()


def step(
    state: State, observation: Observation, policies: Mapping[str, ServicePolicy], now: float
) -> tuple[State, list[Transition]]:
    """Takes in the observation. Services without a policy are not judged; an open alert whose
    service has none any more is closed. `now` stamps the transitions and decides nothing."""
    if not (observation.settled or observation.revised):
        return state, []
    window_s = max((policy.window_s for policy in policies.values()), default=WINDOW_S)
    recent = merge(state.recent, observation.settled, observation.revised, window_s + REVISABLE_S)
    alerts = {alert.service: alert for alert in state.open}
    transitions: list[Transition] = []
    number = state.next_number
    for service, policy in policies.items():
        alert = alerts.get(service)
        verdict = _judge(recent, policy, alert) if recent else None
        if verdict is None:
            if alert is not None and recent and _over(recent, policy, alert):
                closed = _closed(recent, policy, alert, now)
                transitions.append(Transition(Change.CLOSED, now, closed))
                del alerts[service]
        elif alert is None:
            alerts[service] = _opened(state.fleet, number, policy, verdict, now)
            transitions.append(Transition(Change.OPENED, now, alerts[service]))
            number += 1
        else:
            # Counts follow the loss while it lasts; only another scope is told.
            alerts[service] = alert._replace(
                scope=verdict.scope,
                counts=verdict.window.total(verdict.inside, verdict.since),
                beside=verdict.window.total(~verdict.inside, verdict.since),
                window_s=verdict.span_s,
            )
            if verdict.scope != alert.scope:
                transitions.append(Transition(Change.CHANGED, now, alerts[service]))
    for service in alerts.keys() - policies.keys():
        closed = alerts.pop(service)._replace(closed_at=now)
        transitions.append(Transition(Change.CLOSED, now, closed))
    still_open = tuple(sorted(alerts.values(), key=lambda alert: alert.number))
    return State(state.fleet, number, still_open, recent), transitions


class _Verdict(NamedTuple):
    """A service over its limit: where, and since when. `inside` masks the leaves of the scope."""

    window: Window
    scope: Scope
    inside: NDArray[np.bool_]
    since: int

    @property
    def span_s(self) -> int:
        return self.window.first + len(self.window.seen) - self.since


def _judge(recent: Sequence[SlotCounts], policy: ServicePolicy, alert: Alert | None) -> _Verdict | None:
    """The loss of a service that is over its limit; None while none of its groups is."""
    window = window_of(recent, policy.name, policy.window_s)
    bad, judged = window.bad, window.judged
    # Most seconds of most services are this short.
    if bad.sum() < max(1, policy.min_lost):
        return None
    cube = cube_of(window.leaves)
    bad_by, judged_by = cube.sums(bad.sum(axis=0)), cube.sums(judged.sum(axis=0))
    # One datapoint lost in a group of ten a second is 1 % of its window, far above any acceptable
    # loss, and yet no reason to wake anyone: networks lose single packets every day. `min_lost` bad
    # datapoints of one group within one window are beyond that chance.
    over = exceeds(bad_by, judged_by, policy.acceptable_loss) & (bad_by >= policy.min_lost)
    if not over.any():
        return None
    scope = choose(cube, bad_by, judged_by, alert.scope if alert else None)
    inside = _inside(window, scope)
    since = _since(window, inside, policy.acceptable_loss)
    return _Verdict(window, scope, inside, since)


def _inside(window: Window, scope: Scope) -> NDArray[np.bool_]:
    return np.array([covers(scope, leaf) for leaf in window.leaves], dtype=np.bool_)


def _since(window: Window, inside: NDArray[np.bool_], acceptable_loss: float) -> int:
    """The slot in which the loss most likely began: the change point of the scope's bad counts.

    It maximises the evidence, bad - r judged summed to the end, with r halfway between the
    acceptable loss and the worst slot's: healthy seconds before and a stray loss stay out.
    """
    bad = window.bad[:, inside].sum(axis=1)
    judged = window.judged[:, inside].sum(axis=1)
    worst = float(np.max(bad / np.maximum(judged, 1)))
    evidence = bad - (acceptable_loss + worst) / 2 * judged
    to_the_end = np.cumsum(evidence[::-1])[::-1]
    # A loss that has ended leaves healthy slots at the end: the last slot must not stand for it,
    # so only slots with bad datapoints can be the first one.
    began = np.where(bad > 0, to_the_end, -np.inf)
    return window.first + int(np.argmax(began))


def _opened(fleet: str, number: int, policy: ServicePolicy, verdict: _Verdict, now: float) -> Alert:
    return Alert(
        number=number,
        fleet=fleet,
        service=policy.name,
        alert_class=AlertClass.LOSS,
        ordinal=1,  # one cause of loss at a time is told apart in a service, so none was open
        severity=Severity.PAGE,
        scope=verdict.scope,
        since=verdict.since,
        opened_at=now,
        closed_at=None,
        counts=verdict.window.total(verdict.inside, verdict.since),
        beside=verdict.window.total(~verdict.inside, verdict.since),
        window_s=verdict.span_s,
        acceptable_loss=policy.acceptable_loss,
        owner=policy.owner,
        playbook=policy.playbook,
    )


def _over(recent: Sequence[SlotCounts], policy: ServicePolicy, alert: Alert) -> bool:
    """Whether an alert's trouble is over."""
    window = window_of(recent, policy.name, policy.window_s)
    inside = _inside(window, alert.scope)
    bad = window.bad[:, inside].sum(axis=1)
    judged = window.judged[:, inside].sum(axis=1)
    if not judged.any():
        return _gone(recent, policy, alert)
    if 2 * np.count_nonzero(judged) < policy.window_s:
        return False
    return not bool(exceeds(bad.sum(), judged.sum(), policy.acceptable_loss))


def _gone(recent: Sequence[SlotCounts], policy: ServicePolicy, alert: Alert) -> bool:
    """Whether nothing is expected of the scope any more, as after its agents were retired.

    It takes a minute more than the window, so that a start that has yet to hear its agents' births
    closes nothing.
    """
    kept_s = policy.window_s + REVISABLE_S
    window = window_of(recent, policy.name, kept_s)
    return bool(window.seen.all()) and not window.counts[:, _inside(window, alert.scope)].any()


def _closed(recent: Sequence[SlotCounts], policy: ServicePolicy, alert: Alert, now: float) -> Alert:
    """The alert as it ends, with the counts of the window that closed it."""
    window = window_of(recent, policy.name, policy.window_s)
    inside = _inside(window, alert.scope)
    return alert._replace(
        closed_at=now,
        counts=window.total(inside, window.first),
        beside=window.total(~inside, window.first),
        window_s=policy.window_s,
    )
