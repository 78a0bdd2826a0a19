"""What this agent itself finds of a service on its own node. Pure.

It may lower a weight and nothing more: to take a node out takes others who see the same. Counted are
slots in which the null sink found the agent itself fit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from coalmine_agent.plan import EndpointPlan
from coalmine_wire.reports import SlotReport, Verdict
from coalmine_wire.series import NODE_VARIANT

BAD_SLOTS = 3
"""In a row, with half of the endpoints or more bad in each: then it finds the service bad."""

GOOD_SLOTS = 10
"""In a row with nothing bad: then it no longer does."""

STALE_S = 10.0
"""Without a slot to judge by for so long it has no opinion, which is as good as a good one."""

_BAD = (Verdict.FAILED, Verdict.ABANDONED)


class OwnVerdict:
    """One service's."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._bad = False
        self._bad_slots = 0
        self._good_slots = 0
        self._judged_at = -math.inf

    def slot(self, plans: Sequence[EndpointPlan], report: SlotReport, now: float) -> None:
        """Takes a slot that ended; its outcomes number `plans`. `now` is in seconds on a clock that
        never steps."""
        if report.impaired:
            return
        judged = bad = 0
        for outcome in report.outcomes:
            plan = plans[outcome.endpoint]
            if plan.service != self._service or plan.variant.startswith(NODE_VARIANT):
                continue  # those lead to other nodes
            if outcome.verdict is not Verdict.SKIPPED:
                judged += 1
                bad += outcome.verdict in _BAD
        if not judged:
            return
        if now - self._judged_at > STALE_S:
            self._bad, self._bad_slots, self._good_slots = False, 0, 0
        self._judged_at = now
        self._bad_slots = self._bad_slots + 1 if 2 * bad >= judged else 0
        self._good_slots = 0 if bad else self._good_slots + 1
        if self._bad_slots >= BAD_SLOTS:
            self._bad = True
        elif self._good_slots >= GOOD_SLOTS:
            self._bad = False

    def bad(self, now: float) -> bool:
        """Whether it finds the service bad, by fresh evidence."""
        return self._bad and now - self._judged_at <= STALE_S
