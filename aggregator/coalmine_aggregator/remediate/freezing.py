"""If many look bad at once, nobody is withdrawn. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from coalmine_aggregator.model.alerts import AlertClass, Severity
from coalmine_aggregator.model.findings import Finding

LASTS_S: Final = 3.0
"""So long must more nodes be failed than may be out."""

CALM_S: Final = 30.0
"""So long must it not be so, until it is over."""


class Freeze(NamedTuple):
    """Times as in `Memory`."""

    crowd_since: float | None = None
    frozen_since: float | None = None
    calm_since: float | None = None

    def step(self, crowded: bool, now: float) -> Freeze:
        """One turn on; `crowded`: more are failed than may be out."""
        if crowded:
            since = now if self.crowd_since is None else self.crowd_since
            lasts = now - since >= LASTS_S
            frozen = now if self.frozen_since is None and lasts else self.frozen_since
            return Freeze(since, frozen, None)
        if self.frozen_since is None:
            return Freeze()
        calm = now if self.calm_since is None else self.calm_since
        return Freeze() if now - calm >= CALM_S else Freeze(None, self.frozen_since, calm)


def finding(service: str, since: float, text: str, dry_run: bool) -> Finding:
    """What people are paged for. In a dry run nobody waits for us: it is a ticket."""
    return Finding(
        AlertClass.REMEDIATION_FREEZE,
        service,
        "freeze",
        Severity.TICKET if dry_run else Severity.PAGE,
        (),
        int(since),
        note=text,
    )
