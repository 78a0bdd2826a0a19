"""The page that asks how to sign in."""

from __future__ import annotations

import html
from http import HTTPStatus
from urllib.parse import urlencode

from aiohttp import web

from coalmine_aggregator.access.settings import AccessSettings
from coalmine_aggregator.web.entrance import MAX_NEXT

_TOKEN_FORM = '<form id="by-token" method="post" action="/login" hidden>'  # noqa: S105 - no secret
_BY_PROVIDER = '<p id="by-provider" hidden><a href="/login/oidc">Sign in</a></p>'
_NEXT = '<input name="next" type="hidden" value="/">'
_REFUSED = '<p class="wrong" role="alert" hidden></p>'


class LoginPage:
    """`page` is the file: every way to sign in is in it, hidden."""

    def __init__(self, page: str, settings: AccessSettings) -> None:
        for part in (_TOKEN_FORM, _BY_PROVIDER, _NEXT, _REFUSED):
            if page.count(part) != 1:
                raise ValueError(f"login.html lacks {part}")
        self._page = page
        self._settings = settings

    def answer(
        self, next_: str, *, refused: str = "", status: HTTPStatus = HTTPStatus.FORBIDDEN
    ) -> web.Response:
        """The page; `refused` says why the last try failed, and goes with `status`."""
        page, oidc = self._page, self._settings.oidc
        if self._settings.tokens:
            page = page.replace(_TOKEN_FORM, _TOKEN_FORM.replace(" hidden", ""))
        if oidc is not None:
            href = "/login/oidc" if next_ == "/" else f"/login/oidc?{urlencode({'next': next_})}"
            link = f'<a href="{html.escape(href)}">Sign in at {html.escape(oidc.issuer.host)}</a>'
            page = page.replace(_BY_PROVIDER, f'<p id="by-provider">{link}</p>')
        page = page.replace(_NEXT, _NEXT.replace('"/"', f'"{html.escape(next_)}"'))
        if refused:
            page = page.replace(_REFUSED, f'<p class="wrong" role="alert">{html.escape(refused)}</p>')
        return web.Response(
            text=page,
            status=status if refused else HTTPStatus.OK,
            content_type="text/html",
            headers={"Cache-Control": "no-store"},
        )


def next_of(text: str) -> str:
    """Where to go after signing in: a page of ours, `/` for anything else."""
    ours = text.startswith("/") and not text.startswith("//") and len(text) <= MAX_NEXT
    if not ours or "\\" in text or not all("!" <= each <= "~" for each in text):
        return "/"
    return "/" if text.startswith(("/login", "/logout")) else text
