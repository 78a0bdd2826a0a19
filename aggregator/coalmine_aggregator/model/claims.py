"""What the other aggregator of a pair calls its open alerts, so that ours are called the same. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from coalmine_aggregator.model.alerts import AlertClass
from coalmine_aggregator.model.scopes import Scope, contains

OWN = frozenset(
    {
        AlertClass.UNDELIVERED,
        AlertClass.PEER,
        AlertClass.UPDATE_DUE,
        AlertClass.REMEDIATION_FREEZE,
        AlertClass.REMEDIATION_REVERT,
        AlertClass.REMEDIATION_OUTPUT,
    }
)
"""Classes about an aggregator itself, what it keeps or does: their handle says which trouble it is, no
scope does."""


class Claim(NamedTuple):
    """An open alert of the other aggregator. `scopes` are its scope and those that equal it."""

    service: str
    alert_class: AlertClass
    ordinal: int
    scopes: tuple[Scope, ...]
    handle: str

    def is_same(self, alert_class: AlertClass, scopes: Iterable[Scope], handle: str) -> bool:
        """Whether a trouble of that class, of the same service, is likely the same one: one scope lies
        in the other."""
        if alert_class is not self.alert_class:
            return False
        if alert_class in OWN:
            return handle == self.handle
        return any(
            contains(mine, theirs) or contains(theirs, mine)
            for mine in scopes
            for theirs in self.scopes
        )

    def covers(self, alert_class: AlertClass, scopes: Iterable[Scope], handle: str) -> bool:
        """Whether that trouble is all in what the other aggregator has told, or would tell."""
        if alert_class is not self.alert_class:
            return False
        if alert_class in OWN:
            return handle == self.handle
        return any(contains(theirs, mine) for mine in scopes for theirs in self.scopes)
