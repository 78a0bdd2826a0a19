"""Sign-in by an OpenID Connect provider: the authorization code flow with PKCE.

`begin` says where to send somebody, `finish` what the provider says of who came back. What must be
remembered meanwhile is an `Attempt`, which the browser keeps, sealed. The provider's addresses and keys
are asked for when first needed and again after `KEPT_S`; also when a token is signed by a key that is
not among them, `KEYS_APART_S` apart at least.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import msgspec
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from coalmine_aggregator.access.id_token import (
    Expected,
    IdTokenError,
    UnknownKeyError,
    groups_of,
    name_of,
    verify,
)
from coalmine_aggregator.access.roles import Role
from coalmine_aggregator.access.settings import OidcSettings, ProviderUrl
from coalmine_runtime.tls import TlsClientSettings, client_context
from coalmine_wire.bad_json import BAD_JSON

TIMEOUT_S = 10.0
KEPT_S = 3600.0
KEYS_APART_S = 30.0
FAILED_S = 2.0
MAX_ANSWER = 1 << 20

T = TypeVar("T")


class ProviderError(Exception):
    """The provider is not to be had, or answers nonsense; one line that says how."""


class RefusedError(Exception):
    """The provider does not say that this is somebody; one line that says why."""


class Attempt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sign-in under way. `next` is where to go afterwards, `end` in seconds since the epoch."""

    state: str
    nonce: str
    verifier: str
    next: str
    end: int


class Person(NamedTuple):
    """Somebody the provider vouches for. `role` is None where none of the groups has one here."""

    name: str
    subject: str
    role: Role | None


class _Metadata(msgspec.Struct, frozen=True):
    """What we use of a provider's description of itself."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class _Answer(msgspec.Struct, frozen=True):
    """What we use of a token endpoint's answer."""

    access_token: str
    id_token: str


class _Kept(NamedTuple):
    """When it was asked for, and what came."""

    at: float
    metadata: _Metadata
    keys: KeySet


class OidcClient:
    """Our side of the flow. `now` reads the wall clock; `await close()` ends its connections."""

    def __init__(self, settings: OidcSettings, now: Callable[[], float]) -> None:
        self._settings = settings
        self._now = now
        self._tls = client_context(TlsClientSettings(ca_file=settings.ca_file))
        self._http: aiohttp.ClientSession | None = None
        self._kept: _Kept | None = None
        self._failure: tuple[float, ProviderError] | None = None
        self._one_at_a_time = asyncio.Lock()

    async def begin(self, redirect_url: str, next_: str, lasts_s: int) -> tuple[Attempt, str]:
        """A new attempt, and the address to send its browser to. Raises `ProviderError`."""
        metadata = (await self._provider()).metadata
        attempt = Attempt(
            state=secrets.token_urlsafe(32),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(48),
            next=next_,
            end=int(self._now()) + lasts_s,
        )
        url = prepare_grant_uri(
            metadata.authorization_endpoint,
            self._settings.client_id,
            "code",
            redirect_uri=redirect_url,
            scope=["openid", *self._settings.scopes],
            state=attempt.state,
            nonce=attempt.nonce,
            code_challenge=create_s256_code_challenge(attempt.verifier),
            code_challenge_method="S256",
        )
        return attempt, str(url)

    async def finish(self, attempt: Attempt, code: str, redirect_url: str) -> Person:
        """Who came back with this code. Raises `RefusedError`, and `ProviderError`."""
        provider = await self._provider()
        answer = await self._redeem(provider.metadata, attempt, code, redirect_url)
        claims = await self._verified(provider, answer, attempt.nonce)
        groups = groups_of(claims, self._settings.claim)
        if groups is None and provider.metadata.userinfo_endpoint:
            more = await self._user_info(provider.metadata, answer.access_token)
            if more.get("sub") != claims["sub"]:
                raise RefusedError("the provider told of somebody else than its ID token")
            claims = {**more, **claims}
            groups = groups_of(claims, self._settings.claim)
        try:
            name = name_of(claims)
        except IdTokenError as error:
            raise RefusedError(str(error)) from None
        return Person(name, claims["sub"], self._settings.role_of(groups or ()))

    async def close(self) -> None:
        """Ends its connections."""
        if self._http is not None:
            await self._http.close()

    async def _provider(self, *, newer_than: float | None = None) -> _Kept:
        """Addresses and keys, not older than `KEPT_S`, or than that time."""
        async with self._one_at_a_time:
            kept, now = self._kept, self._now()
            oldest = now - KEPT_S if newer_than is None else newer_than
            if kept is not None and oldest < kept.at <= now:
                return kept
            if self._failure is not None and now - FAILED_S < self._failure[0] <= now:
                raise self._failure[1]  # those that waited for the same answer wait no longer
            try:
                metadata = await self._discover()
                self._kept = _Kept(now, metadata, await self._keys(metadata))
            except ProviderError as error:
                self._failure = (self._now(), error)
                raise
            return self._kept

    async def _keys(self, metadata: _Metadata) -> KeySet:
        keys = await self._ask(metadata.jwks_uri, dict[str, Any])
        try:
            return KeySet.import_key_set(keys)  # type: ignore[arg-type]
        except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise ProviderError(f"{metadata.jwks_uri}: no keys: {error}") from None

    async def _discover(self) -> _Metadata:
        issuer = self._settings.issuer
        url = f"{issuer.text.rstrip('/')}/.well-known/openid-configuration"
        metadata = await self._ask(url, _Metadata)
        if metadata.issuer != issuer.text:
            raise ProviderError(f'{url}: is of the issuer "{metadata.issuer}", not "{issuer}"')
        for each in (
            metadata.authorization_endpoint,
            metadata.token_endpoint,
            metadata.jwks_uri,
            metadata.userinfo_endpoint,
        ):
            try:
                secure = not each or ProviderUrl.parse(each.partition("?")[0]).secure
            except ValueError as error:
                raise ProviderError(f"{url}: {error}") from None
            if issuer.secure and not secure:
                raise ProviderError(f"{url}: names {each}, which is not encrypted")
        return metadata

    async def _redeem(
        self, metadata: _Metadata, attempt: Attempt, code: str, redirect_url: str
    ) -> _Answer:
        body = prepare_token_request(
            "authorization_code",
            redirect_uri=redirect_url,
            code=code,
            code_verifier=attempt.verifier,
        )
        supported = metadata.token_endpoint_auth_methods_supported
        basic = "client_secret_basic" in supported or "client_secret_post" not in supported
        auth = ClientAuth(
            self._settings.client_id,
            self._settings.client_secret.reveal(),
            "client_secret_basic" if basic else "client_secret_post",
        )
        url, headers, body = auth.prepare("POST", metadata.token_endpoint, {}, body)
        return await self._ask(url, _Answer, headers=headers, form=dict(parse_qsl(body)))

    async def _verified(self, provider: _Kept, answer: _Answer, nonce: str) -> dict[str, Any]:
        expected = Expected(self._settings.issuer.text, self._settings.client_id, nonce)
        try:
            try:
                return verify(
                    answer.id_token, provider.keys, expected, self._now(), answer.access_token
                )
            except UnknownKeyError:
                newer = await self._provider(newer_than=self._now() - KEYS_APART_S)
                return verify(answer.id_token, newer.keys, expected, self._now(), answer.access_token)
        except IdTokenError as error:
            raise RefusedError(str(error)) from None

    async def _user_info(self, metadata: _Metadata, access_token: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {access_token}"}
        return await self._ask(metadata.userinfo_endpoint, dict[str, Any], headers=headers)

    async def _ask(
        self,
        url: str,
        answer: type[T],
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> T:
        """One request, its answer bounded and of the expected form; a POST where there is a form."""
        if self._http is None:
            self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))
        shown = f"{urlsplit(url).scheme}://{urlsplit(url).netloc}{urlsplit(url).path}"
        try:
            async with self._http.request(
                "GET" if form is None else "POST",
                url,
                data=form,
                headers={"Accept": "application/json", **(headers or {})},
                allow_redirects=False,
                ssl=self._tls,
            ) as response:
                body = await _read(response)
                status = response.status
        except (TimeoutError, aiohttp.ClientError, OSError, ssl.SSLError) as error:
            raise ProviderError(f"{shown}: {type(error).__name__}: {error}".rstrip(": ")) from None
        if form is not None and status in (400, 401, 403):
            raise RefusedError(f"{shown}: {status} {_error_in(body)}".rstrip())
        if status != 200:
            raise ProviderError(f"{shown}: answered {status}")
        try:
            return msgspec.json.decode(body, type=answer)
        except BAD_JSON as error:
            raise ProviderError(f"{shown}: {error}") from None


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = b""
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_ANSWER:
            raise aiohttp.ClientPayloadError(f"more than {MAX_ANSWER} bytes")
    return body


def _error_in(body: bytes) -> str:
    """The error of RFC 6749, section 5.2, where the answer has one."""
    try:
        told = msgspec.json.decode(body, type=dict[str, Any])
    except BAD_JSON:
        return ""
    return f"{told.get('error', '')} {told.get('error_description', '')}".strip()[:200]
