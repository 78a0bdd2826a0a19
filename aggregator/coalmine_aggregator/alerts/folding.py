"""One cause, one page: which findings fold into others. Pure.

Within a service, what a wider loss explains is not told again:

- the loss of a part of what is lost,
- the silence of the agents on a node that is lost (they died with it),
- `budget` and the slower burns while a loss alert or a faster burn is open: they say the same later.

A finding that folds opens nothing. If its alert is open already, it is closed and names the wider one.
"""

from __future__ import annotations

from collections.abc import Sequence

from coalmine_aggregator.model.alerts import AlertClass
from coalmine_aggregator.model.findings import Finding
from coalmine_aggregator.model.scopes import contains

FINE = frozenset({AlertClass.LATE, AlertClass.SLOW})
"""Classes that say of a service's data what its loss says more loudly."""


def cover_of(finding: Finding, findings: Sequence[Finding]) -> Finding | None:
    """The finding that `finding` folds into; None if it stands for itself."""
    for other in findings:
        if other is not finding and _covers(other, finding):
            return other
    return None


def _covers(wide: Finding, narrow: Finding) -> bool:
    if wide.service != narrow.service:
        return False
    match (wide.alert_class, narrow.alert_class):
        case (AlertClass.LOSS, AlertClass.LOSS):
            return wide.handle in narrow.within
        case (AlertClass.LOSS, AlertClass.AGENTS_MISSING):
            return _silenced(wide, narrow)
        case (AlertClass.LOSS, fine) if fine in FINE:
            return contains(wide.scope, narrow.scope)
        case (AlertClass.LOSS | AlertClass.BURN, AlertClass.BUDGET):
            return True
        case _:
            return False


def _silenced(loss: Finding, missing: Finding) -> bool:
    """Whether a lost node took its own agent with it."""
    nodes = {value for label, value in loss.scope if label in ("node", "host")}
    hosts = {value for label, value in missing.scope if label in ("node", "host")}
    return bool(hosts) and hosts <= nodes
