"""Our side of the flow, against a provider that checks everything, and against ones that fail."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator

import msgspec
import pytest
from aiohttp import web

from coalmine_aggregator.access import oidc
from coalmine_aggregator.access.oidc import (
    KEPT_S,
    KEYS_APART_S,
    OidcClient,
    Person,
    ProviderError,
    RefusedError,
)
from coalmine_aggregator.access.roles import Role
from coalmine_runtime.secret import Secret
from tests.aggregator.access.provider import NOW, StrictProvider, rsa_key

BACK = "https://coalmine.example/login/oidc/callback"
DISCOVERY = "/.well-known/openid-configuration"


@pytest.fixture
async def provider() -> AsyncIterator[StrictProvider]:
    async with StrictProvider().serve() as served:
        yield served


@pytest.fixture
async def client(provider: StrictProvider) -> AsyncIterator[OidcClient]:
    made = OidcClient(provider.settings(), lambda: provider.now)
    yield made
    await made.close()


async def sign_in(provider: StrictProvider, client: OidcClient) -> Person:
    attempt, url = await client.begin(BACK, "/", 600)
    code, state = provider.authorize(url)
    assert state == attempt.state
    return await client.finish(attempt, code, BACK)


async def test_whom_the_provider_vouches_for(provider: StrictProvider, client: OidcClient) -> None:
    assert await sign_in(provider, client) == Person("ada", "17", Role.OPERATOR)
    provider.claims["groups"] = ["staff", "other"]
    assert await sign_in(provider, client) == Person("ada", "17", Role.VIEWER)
    provider.claims["groups"] = []
    assert await sign_in(provider, client) == Person("ada", "17", None)
    assert provider.asked.count(DISCOVERY) == provider.asked.count("/keys") == 1
    assert "/me" not in provider.asked


async def test_two_attempts_share_nothing(provider: StrictProvider, client: OidcClient) -> None:
    first, url = await client.begin(BACK, "/", 600)
    second, _ = await client.begin(BACK, "/", 600)
    assert first.end == NOW + 600
    assert not {first.state, first.nonce, first.verifier} & {
        second.state,
        second.nonce,
        second.verifier,
    }
    code, _ = provider.authorize(url)
    with pytest.raises(RefusedError, match="invalid_grant"):
        await client.finish(second, code, BACK)  # its verifier does not fit the code


async def test_a_code_is_good_once(provider: StrictProvider, client: OidcClient) -> None:
    attempt, url = await client.begin(BACK, "/", 600)
    code, _ = provider.authorize(url)
    await client.finish(attempt, code, BACK)
    for bad in (code, "made-up", "x\ny&z=1"):
        with pytest.raises(RefusedError, match="invalid_grant"):
            await client.finish(attempt, bad, BACK)


async def test_a_token_for_another_attempt_is_refused(
    provider: StrictProvider, client: OidcClient
) -> None:
    attempt, url = await client.begin(BACK, "/", 600)
    code, _ = provider.authorize(url)
    with pytest.raises(RefusedError, match="nonce"):
        await client.finish(msgspec.structs.replace(attempt, nonce="other"), code, BACK)


async def test_groups_may_come_from_user_info(provider: StrictProvider, client: OidcClient) -> None:
    del provider.claims["groups"]
    provider.user_info = {"sub": "17", "groups": ["sre"], "preferred_username": "root"}
    assert await sign_in(provider, client) == Person("ada", "17", Role.OPERATOR)
    provider.user_info = {"sub": "18", "groups": ["sre"]}
    with pytest.raises(RefusedError, match="somebody else"):
        await sign_in(provider, client)


async def test_new_keys_are_asked_for(provider: StrictProvider, client: OidcClient) -> None:
    await sign_in(provider, client)
    provider.signs = rsa_key("second")
    provider.keys = [*provider.keys, provider.signs]
    with pytest.raises(RefusedError, match="unknown key"):
        await sign_in(provider, client)  # asked for a moment ago
    assert provider.asked.count("/keys") == 1
    provider.now += KEYS_APART_S
    assert (await sign_in(provider, client)).name == "ada"
    provider.now += KEPT_S
    await sign_in(provider, client)
    assert provider.asked.count("/keys") == 3


async def test_a_wrong_secret_is_the_providers_refusal(provider: StrictProvider) -> None:
    made = OidcClient(provider.settings(client_secret=Secret("wrong")), lambda: NOW)
    with pytest.raises(RefusedError, match=r"/token: 401 invalid_client"):
        await sign_in(provider, made)
    await made.close()


@pytest.mark.parametrize(
    ("metadata", "why"),
    [
        ({"issuer": "https://evil.example"}, "is of the issuer"),
        ({"token_endpoint": "http://evil.example/token"}, "loopback alone"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "expected a URL"),
        ({"jwks_uri": 3}, "jwks_uri"),
        ({"jwks_uri": None}, "jwks_uri"),
    ],
)
async def test_odd_metadata(
    provider: StrictProvider, client: OidcClient, metadata: dict[str, object], why: str
) -> None:
    provider.metadata = metadata
    with pytest.raises(ProviderError, match=why):
        await client.begin(BACK, "/", 600)


@pytest.mark.parametrize("path", [DISCOVERY, "/keys", "/token"])
@pytest.mark.parametrize(
    "answer",
    [
        {"status": 500},
        {"status": 302, "headers": {"Location": "/elsewhere"}},
        {"text": "<html>"},
        {"text": "[]"},
        {"text": "[" * 100_000},
        {"body": b" " * (oidc.MAX_ANSWER + 1)},
    ],
    ids=lambda answer: str(next(iter(answer.values())))[:8],
)
async def test_odd_answers(
    provider: StrictProvider, client: OidcClient, path: str, answer: dict[str, object]
) -> None:
    provider.answers[path] = lambda: web.Response(**answer)  # type: ignore[arg-type]
    with pytest.raises(ProviderError, match=path):
        await sign_in(provider, client)
    assert "/elsewhere" not in provider.asked


@pytest.mark.parametrize("keys", [[], [{}], [{"kty": "RSA", "n": "!", "e": "AQAB"}], "x", None])
async def test_odd_keys(provider: StrictProvider, client: OidcClient, keys: object) -> None:
    provider.answers["/keys"] = lambda: web.json_response({"keys": keys})
    with pytest.raises(ProviderError, match="no keys"):
        await client.begin(BACK, "/", 600)


async def test_a_provider_that_is_not_there(provider: StrictProvider) -> None:
    settings = provider.settings()
    made = OidcClient(
        dataclasses.replace(settings, issuer=settings.issuer._replace(text="http://127.0.0.1:9")),
        lambda: provider.now,
    )
    with pytest.raises(ProviderError, match=r"127\.0\.0\.1:9"):
        await made.begin(BACK, "/", 600)
    await made.close()


async def test_who_waits_for_a_provider_that_fails_waits_once(
    provider: StrictProvider, client: OidcClient
) -> None:
    provider.answers[DISCOVERY] = lambda: web.Response(status=503)
    for _ in range(5):
        with pytest.raises(ProviderError, match="answered 503"):
            await client.begin(BACK, "/", 600)
    assert provider.asked == [DISCOVERY]
    del provider.answers[DISCOVERY]
    provider.now += oidc.FAILED_S
    assert (await sign_in(provider, client)).name == "ada"
