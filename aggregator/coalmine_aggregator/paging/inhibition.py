"""Which open page keeps narrower tickets quiet: who fixes the one fixes the others. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from coalmine_aggregator.model.alerts import Alert, AlertClass, Severity
from coalmine_aggregator.model.scopes import contains

NEVER_HELD: Final = frozenset({AlertClass.CERTIFICATE})
"""What has an end of its own that no other trouble explains."""


class Inhibition(NamedTuple):
    """An open page of one of the classes `by` holds tickets of the classes `held`, of the same service,
    that lie within its scope."""

    by: tuple[AlertClass, ...]
    held: tuple[AlertClass, ...]

    def check(self) -> None:
        """Raises ValueError that begins with the field which cannot be."""
        for field, classes in (("by", self.by), ("held", self.held)):
            if not classes:
                raise ValueError(f"{field}: is empty")
        if never := NEVER_HELD.intersection(self.held):
            raise ValueError(f"held: {min(never)} is never held")


INHIBIT: Final = (
    Inhibition((AlertClass.LOSS,), (AlertClass.LATE, AlertClass.SLOW, AlertClass.DUPLICATES)),
)
"""Unless told otherwise."""


def may_inhibit(alert: Alert, rules: Sequence[Inhibition]) -> bool:
    """Whether the alert holds anything by any rule, while it is open."""
    return alert.severity is Severity.PAGE and any(alert.alert_class in rule.by for rule in rules)


def inhibitor_of(alert: Alert, others: Iterable[Alert], rules: Sequence[Inhibition]) -> Alert | None:
    """The first of the other open alerts that holds this one; None if it is to be told."""
    if alert.severity is not Severity.TICKET or alert.alert_class in NEVER_HELD:
        return None
    by = {each for rule in rules if alert.alert_class in rule.held for each in rule.by}
    if not by:
        return None
    for other in others:
        if (
            other.number != alert.number
            and other.service == alert.service
            and other.severity is Severity.PAGE
            and other.alert_class in by
            and _covers(other, alert)
        ):
            return other
    return None


def _covers(wide: Alert, narrow: Alert) -> bool:
    return any(
        contains(there, here)
        for there in (wide.scope, *wide.equivalents)
        for here in (narrow.scope, *narrow.equivalents)
    )
