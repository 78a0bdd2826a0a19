"""Silences and maintenance windows: nobody is told of what fits for a while. Pure."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Final, NamedTuple

from coalmine_aggregator.model.alerts import Alert
from coalmine_aggregator.paging.match import Match

MAX_WHO: Final = 200
"""Characters of who silenced."""

MAX_WHY: Final = 1_000
"""Characters of why."""

MAX_PUBLIC: Final = 10_000
"""Characters of what customers read."""

LONGEST_S: Final = 366 * 86_400
"""One that lasts longer is forgotten and hides what it was not meant for."""


class SilenceKind(StrEnum):
    """A silence is of trouble that is known, a maintenance of work that is planned; both hold alike."""

    SILENCE = "silence"
    MAINTENANCE = "maintenance"


class Silence(NamedTuple):
    """Holds the alerts that `match` takes from `starts_at` until before `ends_at`, or until before
    `ended_at`, when `ended_by` ended it by hand. Times are seconds since the epoch. A maintenance with
    `public` stands on the status page, which says that and nothing else of it."""

    id: str
    kind: SilenceKind
    match: Match
    who: str
    why: str
    starts_at: float
    ends_at: float
    created_at: float
    ended_at: float | None = None
    ended_by: str = ""
    public: str = ""

    @property
    def over_at(self) -> float:
        """When it ends, by hand or by itself."""
        return self.ends_at if self.ended_at is None else min(self.ends_at, self.ended_at)

    def is_active(self, t: float) -> bool:
        """Whether it holds anything at `t`."""
        return self.starts_at <= t < self.over_at

    def holds(self, alert: Alert, t: float) -> bool:
        """Whether nobody is told of this alert at `t`."""
        return self.is_active(t) and self.match.takes(alert)

    def check(self) -> None:
        """Raises ValueError that begins with the field which cannot be."""
        if not self.id:
            raise ValueError("id: is empty")
        if self.match.is_empty:
            raise ValueError('match: is empty; name what to silence, everything is service "*"')
        self.match.check()
        for field, text, longest in (("who", self.who, MAX_WHO), ("why", self.why, MAX_WHY)):
            if not text.strip():
                raise ValueError(f"{field}: is empty")
            if len(text) > longest:
                raise ValueError(f"{field}: longer than {longest} characters")
        if self.public and self.kind is not SilenceKind.MAINTENANCE:
            raise ValueError("public: customers are told of maintenance alone")
        if len(self.public) > MAX_PUBLIC:
            raise ValueError(f"public: longer than {MAX_PUBLIC} characters")
        if not (math.isfinite(self.starts_at) and math.isfinite(self.ends_at)):
            raise ValueError("ends_at: starts_at and ends_at must be finite")
        if self.ends_at <= self.starts_at:
            raise ValueError("ends_at: is not after starts_at")
        if self.ends_at - self.starts_at > LONGEST_S:
            raise ValueError(f"ends_at: more than {LONGEST_S // 86_400} days after starts_at")
