"""What an earlier run left of one service, and its losses as causes again. Pure."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.detect.learning import Learned
from coalmine_aggregator.judge.costs import Cost
from coalmine_aggregator.judge.fault import Judgement
from coalmine_aggregator.judge.open_cause import (
    FORMER,
    JUDGED_AGAIN_S,
    Ended,
    OpenCause,
    Shown,
    Window,
)
from coalmine_aggregator.model.alerts import Alert, AlertClass, Severity
from coalmine_wire.slots import SETTLE_S


class ServicePast(NamedTuple):
    """Open alerts, closed alerts of loss, what losses have cost by handle, the minutes of the objective
    (int64[n, MINUTE_COLUMNS]), what was learned of the noise, which nodes were out when."""

    open_alerts: Sequence[Alert] = ()
    closed_alerts: Sequence[Alert] = ()
    costs: Mapping[str, Cost] = MappingProxyType({})
    minutes: NDArray[np.int64] | None = None
    learned: Learned | None = None
    withdrawn: str = ""

    def causes(self) -> list[OpenCause]:
        """The causes of loss that are open."""
        losses = [each for each in self.open_alerts if each.alert_class is AlertClass.LOSS]
        return [_cause(alert, self._cost(alert)) for alert in losses]

    def ended(self) -> list[tuple[Ended, bool]]:
        """Those that are over, in order of their ends, each with whether its alert says other counts:
        the run was killed after the alert was kept and before the counts that it speaks of were."""
        found = []
        for alert in self.closed_alerts:
            cost = self._cost(alert)
            last = cost.last
            if last is None:
                last = math.floor(alert.closed_at or alert.opened_at) - SETTLE_S
            found.append((Ended(_cause(alert, cost), last), cost.total != alert.total))
        return sorted(found, key=lambda each: each[0].last)

    def _cost(self, alert: Alert) -> Cost:
        cost = self.costs.get(_handle(alert))
        if cost is None or cost.counted[-1][0] != alert.scope:  # of before its scope moved
            return Cost(alert.total, ((alert.scope, alert.since),))
        return cost


def _handle(alert: Alert) -> str:
    return alert.handle or f"restored.{alert.number}"


def _cause(alert: Alert, cost: Cost) -> OpenCause:
    return OpenCause(
        handle=_handle(alert),
        scope=alert.scope,
        equivalents=alert.equivalents,
        members=np.zeros(0, dtype=np.bool_),
        since=alert.since,
        quiet=alert.severity is Severity.TICKET,
        shown=Shown(alert.counts.loss or 1.0),
        judgement=Judgement(alert.cause, alert.note),
        total=cost.total,
        counted=deque(cost.counted, maxlen=FORMER),
        age_s=JUDGED_AGAIN_S + 1,
        told=Window(alert.counts, alert.beside, alert.window_s),
    )
