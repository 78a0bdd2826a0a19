"""The dispatch: from what becomes of alerts to who is told of it, and when. Pure.

An alert that opens is told to every target of its routes, unless something *holds* it (a silence, a
wider alert, hours); then it is told when the hold ends while it is open and nobody has acknowledged it.
A change goes to whoever was told before, and to targets of routes that take the alert only now, as an
opening. That it was acknowledged or closed goes to whoever was told, also during a hold: it ends what
is on their screens. Steps of an escalation are due at their delay after its routes first told somebody.

The state derives from the open alerts and the notices made of them, so that a restart at any moment
neither loses nor repeats anything.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from heapq import heapify, heappop, heappush
from typing import Final

from coalmine_aggregator.model.alerts import Alert, Change, Transition
from coalmine_aggregator.paging.case import Case, Told
from coalmine_aggregator.paging.inhibition import inhibitor_of, may_inhibit
from coalmine_aggregator.paging.order import Hold, HoldKind, Made, Order, Recipients, held_by
from coalmine_aggregator.paging.policy import PagingPolicy
from coalmine_aggregator.paging.routing import routes_of
from coalmine_aggregator.paging.silence import Silence
from coalmine_aggregator.paging.silences import Silences
from coalmine_aggregator.paging.telling import Telling, to_everybody

AT_ONCE: Final = 100
"""Alerts that one `due` looks at; when a silence of a thousand ends, the others follow at the next."""

AGAIN_S: Final = 60.0
"""After a fault of ours an alert is looked at again."""

_MAX_STALE: Final = 1_000  # entries of the queue that are passed over, beyond one for each open alert


class Dispatch:
    """Times are seconds since the epoch. Where one of them is before the last, the clock was set back:
    delays are kept, silences and hours go by the new time."""

    def __init__(
        self,
        policy: PagingPolicy,
        standing: Iterable[Transition],
        made: Iterable[Made],
        silences: Iterable[Silence],
        now: float,
        on_fault: Callable[[Alert, Exception], None] | None = None,
    ) -> None:
        """`standing` has the newest transition of every open alert, `made` the notices of these.

        `on_fault` is told of exceptions where there should be none; the alert then goes to everybody.
        Without it they are raised."""
        self._policy = policy
        self._on_fault = on_fault
        self._telling = Telling(policy)
        self._silences = Silences(silences, now)
        self._cases: dict[int, Case] = {}
        self._inhibitors: defaultdict[str, dict[int, Alert]] = defaultdict(dict)
        self._queue: list[tuple[float, int]] = []  # when something may be due, of which alert
        self._now = now
        notices = defaultdict(list)
        for notice in made:
            notices[notice.number].append(notice)
        for transition in standing:
            case = self._entered(transition)
            try:
                self._case(transition)
            except Exception as error:
                self._fault(transition.alert, error)
            case.restore(notices[transition.alert.number], now)
            self._wake(case, now)

    def take(self, transitions: Sequence[Transition], now: float) -> list[Recipients]:
        """Who is to hear of each transition now. Call it before `due` of the same moment."""
        self._read(now)
        # What opens together with a wider alert is held by it whichever comes first.
        for transition in transitions:
            self._note_inhibitor(transition)
        return [Recipients(each, tuple(self._take_surely(each, now))) for each in transitions]

    def due(self, now: float) -> list[Order]:
        """What is told as time goes by, each once: after holds that ended, and by escalations."""
        self._read(now)
        ready: list[Case] = []
        while self._queue and self._queue[0][0] <= now and len(ready) < AT_ONCE:
            at, number = heappop(self._queue)
            case = self._cases.get(number)
            if case is not None and case.next_at == at:
                case.next_at = math.inf
                if not case.is_acknowledged:
                    ready.append(case)
        ready.sort(key=lambda case: case.alert.number)
        return [order for case in ready for order in self._advance_surely(case, now)]

    @property
    def queued(self) -> int:
        """Times at which alerts are to be looked at; not many more than there are alerts."""
        return len(self._queue)

    def put_silence(self, silence: Silence, now: float) -> None:
        """From now on it holds what it takes. Raises as `Silences.put`."""
        self._read(now)
        self._silences.put(silence, now)
        for case in self._cases.values():
            self._forget_silence(case, silence.id, now)
            if silence.match.takes(case.alert):
                case.silences.append(silence)

    def end_silence(self, id_: str, who: str, now: float) -> Silence:
        """Ends one by hand; returns it as it is now, to be kept. Raises as `Silences.end`."""
        self._read(now)
        ended = self._silences.end(id_, who, now)
        for case in self._cases.values():
            self._forget_silence(case, id_, now)
        return ended

    def silences(self, now: float) -> list[Silence]:
        """Those that hold, or will."""
        return self._silences.standing(now)

    def holds(self, now: float) -> dict[int, Hold]:
        """Why open alerts, by number, are not told at `now`; of the acknowledged ones none."""
        holds = {}
        for number, case in self._cases.items():
            if case.is_acknowledged:
                continue
            silence = case.silence(now)
            hold = case.hold if silence is None else held_by(silence)
            if hold is not None:
                holds[number] = hold
        return holds

    def _read(self, now: float) -> None:
        if now < self._now:
            for case in self._cases.values():
                case.shift(now - self._now)
                self._wake(case, now)
        self._now = now

    def _entered(self, transition: Transition) -> Case:
        case = self._cases.get(transition.alert.number)
        if case is None:
            case = self._cases[transition.alert.number] = Case(transition)
            self._note_inhibitor(transition)
        return case

    def _case(self, transition: Transition) -> Case:
        case = self._entered(transition)
        case.move(transition)
        case.routes = routes_of(self._policy, case.alert)
        case.silences = self._silences.taking(case.alert)
        return case

    def _fault(self, alert: Alert, error: Exception) -> None:
        if self._on_fault is None:
            raise error
        self._on_fault(alert, error)

    def _take_surely(self, transition: Transition, now: float) -> Sequence[Order]:
        """As `_take`; to everybody, if that fails."""
        case = self._cases.get(transition.alert.number)
        told = Told({}, {}, {}) if case is None else case.told()
        try:
            return self._take(transition, now)
        except Exception as error:
            self._fault(transition.alert, error)
        case = case or self._entered(transition)
        case.forget_since(told)
        case.transition = transition
        if transition.change is Change.CLOSED:
            self._cases.pop(transition.alert.number, None)
            self._inhibitors[transition.alert.service].pop(transition.alert.number, None)
        else:
            self._wake(case, now + AGAIN_S)
        return self._telling.tell_everybody(case, transition.change, now)

    def _advance_surely(self, case: Case, now: float) -> list[Order]:
        """As `_advance`; if that fails, to everybody who has not heard of the alert."""
        told = case.told()
        try:
            return self._advance(case, now)
        except Exception as error:
            self._fault(case.alert, error)
        case.forget_since(told)
        self._wake(case, now + AGAIN_S)
        return self._telling.tell_everybody(case, None, now)

    def _take(self, transition: Transition, now: float) -> Sequence[Order]:
        number, change = transition.alert.number, transition.change
        if change in (Change.OPENED, Change.CHANGED):
            self._release(number, now)
            return self._advance(self._case(transition), now)
        case = self._cases.get(number)
        if case is None:
            # A fault kept the alert from us; whoever has not heard of it will not hear of its end.
            return to_everybody(self._policy, [transition])[0].orders
        case.move(transition)
        if change is Change.CLOSED:
            self._drop(case)
            self._release(number, now)
        return self._telling.pass_on(case, change, now)

    def _is_held(self, case: Case, now: float) -> bool:
        """Whether something holds the alert as a whole; then when to look again is noted."""
        case.hold, case.inhibitor, case.next_at = None, None, math.inf
        silence = case.silence(now)
        if silence is not None:
            case.hold = held_by(silence)
            self._wake(case, silence.over_at)
            return True
        pages = self._inhibitors[case.alert.service].values()
        wider = inhibitor_of(case.alert, pages, self._policy.inhibit)
        if wider is not None:
            case.hold, case.inhibitor = Hold(HoldKind.INHIBITED, None, wider.id), wider.number
            return True
        return False

    def _advance(self, case: Case, now: float) -> list[Order]:
        """What is to be told of an alert now; when to look again is noted."""
        if self._is_held(case, now):
            return []
        orders, next_at = self._telling.tell(case, now)
        self._wake(case, next_at)
        return orders

    def _wake(self, case: Case, at: float) -> None:
        """Looks at a case at `at`, unless something else makes that necessary before."""
        case.next_at = at
        if at < math.inf:
            heappush(self._queue, (at, case.alert.number))
        if len(self._queue) > 2 * len(self._cases) + _MAX_STALE:
            # An alert that changes all day under a long silence must not fill the queue.
            waiting = self._cases.items()
            self._queue = [(each.next_at, n) for n, each in waiting if each.next_at < math.inf]
            heapify(self._queue)

    def _drop(self, case: Case) -> None:
        del self._cases[case.alert.number]
        self._inhibitors[case.alert.service].pop(case.alert.number, None)

    def _note_inhibitor(self, transition: Transition) -> None:
        alert = transition.alert
        if transition.change is not Change.CLOSED and may_inhibit(alert, self._policy.inhibit):
            self._inhibitors[alert.service][alert.number] = alert

    def _release(self, inhibitor: int, now: float) -> None:
        """What an alert held may be told, now that it reaches elsewhere or is over."""
        for case in self._cases.values():
            if case.inhibitor == inhibitor:
                self._wake(case, now)

    def _forget_silence(self, case: Case, id_: str, now: float) -> None:
        left = [silence for silence in case.silences if silence.id != id_]
        if len(left) < len(case.silences):
            case.silences = left
            self._wake(case, now)
