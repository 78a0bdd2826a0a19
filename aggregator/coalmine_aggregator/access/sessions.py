"""Sessions of browsers: cookies that say who somebody is and until when, sealed. Pure.

Nothing is stored. A token's session is sealed with a key that follows from the token, a provider's with
one from its client secret and the groups that make roles: taking these out of the configuration, or
changing them, ends the sessions. Signing out is remembered until the session would have ended, in this
process alone.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from coalmine_aggregator.access.identity import MAX_NAME, Via
from coalmine_aggregator.access.roles import Role
from coalmine_aggregator.access.seal import Seal
from coalmine_aggregator.access.settings import OidcSettings, TokenSettings

MAX_ENDED = 10_000
"""Sessions that were signed out of; past that, those that would end soonest are forgotten."""

_PURPOSE = "session"


class Session(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`end` is in seconds since the epoch, `id` tells sessions apart. A token's session has the role
    that the token has at the moment, whatever `role` says."""

    via: Via
    name: str
    role: Role
    end: int
    id: str


class Opened(NamedTuple):
    """A session whose seal was right, and what a request must repeat to change anything."""

    session: Session
    csrf: str


class Sessions:
    """Seals sessions and opens them again."""

    def __init__(
        self, tokens: Sequence[TokenSettings], oidc: OidcSettings | None, *, length_s: int
    ) -> None:
        self.length_s = length_s
        self._of_tokens = {each.name: Seal(each.token.reveal().encode(), _PURPOSE) for each in tokens}
        self._of_oidc = None if oidc is None else Seal(_secret(oidc), _PURPOSE)
        self._ended: dict[str, int] = {}

    def begin(self, via: Via, name: str, role: Role, now: float) -> str:
        """The cookie of a new session of somebody who proved who they are just now. Raises `KeyError`
        where the configuration has no such token, or no provider."""
        session = Session(via, name[:MAX_NAME], role, int(now) + self.length_s, secrets.token_hex(16))
        seal = self._seal(via, name)
        if seal is None:
            raise KeyError(name)
        return seal.close(msgspec.json.encode(session))

    def read(self, cookie: str, now: float) -> Opened | None:
        """The session of a cookie; None where it ended, or is none of ours."""
        for seal, via, name in self._seals():
            content = seal.open(cookie)
            if content is None:
                continue
            session = msgspec.json.decode(content, type=Session)
            theirs = session.via is via and (name is None or session.name == name)
            if not theirs or session.end <= now or session.id in self._ended:
                return None
            return Opened(session, seal.derive(f"csrf {session.id}"))
        return None

    def end(self, session: Session, now: float) -> None:
        """Opens this session for nobody any more."""
        self._ended = {each: end for each, end in self._ended.items() if end > now}
        self._ended[session.id] = session.end
        if len(self._ended) > MAX_ENDED:
            del self._ended[min(self._ended, key=self._ended.__getitem__)]

    def _seal(self, via: Via, name: str) -> Seal | None:
        return self._of_tokens.get(name) if via is Via.TOKEN else self._of_oidc

    def _seals(self) -> list[tuple[Seal, Via, str | None]]:
        found: list[tuple[Seal, Via, str | None]] = [
            (seal, Via.TOKEN, name) for name, seal in self._of_tokens.items()
        ]
        if self._of_oidc is not None:
            found.append((self._of_oidc, Via.OIDC, None))
        return found


def _secret(oidc: OidcSettings) -> bytes:
    groups = {role: sorted(getattr(oidc, role)) for role in Role}
    whole = [oidc.client_secret.reveal(), oidc.issuer.text, oidc.client_id, oidc.claim, groups]
    return msgspec.json.encode(whole)
