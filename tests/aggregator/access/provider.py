"""A provider that checks everything that it is sent, and answers with what a test wants of it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey
from yarl import URL

from coalmine_aggregator.access.settings import OidcSettings, ProviderUrl
from coalmine_runtime.secret import Secret

CLIENT_ID, CLIENT_SECRET = "coalmine", "a secret: with %odd& characters"
NOW = 1_790_000_000.0

Tamper = Callable[[dict[str, Any]], None]


def rsa_key(kid: str) -> RSAKey:
    """A new signing key."""
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig"})


class StrictProvider:
    """`keys` are what it publishes, `signs` signs with `algorithm`. `tamper` changes claims before they
    are signed, `metadata` its description of itself, `answers` what it says at a path."""

    def __init__(self) -> None:
        self.signs: RSAKey | ECKey = rsa_key("first")
        self.algorithm = "RS256"
        self.keys: list[Any] = [self.signs]
        self.claims: dict[str, Any] = {"sub": "17", "preferred_username": "ada", "groups": ["sre"]}
        self.user_info: dict[str, Any] | None = None
        self.tamper: Tamper = lambda claims: None
        self.metadata: dict[str, Any] = {}
        self.answers: dict[str, Callable[[], web.Response]] = {}
        self.asked: list[str] = []
        self.now = NOW
        self._codes: dict[str, dict[str, str]] = {}
        self.issuer = ""

    def settings(self, **changes: Any) -> OidcSettings:
        """How an aggregator is told of it."""
        defaults: dict[str, Any] = {
            "issuer": ProviderUrl(self.issuer),
            "client_id": CLIENT_ID,
            "client_secret": Secret(CLIENT_SECRET),
            "viewer": ["staff"],
            "operator": ["sre"],
        }
        return OidcSettings(**defaults | changes)

    def authorize(self, url: str) -> tuple[str, str]:
        """What a browser does there: the code and the state that it comes back with."""
        query = dict(URL(url).query)
        assert query["response_type"] == "code"
        assert query["client_id"] == CLIENT_ID
        assert query["code_challenge_method"] == "S256"
        assert "openid" in query["scope"].split()
        assert min(len(query[name]) for name in ("state", "nonce", "code_challenge")) >= 43
        code = f"code-{len(self._codes)}"
        self._codes[code] = query
        return code, query["state"]

    def id_token(self, nonce: str, access_token: str = "access") -> str:
        """A token for the one person that it knows."""
        half = hashlib.sha256(access_token.encode()).digest()[:16]
        claims = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "iat": int(self.now),
            "exp": int(self.now) + 300,
            "nonce": nonce,
            "at_hash": base64.urlsafe_b64encode(half).rstrip(b"=").decode(),
            **self.claims,
        }
        self.tamper(claims)
        header = {"alg": self.algorithm, "kid": self.signs.kid}
        return jwt.encode(header, claims, self.signs, algorithms=[self.algorithm])

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[StrictProvider]:
        """Runs it on loopback."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        server = TestServer(app, host="127.0.0.1")
        await server.start_server()
        self.issuer = str(server.make_url("")).rstrip("/")
        try:
            yield self
        finally:
            await server.close()

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        if request.path in self.answers:
            return self.answers[request.path]()
        if request.path == "/.well-known/openid-configuration":
            return web.json_response(
                {
                    "issuer": self.issuer,
                    "authorization_endpoint": f"{self.issuer}/authorize",
                    "token_endpoint": f"{self.issuer}/token",
                    "jwks_uri": f"{self.issuer}/keys",
                    "userinfo_endpoint": f"{self.issuer}/me",
                    **self.metadata,
                }
            )
        if request.path == "/keys":
            return web.json_response(KeySet(self.keys).as_dict())
        if request.path == "/token":
            return await self._redeem(request)
        if request.path == "/me" and request.headers.get("Authorization") == "Bearer access":
            return web.json_response(self.user_info)
        return web.Response(status=404)

    async def _redeem(self, request: web.Request) -> web.Response:
        form = await request.post()
        secret = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {secret}":
            return web.json_response({"error": "invalid_client"}, status=401)
        asked = self._codes.pop(str(form["code"]), None)
        digest = hashlib.sha256(str(form["code_verifier"]).encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            asked is None
            or form["grant_type"] != "authorization_code"
            or form["redirect_uri"] != asked["redirect_uri"]
            or challenge != asked["code_challenge"]
        ):
            return web.json_response({"error": "invalid_grant"}, status=400)
        token = self.id_token(asked["nonce"])
        return web.json_response({"access_token": "access", "token_type": "Bearer", "id_token": token})
