"""An incident that somebody opens by hand. Pure."""

from __future__ import annotations

import math
import re
from typing import Final, NamedTuple

from coalmine_aggregator.incidents.written import line, prose
from coalmine_aggregator.model.alerts import Severity
from coalmine_aggregator.model.incident import Affected, Incident, IncidentState
from coalmine_aggregator.model.scopes import PREFERENCE, Scope

WHOLE: Final[tuple[Scope, ...]] = ((),)

MAX_SCOPES: Final = 50
LONGEST_AGO_S: Final = 366 * 86_400
MAX_LABEL: Final = 200

_LABEL: Final = re.compile(r"[a-z0-9_-]+\Z")


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

    def check(self, now: float) -> Opening:
        """The same, cleaned. Raises ValueError that begins with the field which cannot be."""
        if not _is_label(self.service):
            raise ValueError(f"service: is not of the characters a-z, 0-9, _ and -: {self.service!r}")
        if len(self.scopes) > MAX_SCOPES:
            raise ValueError(f"scopes: more than {MAX_SCOPES}")
        for scope in self.scopes:
            _check_scope(scope)
        if self.since is not None and not now - LONGEST_AGO_S <= self.since <= now:
            raise ValueError("since: is in the future, or more than a year ago")
        return self._replace(
            title=line("title", self.title),
            text=prose("text", self.text),
            public=prose("public", self.public),
            public_title=line("public_title", self.public_title, may_be_empty=True),
        )


def opened(opening: Opening, number: int, fleet: str, who: str, now: float) -> Incident:
    """The incident of an opening that was checked."""
    since = math.floor(now) if opening.since is None else opening.since
    return Incident(
        number=number,
        fleet=fleet,
        service=opening.service,
        severity=opening.severity,
        title=opening.title,
        state=IncidentState.INVESTIGATING,
        since=since,
        opened_at=now,
        opened_by=who,
        updated_at=now,
        told_at=now,
        entries=0,
        affected=tuple(Affected(0, scope, since) for scope in dict.fromkeys(opening.scopes)),
        public_title=opening.public_title,
        titled_by=who,
        state_at=now,
    )


def _check_scope(scope: Scope) -> None:
    labels = [label for label, _ in scope]
    for label, value in scope:
        if label not in PREFERENCE:
            raise ValueError(f"scopes: {label!r} is no label; there are {', '.join(PREFERENCE)}")
        if not _is_label(value):
            raise ValueError(f"scopes: {label} is not of the characters a-z, 0-9, _ and -: {value!r}")
    if labels != sorted(set(labels), key=PREFERENCE.index):
        raise ValueError(f"scopes: labels are not once each, in the order {', '.join(PREFERENCE)}")


def _is_label(text: str) -> bool:
    return len(text) <= MAX_LABEL and bool(_LABEL.match(text))
