"""What a start of the desk takes over from the store. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from coalmine_aggregator.model.alerts import Alert
from coalmine_aggregator.model.incident import Incident
from coalmine_aggregator.model.incident_snapshot import SnapshotName

KEEP_S: Final = 3 * 86_400.0
"""How long after its end the desk still counts what an incident lost, and draws it. Whatever is older
is never touched, unless people ask for it."""

_NONE: Final[Mapping[tuple[int, SnapshotName], float]] = MappingProxyType({})


class Restored(NamedTuple):
    """The past, as far as a start needs it. The defaults are those of an empty store.

    `incidents` are all that are open, that have an alert without an end among `affected`, or that were
    resolved in the last `KEEP_S`; more do no harm. `open_alerts` are all open alerts of the aggregator,
    tickets too. `next_number` is the first number never used. `snapshots` says when graphs were made of
    these incidents, seconds since the epoch.
    """

    incidents: tuple[Incident, ...] = ()
    open_alerts: tuple[Alert, ...] = ()
    next_number: int = 1
    snapshots: Mapping[tuple[int, SnapshotName], float] = _NONE
