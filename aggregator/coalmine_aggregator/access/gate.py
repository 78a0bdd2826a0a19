"""Who a request is from: a token's bearer, whom a proxy let through, a session, or anybody on loopback.

Pure: the request comes as its parts, with the time: `now` by the wall clock, `boottime` by one that
never steps.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import NamedTuple

from coalmine_aggregator.access.identity import Identity, Via
from coalmine_aggregator.access.proxies import AmbiguousError, Headers, Proxies
from coalmine_aggregator.access.roles import Role
from coalmine_aggregator.access.seal import Seal
from coalmine_aggregator.access.sessions import Sessions
from coalmine_aggregator.access.settings import AccessSettings
from coalmine_aggregator.access.throttle import Throttle
from coalmine_aggregator.access.tokens import Tokens

LOGINS, LOGINS_S = 10, 300.0
"""Logins of an address that may fail within how many seconds."""

BEARERS, BEARERS_S = 100, 300.0
"""The same for wrong bearer tokens, which a program sends that was not told of a new one."""


class Refused(NamedTuple):
    """Nobody that may come in, and why. `wait_s` above 0: the address failed too often. `known`: it is
    clear who that is, and that person has no role."""

    reason: str
    wait_s: float = 0.0
    known: bool = False


class Gate:
    """Knows everybody who may come in. `secure` says that browsers reach us over TLS."""

    def __init__(self, settings: AccessSettings | None = None, *, secure: bool = False) -> None:
        settings = settings or AccessSettings()
        redirect = settings.oidc.redirect_url if settings.oidc else None
        self.settings = settings
        self.secure = secure or (redirect is not None and redirect.secure)
        # The prefix makes browsers refuse the cookie unless it came over TLS from this very host.
        self.cookie = "__Host-coalmine" if self.secure else "coalmine"
        self.tokens = Tokens(settings.tokens)
        self.sessions = Sessions(settings.tokens, settings.oidc, length_s=int(settings.session))
        self.proxies = Proxies(settings.proxy)
        self.logins = Throttle(LOGINS, LOGINS_S)
        self._bearers = Throttle(BEARERS, BEARERS_S)
        self._ambient = Seal(secrets.token_bytes(32), "ambient")

    @property
    def signs_in(self) -> bool:
        """Whether people can sign in at /login."""
        return bool(self.tokens) or self.settings.oidc is not None

    def identify(
        self, peer: str, headers: Headers, cookie: str, now: float, boottime: float
    ) -> Identity | Refused:
        """Who this is. A token goes before a proxy's word, and that before a session."""
        address = self.proxies.client(peer, headers)
        token = _bearer(headers)
        wrong = None
        if token is not None:
            found = self._token(token, address, boottime)
            if isinstance(found, Identity):
                return found
            wrong = found
        try:
            passed = self.proxies.person(peer, headers)
        except AmbiguousError as error:
            return Refused(f"{error}.")
        if passed is not None:
            # A proxy may send a token of its own, for us to ignore.
            if passed.role is None:
                return Refused(f"{passed.name} is in no group that has a role here.", known=True)
            return self._of_browser(passed.name, passed.role, Via.PROXY, address)
        if wrong is not None:
            return wrong
        if cookie and (session := self._session(cookie, address, now)) is not None:
            return session
        if not self.settings.required:
            return self._of_browser("local", Role.OPERATOR, Via.LOCAL, address)
        return Refused("A token or a session is needed here.")

    def _token(self, text: str, address: str, boottime: float) -> Identity | Refused:
        wait_s = self._bearers.wait_s(address, boottime)
        if wait_s > 0:
            return Refused("Too many wrong tokens came from this address.", wait_s)
        token = self.tokens.find(text)
        if token is None:
            self._bearers.failed(address, boottime)
            return Refused("This is not one of the tokens.")
        return Identity(token.name, token.role, token.granted, Via.TOKEN, address)

    def _session(self, cookie: str, address: str, now: float) -> Identity | None:
        opened = self.sessions.read(cookie, now)
        if opened is None:
            return None
        session = opened.session
        role, scopes = session.role, session.role.scopes
        if session.via is Via.TOKEN:
            token = self.tokens.named(session.name)
            assert token is not None  # its secret has sealed the session
            role, scopes = token.role, token.granted
        return Identity(
            session.name,
            role,
            scopes,
            session.via,
            address,
            opened.csrf,
            float(session.end),
            session.id,
        )

    def _of_browser(self, name: str, role: Role, via: Via, address: str) -> Identity:
        # No session to bind it to: the proxy, or the machine itself, lets the same person in anew.
        csrf = self._ambient.derive(f"csrf {via} {hashlib.sha256(name.encode()).hexdigest()}")
        return Identity(name, role, role.scopes, via, address, csrf)


def _bearer(headers: Headers) -> str | None:
    values = headers.getall("Authorization", [])
    if len(values) != 1:
        return None
    scheme, _, token = values[0].partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
