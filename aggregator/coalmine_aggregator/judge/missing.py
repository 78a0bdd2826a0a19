"""Agents that fell silent: how far the silence reaches. Pure.

All agents of a zone, a region, a location or the fleet that are silent at once are one finding; it is a
page where two agents or more of a whole zone or wider are gone, or where it leaves half of a service
unknown. A single one is a ticket.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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

    def findings(
        self, agents: Sequence[Presence], blinded: Mapping[str, object], now: float
    ) -> list[Finding]:
        """`agents` is everybody, or empty while nobody is missing; `blinded` has the services that are
        half unknown."""
        missing = {each.agent: each for each in agents if each.silent_since is not None}
        names = frozenset(missing)
        if not names:
            self._known = self._told = names
            self._handles.clear()
            return []
        if names - self._known:
            if not self._known - self._told:
                self._first_at = now
            self._grown_at = now
        self._known = names
        if now - self._grown_at >= STEADY_S or now - self._first_at >= PATIENCE_S:
            self._told = names
        else:
            self._told &= names
        return self._group(agents, {name: missing[name] for name in sorted(self._told)}, blinded)

    def _group(
        self,
        agents: Sequence[Presence],
        missing: Mapping[str, Presence],
        blinded: Mapping[str, object],
    ) -> list[Finding]:
        rest = dict(missing)
        findings: list[Finding] = []
        for level in _LEVELS:
            if len(rest) < 2:
                break
            for scope, gone, whole in _groups(level, agents, rest):
                if len(gone) >= 2 and len(gone) == whole:
                    findings.append(self._finding(scope, gone, whole, True, blinded))
                    for each in gone:
                        del rest[each.agent]
        for scope, gone, whole in _groups(("zone",), agents, rest):
            if len(gone) == 1:
                scope = (("host", gone[0].host),)
            findings.append(self._finding(scope, gone, whole, False, blinded))
        kept = {name for name in self._handles if name in missing}
        self._handles = {name: handle for name, handle in self._handles.items() if name in kept}
        return findings

    def _finding(
        self,
        scope: Scope,
        gone: Sequence[Presence],
        whole: int,
        complete: bool,
        blinded: Mapping[str, object],
    ) -> Finding:
        """Keeps the handle of who was told already, so that a silence that grows is one alert."""
        handle = next(
            (self._handles[each.agent] for each in gone if each.agent in self._handles), gone[0].agent
        )
        for each in gone:
            self._handles[each.agent] = handle
        services = {name for each in gone for name in each.services}
        service = next(iter(services)) if len(services) == 1 else FLEET
        page = complete or any(name in blinded for name in services)
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
    level: Sequence[str], agents: Sequence[Presence], missing: Mapping[str, Presence]
) -> list[tuple[Scope, list[Presence], int]]:
    """Scopes of this level that hold missing agents, with these and the number of all agents there."""
    gone: dict[Scope, list[Presence]] = {}
    for each in missing.values():
        scope = tuple((label, str(getattr(each, label))) for label in level)
        gone.setdefault(scope, []).append(each)
    whole = dict.fromkeys(gone, 0)
    for each in agents:
        scope = tuple((label, str(getattr(each, label))) for label in level)
        if scope in whole:
            whole[scope] += 1
    return [(scope, members, whole[scope]) for scope, members in sorted(gone.items())]
