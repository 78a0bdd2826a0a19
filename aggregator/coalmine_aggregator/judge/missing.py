"""Agents that fell silent: how far the silence reaches. Pure.

All agents of a zone, a region, a location or the fleet that are silent at once are one finding; it is a
page where two agents or more of a whole zone or wider are gone, or where it leaves half of a service
unknown. A single one is a ticket.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from coalmine_aggregator.model.alerts import AlertClass, Cause, Severity
from coalmine_aggregator.model.findings import Finding
from coalmine_aggregator.model.presence import Presence
from coalmine_aggregator.model.scopes import Scope

STEADY_S = 1.5
"""A set of silent agents is told once nobody joined it for so long, or after `PATIENCE_S`: agents that
die together are noticed one after the other, as they would have reported."""

PATIENCE_S = 5.0

NAMED = 5
"""Hosts that a note lists."""

_Seats = tuple[str, str, str]
_PLACES = ("location", "region", "zone")

_LEVELS: tuple[tuple[str, ...], ...] = (
    (),
    ("location",),
    ("region",),
    ("zone",),
    ("location", "region"),
    ("location", "zone"),
)


class MissingWatch:
    """All agents of a fleet."""

    def __init__(self) -> None:
        self._known: frozenset[str] = frozenset()
        self._told: frozenset[str] = frozenset()
        self._first_at = 0.0
        self._grown_at = 0.0
        self._handles: dict[str, str] = {}  # agent -> the finding that it belongs to
        self._agents: Sequence[Presence] | None = None
        self._gone: dict[str, Presence] = {}
        self._blinded: frozenset[str] = frozenset()
        self._found: list[Finding] = []

    def findings(
        self, agents: Sequence[Presence], blinded: Collection[str], now: float
    ) -> list[Finding]:
        """`agents` is everybody, the same object while nobody's presence changes, or empty while nobody
        is missing; `blinded` are the services that are half unknown."""
        if agents is self._agents and self._told == self._known and blinded == self._blinded:
            return self._found
        if agents is not self._agents:
            self._agents = agents
            self._gone = {each.agent: each for each in agents if each.silent_since is not None}
        self._blinded = frozenset(blinded)
        names = frozenset(self._gone)
        if now < self._grown_at:  # time went back
            self._first_at = self._grown_at = now
        if names - self._known:
            if not self._known - self._told:
                self._first_at = now
            self._grown_at = now
        self._known = names
        if now - self._grown_at >= STEADY_S or now - self._first_at >= PATIENCE_S:
            self._told = names
        else:
            self._told &= names
        self._handles = {name: each for name, each in self._handles.items() if name in names}
        self._found = self._group(agents, [self._gone[name] for name in sorted(self._told)])
        return self._found

    def _group(self, agents: Sequence[Presence], missing: Sequence[Presence]) -> list[Finding]:
        if not missing:
            return []
        whole = Counter((each.location, each.region, each.zone) for each in agents)
        gone: dict[_Seats, list[Presence]] = {}
        for each in missing:
            gone.setdefault((each.location, each.region, each.zone), []).append(each)
        findings: list[Finding] = []
        for level in _LEVELS:
            for scope, seats, count in _groups(level, whole, gone):
                there = [each for seat in seats for each in gone[seat]]
                if len(there) >= 2 and len(there) == count:
                    findings.append(self._finding(scope, there, count, True))
                    for seat in seats:
                        del gone[seat]
        for scope, seats, count in _groups(("zone",), whole, gone):
            there = [each for seat in seats for each in gone[seat]]
            if len(there) == 1:
                scope = (("host", there[0].host),)
            findings.append(self._finding(scope, there, count, False))
        return findings

    def _finding(
        self,
        scope: Scope,
        gone: Sequence[Presence],
        whole: int,
        complete: bool,
    ) -> Finding:
        """Keeps the handle of who was told already, so that a silence that grows is one alert."""
        handle = next(
            (self._handles[each.agent] for each in gone if each.agent in self._handles), gone[0].agent
        )
        for each in gone:
            self._handles[each.agent] = handle
        services = {name for each in gone for name in each.services}
        service = next(iter(services)) if len(services) == 1 else FLEET
        page = complete or not self._blinded.isdisjoint(services)
        since = min(each.silent_since for each in gone if each.silent_since is not None)
        hosts = ", ".join(each.host for each in gone[:NAMED])
        more = f" and {len(gone) - NAMED} more" if len(gone) > NAMED else ""
        what = f"{len(gone)} of {whole} agents silent" if whole > 1 else "the only agent is silent"
        return Finding(
            AlertClass.AGENTS_MISSING,
            service,
            handle,
            Severity.PAGE if page else Severity.TICKET,
            scope,
            int(since) + 1,
            cause=Cause.AGENT,
            note=f"{what}: {hosts}{more}",
        )


FLEET = "_fleet"
"""The service of what concerns several of them at once."""


def _groups(
    level: Sequence[str], whole: Mapping[_Seats, int], gone: Mapping[_Seats, object]
) -> list[tuple[Scope, list[_Seats], int]]:
    """Scopes of this level in which agents are missing: the seats where, and how many agents there are
    in the scope."""
    places = [_PLACES.index(label) for label in level]
    seats: dict[tuple[str, ...], list[_Seats]] = {}
    for seat in gone:
        seats.setdefault(tuple(seat[place] for place in places), []).append(seat)
    counts = dict.fromkeys(seats, 0)
    for seat, count in whole.items():
        values = tuple(seat[place] for place in places)
        if values in counts:
            counts[values] += count
    return [
        (tuple(zip(level, values, strict=True)), sorted(seats[values]), counts[values])
        for values in sorted(seats)
    ]
