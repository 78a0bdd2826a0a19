"""One cause, one page: which findings fold into others. Pure.

Within a service, what a wider loss explains is not told again:

- the loss of a part of what is lost,
- the silence of the agents on a node that is lost (they died with it),
- that remediation is frozen since many nodes look bad, which the note of the loss page then tells,
- what a node loses that was returned since taking it out did not help: that page has just told of it,
- duplicates of a host where two agents claim to be that host: each sends what the other does;
- `budget` and the slower burns while a loss alert or a faster burn is open: they say the same later.

A finding that folds opens nothing. If its alert is open already, it is closed and names the wider one.
"""

from __future__ import annotations

from collections.abc import Sequence

from coalmine_aggregator.model.alerts import AlertClass, Severity
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
            return _on_machines_of(wide, narrow)
        case (AlertClass.LOSS, AlertClass.REMEDIATION_FREEZE):
            return wide.severity is Severity.PAGE and not wide.quiet
        case (AlertClass.REMEDIATION_REVERT, AlertClass.LOSS):
            return _on_machines_of(wide, narrow)
        case (AlertClass.LOSS, fine) if fine in FINE:
            return contains(wide.scope, narrow.scope)
        case (AlertClass.LOSS | AlertClass.BURN, AlertClass.BUDGET):
            return True
        case (AlertClass.IDENTITY_CLASH, AlertClass.DUPLICATES):
            return _on_machines_of(wide, narrow)
        case _:
            return False


def _on_machines_of(wide: Finding, narrow: Finding) -> bool:
    """Whether the machines of `narrow` are among those of `wide`, by any of their equal scopes: the one
    host of a zone is often told as the zone."""
    return any(here <= there for here in _machines(narrow) for there in _machines(wide))


def _machines(finding: Finding) -> list[set[str]]:
    """The machines that a scope names, for the scope and its equivalents that name any."""
    scopes = (finding.scope, *finding.equivalents)
    named = ({value for label, value in scope if label in ("node", "host")} for scope in scopes)
    return [machines for machines in named if machines]
