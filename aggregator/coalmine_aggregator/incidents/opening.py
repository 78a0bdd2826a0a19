"""An incident that somebody opens by hand. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from coalmine_aggregator.model.alerts import Severity
from coalmine_aggregator.model.scopes import Scope

WHOLE: Final[tuple[Scope, ...]] = ((),)


class Opening(NamedTuple):
    """What somebody says who opens one. `scopes` are what it affects within the service: all of it,
    unless told otherwise; none at all where it is empty. `since` is when it began (seconds since the
    epoch); None: now. `public` is what customers read once it is published."""

    service: str
    title: str
    scopes: tuple[Scope, ...] = WHOLE
    severity: Severity = Severity.PAGE
    since: int | None = None
    text: str = ""
    public: str = ""
    public_title: str = ""
