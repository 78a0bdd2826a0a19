"""Who may look: a bearer token, or a session that a token bought.

Browsers cannot send a bearer token with an event stream, so `POST /login` trades a token for a
cookie: its end and an HMAC of it under a key derived from the token. Nothing is stored; taking a
token out of the configuration ends its sessions.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from coalmine_aggregator.web.problems import ProblemError

OPEN_PATHS = frozenset({"/healthz", "/readyz", "/login", "/logout"})
OPEN_PREFIX = "/static/"

_PURPOSE = b"coalmine session v1"


class Access:
    """The tokens and the sessions that follow from them."""

    def __init__(self, tokens: Sequence[str], *, session_s: int, secure: bool) -> None:
        self._tokens = tuple(token.encode() for token in tokens)
        self._keys = tuple(hmac.digest(token, _PURPOSE, hashlib.sha256) for token in self._tokens)
        self.session_s = session_s
        self.secure = secure
        # The prefix makes browsers refuse the cookie unless it came over TLS from this very host.
        self.cookie = "__Host-coalmine" if secure else "coalmine"

    @property
    def required(self) -> bool:
        """Whether there is any token; without one, whoever reaches the listener may look."""
        return bool(self._tokens)

    def admits(self, authorization: str, cookie: str, now: float) -> bool:
        """Whether this `Authorization` header or this cookie lets in."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() == "bearer" and self._find(token.strip()) is not None:
            return True
        return self._valid(cookie, now)

    def open_session(self, token: str, now: float) -> str | None:
        """The cookie for a right token, None for a wrong one."""
        index = self._find(token)
        if index is None:
            return None
        end = str(int(now) + self.session_s)
        return f"{end}.{self._seal(self._keys[index], end)}"

    def _find(self, token: str) -> int | None:
        given = token.encode("utf-8", "surrogatepass")
        found = None
        for index, known in enumerate(self._tokens):  # all of them, so that time tells nothing
            if hmac.compare_digest(given, known):
                found = index
        return found

    def _valid(self, cookie: str, now: float) -> bool:
        end, _, seal = cookie.partition(".")
        if not (end.isascii() and end.isdigit() and len(end) <= 12 and int(end) > now):
            return False
        given = seal.encode("utf-8", "surrogatepass")
        return any(hmac.compare_digest(given, self._seal(key, end).encode()) for key in self._keys)

    @staticmethod
    def _seal(key: bytes, end: str) -> str:
        return hmac.new(key, end.encode(), hashlib.sha256).hexdigest()


def access_check(access: Access, now: Callable[[], float]) -> Middleware:
    """Lets nobody in without a token or a session, except to probes and the login page."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not access.required or request.path in OPEN_PATHS or request.path.startswith(OPEN_PREFIX):
            return await handler(request)
        authorization = request.headers.get("Authorization", "")
        if access.admits(authorization, request.cookies.get(access.cookie, ""), now()):
            return await handler(request)
        if request.path == "/" and not authorization:
            raise web.HTTPSeeOther("/login")
        raise ProblemError(
            HTTPStatus.UNAUTHORIZED,
            "unauthorized",
            "A token is needed here.",
            hint="send Authorization: Bearer TOKEN, or open /login in a browser",
            headers={"WWW-Authenticate": 'Bearer realm="coalmine"'},
        )

    return check
