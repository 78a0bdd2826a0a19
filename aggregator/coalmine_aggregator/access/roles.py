"""What may be done, and the roles that people are given it by. Pure."""

from __future__ import annotations

from enum import StrEnum


class Scope(StrEnum):
    """One kind of thing that may be done. Every route needs one, or is open to everybody."""

    READ = "read"
    METRICS = "metrics"
    RESPOND = "respond"
    OPERATE = "operate"


class Role(StrEnum):
    """Who looks, who answers pages, who runs the system; each may do what the one before may."""

    VIEWER = "viewer"
    RESPONDER = "responder"
    OPERATOR = "operator"

    @property
    def scopes(self) -> frozenset[Scope]:
        """Everything that the role may do."""
        return _SCOPES[self]


_SCOPES = {
    Role.VIEWER: frozenset({Scope.READ, Scope.METRICS}),
    Role.RESPONDER: frozenset({Scope.READ, Scope.METRICS, Scope.RESPOND}),
    Role.OPERATOR: frozenset(Scope),
}
