"""The API's answers about people: who is asking, and who did what. Pure.

The same promises hold as in `answers`.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from coalmine_aggregator.access.identity import Identity
from coalmine_aggregator.model.audit_entry import AuditEntry
from coalmine_aggregator.web.answers import Answer


class Me(Answer):
    """`/api/v1/me`: who is asking. `scopes` are what that one may do, `via` how it is known: token,
    oidc, proxy or local. `csrf` goes into the header `X-Coalmine-CSRF` of each request that changes
    something; it is empty where none is needed, and lasts as long as the session.
    """

    name: str
    role: str
    scopes: list[str]
    via: str
    csrf: str


class AuditItem(Answer):
    """One entry. `detail` is an object whose members depend on the action."""

    number: int
    at: float
    actor: str
    role: str
    via: str
    address: str
    action: str
    object: str
    detail: msgspec.Raw


class AuditLog(Answer):
    """`/api/v1/audit`: the newest first. `next` is what to give as `before` for older ones, None at the
    end."""

    now: float
    entries: list[AuditItem]
    next: int | None


def me_of(identity: Identity) -> Me:
    """Who is asking, as it is told."""
    return Me(
        name=identity.name,
        role=str(identity.role),
        scopes=sorted(identity.scopes),
        via=str(identity.via),
        csrf=identity.csrf,
    )


def audit_log(entries: Sequence[AuditEntry], limit: int, now: float) -> AuditLog:
    """A page of the log, of `limit` entries at most; `entries` may hold one more, which says that there
    are older ones."""
    page = entries[:limit]
    return AuditLog(
        now=now,
        entries=[
            AuditItem(
                number=each.number,
                at=each.at,
                actor=each.actor,
                role=each.role,
                via=each.via,
                address=each.address,
                action=each.action,
                object=each.object_,
                detail=msgspec.Raw(each.detail.encode()),
            )
            for each in page
        ],
        next=page[-1].number if len(entries) > len(page) else None,
    )
