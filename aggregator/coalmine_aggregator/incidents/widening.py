"""Which open alert took in one that closed. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from coalmine_aggregator.incidents.scoping import touches
from coalmine_aggregator.model.alerts import Alert
from coalmine_aggregator.model.scopes import contains


class Widening:
    """Of one tick: `before` are the alerts that were open before it, `after` those after it, `closed`
    those that it closed, by number."""

    def __init__(
        self, before: Mapping[int, Alert], closed: Mapping[int, Alert], after: Mapping[int, Alert]
    ) -> None:
        self._closed = closed
        self._after = after
        self._by_id = {alert.id: alert for alert in before.values()}
        self._named: defaultdict[str, list[Alert]] = defaultdict(list)
        # One that opens in the same tick has no id yet, and is named by service and class.
        for alert in sorted(after.values(), key=lambda each: each.number in before):
            self._named[alert.id].append(alert)
            self._named[f"{alert.service}-{alert.alert_class}"].append(alert)
        self._opened = after.keys() - before.keys()

    def of(self, narrow: Alert) -> Alert | None:
        """The alert that took it in; None where none did, or that cannot be told. What took it in may
        have been taken in itself."""
        into, seen = narrow.folded_into, {narrow.number}
        while (named := self._by_id.get(into)) is not None and named.number not in seen:
            if named.number in self._after:
                return self._after[named.number]
            seen.add(named.number)
            into = self._closed[named.number].folded_into if named.number in self._closed else ""
        kin = self._named.get(into, [])
        around = (each for each in kin if _surrounds(each, narrow))
        opened = [each for each in kin if each.number in self._opened]
        # A scope may lie in another without its labels telling so.
        near = [each for each in opened if touches(each.scope, narrow.scope)]
        return next(around, None) or _widest(near or opened)


def _surrounds(wide: Alert, narrow: Alert) -> bool:
    return any(
        contains(there, here)
        for there in (wide.scope, *wide.equivalents)
        for here in (narrow.scope, *narrow.equivalents)
    )


def _widest(alerts: Iterable[Alert]) -> Alert | None:
    return min(alerts, key=lambda each: (len(each.scope), each.number), default=None)
