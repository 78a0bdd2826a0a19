"""Findings: what the detectors hold to be wrong right now. Pure.

A finding says that a condition holds; the alert machine makes alerts of findings. Each is known by its
class, service and handle for as long as it lasts: a scope may change, the handle does not.
"""

from __future__ import annotations

from typing import NamedTuple

from coalmine_aggregator.model.alerts import AlertClass, Cause, Reach, Severity
from coalmine_aggregator.model.counts import NOTHING, Counts
from coalmine_aggregator.model.explanation import Explanation
from coalmine_aggregator.model.scopes import Scope


class Finding(NamedTuple):
    """One condition that holds; the fields are those of `Alert`.

    `quiet` says that the cause was paged before it was told apart from others, so that it opens as a
    ticket. `explanation` is of the newest decision. `within` are the handles of the findings of its
    class and service in whose scopes all series of this one lie; see `alerts.folding`.
    """

    alert_class: AlertClass
    service: str
    handle: str
    severity: Severity
    scope: Scope
    since: int
    counts: Counts = NOTHING
    beside: Counts = NOTHING
    total: Counts = NOTHING
    window_s: int = 0
    equivalents: tuple[Scope, ...] = ()
    cause: Cause = Cause.UNKNOWN
    effect: str = ""
    note: str = ""
    quiet: bool = False
    reach: tuple[Reach, ...] = ()
    within: tuple[str, ...] = ()
    explanation: Explanation = Explanation()
