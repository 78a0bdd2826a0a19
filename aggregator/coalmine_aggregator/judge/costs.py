"""What losses have cost so far, as the next run of the aggregator takes it over. Pure.

It is kept in one transaction with the counts of the slots that it adds up. So after a kill both are as
of the same slot, and a total goes on exactly, also where a scope names a host, for which none are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from coalmine_aggregator.judge.open_cause import OpenCause
from coalmine_aggregator.model.counts import Counts
from coalmine_aggregator.model.fates import FATES
from coalmine_aggregator.model.scopes import PREFERENCE, Scope


class Cost(NamedTuple):
    """Of one cause. `counted` are the scopes by which `total` counts, each with its first slot, the
    newest last, at least one; `last` is the slot that ended it, None while it is open."""

    total: Counts
    counted: tuple[tuple[Scope, int], ...]
    last: int | None = None

    @classmethod
    def of(cls, cause: OpenCause, last: int | None = None) -> Cost:
        """As it stands."""
        return cls(cause.total, tuple(cause.counted), last)


def write(costs: Mapping[str, Cost]) -> str:
    """JSON, by handle."""
    return msgspec.json.encode(costs).decode()


NO_COSTS = write({})


def read(text: str) -> dict[str, Cost]:
    """What `write` wrote, less what cannot be; nothing for anything else."""
    try:
        costs = msgspec.json.decode(text, type=dict[str, Cost])
    except ValueError:
        return {}
    return {handle: cost for handle, cost in costs.items() if _sound(cost)}


def _sound(cost: Cost) -> bool:
    numbers = (cost.total.received, *cost.total.fates)
    labels = {label for scope, _ in cost.counted for label, _ in scope}
    return (
        len(cost.total.fates) == FATES
        and min(numbers) >= 0
        and bool(cost.counted)
        and labels <= set(PREFERENCE)
    )
