"""Signing in, with a token or at a provider, and out."""

from __future__ import annotations

import hmac
from http import HTTPStatus

import msgspec
from aiohttp import web

from coalmine_aggregator.access.audit import Audit
from coalmine_aggregator.access.gate import Gate
from coalmine_aggregator.access.identity import Identity, Via
from coalmine_aggregator.access.oidc import Attempt, OidcClient, ProviderError, RefusedError
from coalmine_aggregator.access.roles import Scope
from coalmine_aggregator.access.seal import Seal
from coalmine_aggregator.access.settings import CALLBACK
from coalmine_aggregator.web.entrance import IDENTITY, needs, open_to_all, same_site, too_many
from coalmine_aggregator.web.keys import BOOTTIME, NOW, PULSE
from coalmine_aggregator.web.login_page import LoginPage, next_of
from coalmine_runtime.logs import get_logger

log = get_logger("web")

ATTEMPT_S = 600
"""How long somebody may take to sign in at the provider."""

BEGIN, REFUSED, END = "session.begin", "session.refused", "session.end"


class Login:
    """Handlers of the login and of its page. `oidc` is None without a provider."""

    def __init__(self, page: LoginPage, gate: Gate, audit: Audit, oidc: OidcClient | None) -> None:
        self._page = page
        self._gate = gate
        self._audit = audit
        self._oidc = oidc
        secret = gate.settings.oidc.client_secret.reveal() if gate.settings.oidc else ""
        self._attempts = Seal(secret.encode(), "sign-in")
        self._attempt_cookie = f"{gate.cookie}-sign-in"

    @open_to_all
    async def form(self, request: web.Request) -> web.Response:
        """The page that asks how to sign in."""
        if not self._gate.signs_in:
            raise web.HTTPSeeOther("/")
        return self._page.answer(next_of(request.query.get("next", "")))

    @open_to_all
    async def open_session(self, request: web.Request) -> web.Response:
        """Trades a token for a session cookie."""
        same_site(request)
        form = await request.post()
        text, next_ = form.get("token", ""), next_of(str(form.get("next", "")))
        self._check_rate(request)
        now = request.app[NOW]()
        token = self._gate.tokens.find(text) if isinstance(text, str) else None
        if token is None:
            self._refuse(request, "", Via.TOKEN, "not one of the tokens")
            return self._page.answer(next_, refused="This is not one of the tokens.")
        if Scope.READ not in token.granted:
            self._refuse(request, token.name, Via.TOKEN, "the token is not for the page")
            return self._page.answer(next_, refused="This token is not for the page.")
        session = self._gate.sessions.begin(Via.TOKEN, token.name, token.role, now)
        who = Identity(token.name, token.role, token.granted, Via.TOKEN, self._address(request))
        return self._welcome(who, session, next_)

    @open_to_all
    async def begin(self, request: web.Request) -> web.Response:
        """Sends somebody to the provider."""
        if self._oidc is None:
            raise web.HTTPNotFound
        next_ = next_of(request.query.get("next", ""))
        try:
            attempt, url = await self._oidc.begin(self._redirect_url(request), next_, ATTEMPT_S)
        except ProviderError as error:
            return self._unreachable(request, error, next_)
        response = web.Response(
            status=HTTPStatus.SEE_OTHER, headers={"Location": url, "Cache-Control": "no-store"}
        )
        sealed = self._attempts.close(msgspec.json.encode(attempt))
        self._set_cookie(response, self._attempt_cookie, sealed, ATTEMPT_S)
        return response

    @open_to_all
    async def come_back(self, request: web.Request) -> web.Response:
        """Takes in whom the provider sends back."""
        if self._oidc is None:
            raise web.HTTPNotFound
        self._check_rate(request)
        attempt = self._attempt(request)
        if attempt is None:
            self._audit.refused("", Via.OIDC, self._address(request), REFUSED, "begun elsewhere")
            return self._page.answer(
                "/", refused="This sign-in was begun elsewhere, or too long ago. Try again."
            )
        response = await self._finish(request, self._oidc, attempt)
        response.del_cookie(self._attempt_cookie, path="/", secure=self._gate.secure, httponly=True)
        return response

    @needs(Scope.READ)
    async def close_session(self, request: web.Request) -> web.Response:
        """Ends the session, and what is watched by it."""
        now = request.app[NOW]()
        opened = self._gate.sessions.read(request.cookies.get(self._gate.cookie, ""), now)
        if opened is not None:
            self._gate.sessions.end(opened.session, now)
            request.app[PULSE].feed.sign_out(opened.session.id)
            self._audit.put(request[IDENTITY], END)
        response = web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": "/login"})
        response.del_cookie(self._gate.cookie, path="/", secure=self._gate.secure, httponly=True)
        return response

    async def _finish(self, request: web.Request, oidc: OidcClient, attempt: Attempt) -> web.Response:
        code = request.query.get("code", "")
        if not code or "error" in request.query:
            what = request.query.get("error", "no code")
            self._refuse(request, "", Via.OIDC, f"the provider says {what}")
            return self._page.answer(attempt.next, refused="The provider did not sign you in.")
        try:
            person = await oidc.finish(attempt, code, self._redirect_url(request))
        except ProviderError as error:
            return self._unreachable(request, error, attempt.next)
        except RefusedError as error:
            self._refuse(request, "", Via.OIDC, str(error))
            return self._page.answer(attempt.next, refused="The provider did not sign you in.")
        if person.role is None:
            self._refuse(request, person.name, Via.OIDC, "in no group that has a role")
            text = f"{person.name} is in no group that may come in here."
            return self._page.answer(attempt.next, refused=text)
        now, role = request.app[NOW](), person.role
        session = self._gate.sessions.begin(Via.OIDC, person.name, role, now)
        who = Identity(person.name, role, role.scopes, Via.OIDC, self._address(request))
        return self._welcome(who, session, attempt.next, subject=person.subject)

    def _welcome(self, who: Identity, session: str, next_: str, **detail: str) -> web.Response:
        self._audit.put(who, BEGIN, detail=detail)
        response = web.Response(
            status=HTTPStatus.SEE_OTHER, headers={"Location": next_, "Cache-Control": "no-store"}
        )
        self._set_cookie(response, self._gate.cookie, session, self._gate.sessions.length_s)
        return response

    def _set_cookie(self, response: web.Response, name: str, value: str, lasts_s: int) -> None:
        # Lax, not Strict: who comes back from the provider, or follows a link, is still signed in.
        response.set_cookie(
            name,
            value,
            max_age=lasts_s,
            path="/",
            secure=self._gate.secure,
            httponly=True,
            samesite="Lax",
        )

    def _attempt(self, request: web.Request) -> Attempt | None:
        content = self._attempts.open(request.cookies.get(self._attempt_cookie, ""))
        if content is None:
            return None
        attempt = msgspec.json.decode(content, type=Attempt)
        given = request.query.get("state", "").encode("utf-8", "surrogatepass")
        ours = hmac.compare_digest(given, attempt.state.encode())
        return attempt if ours and attempt.end > request.app[NOW]() else None

    def _redirect_url(self, request: web.Request) -> str:
        assert self._gate.settings.oidc is not None
        configured = self._gate.settings.oidc.redirect_url
        return configured.text if configured else f"{request.scheme}://{request.host}{CALLBACK}"

    def _unreachable(self, request: web.Request, error: ProviderError, next_: str) -> web.Response:
        log.error("web.login.provider", error=error, remote=request.remote)
        return self._page.answer(
            next_,
            refused="The provider cannot be reached; our log says why.",
            status=HTTPStatus.BAD_GATEWAY,
        )

    def _refuse(self, request: web.Request, name: str, via: Via, reason: str) -> None:
        address = self._address(request)
        self._gate.logins.failed(address, request.app[BOOTTIME]())
        self._audit.refused(name, via, address, REFUSED, reason)

    def _check_rate(self, request: web.Request) -> None:
        wait_s = self._gate.logins.wait_s(self._address(request), request.app[BOOTTIME]())
        if wait_s > 0:
            raise too_many("Too many sign-ins failed from this address.", wait_s)

    def _address(self, request: web.Request) -> str:
        return self._gate.proxies.client(request.remote or "", request.headers)
