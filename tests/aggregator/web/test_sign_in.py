"""Signing in at a provider: a real one, and one that cheats."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from coalmine_aggregator.access.gate import LOGINS
from coalmine_aggregator.access.settings import CALLBACK, AccessSettings, OidcSettings, ProviderUrl
from coalmine_aggregator.demo.ports import free_port
from coalmine_aggregator.web.login import ATTEMPT_S
from coalmine_runtime import clock
from coalmine_runtime.secret import Secret
from tests.aggregator.access.provider import StrictProvider
from tests.aggregator.web.conftest import OpenSite, Site
from tests.servers.oidc_provider import OidcProvider, sign_in

HTML = {"Accept": "text/html"}


@pytest.fixture
async def strict(open_site: OpenSite) -> AsyncIterator[tuple[StrictProvider, Site]]:
    """The application with a provider that cheats where it is told to."""
    async with StrictProvider().serve() as provider:
        site = await open_site(access=AccessSettings(oidc=provider.settings()))
        site.view.now = provider.now
        yield provider, site


async def begin(site: Site, next_: str = "/") -> str:
    async with site.client.get(
        "/login/oidc", params={"next": next_}, allow_redirects=False
    ) as response:
        assert response.status == 303
        cookie = response.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        return response.headers["Location"]


async def come_back(site: Site, **query: str) -> tuple[int, str, str]:
    """The status, where it leads, and the page."""
    async with site.client.get(CALLBACK, params=query, allow_redirects=False) as response:
        return response.status, response.headers.get("Location", ""), await response.text()


async def me(site: Site) -> dict[str, Any] | None:
    async with site.client.get("/api/v1/me") as response:
        return await response.json() if response.status == 200 else None


async def test_with_a_real_provider(open_site: OpenSite, tmp_path: Path) -> None:
    users = {
        "1": {"email": "ada@example", "email_verified": True, "groups": ["sre", "staff"]},
        "2": {"email": "bob@example", "email_verified": True, "groups": ["staff"]},
        "3": {"email": "eve@example", "email_verified": True, "groups": ["elsewhere"]},
    }
    provider = OidcProvider(tmp_path, users)
    await provider.start()
    try:
        await provider.until_listening(provider.port)
        # The provider wants to know where people come back to before the site has its port.
        port = free_port()
        client_id, secret = await provider.register(f"http://127.0.0.1:{port}{CALLBACK}")
        settings = OidcSettings(
            issuer=ProviderUrl(provider.issuer),
            client_id=client_id,
            client_secret=Secret(secret),
            viewer=["staff"],
            operator=["sre"],
        )
        site = await open_site(access=AccessSettings(oidc=settings), port=port)
        async with site.client.get("/?at=5", headers=HTML) as response:
            page = await response.text()
        assert '<a href="/login/oidc?next=%2F%3Fat%3D5">Sign in at 127.0.0.1</a>' in page
        assert 'action="/login" hidden' in page

        for subject, name, role in (("1", "ada@example", "operator"), ("2", "bob@example", "viewer")):
            # Its clock is the real one.
            site.view.now = clock.wall()
            back = await sign_in(await begin(site, "/?at=5"), subject)
            async with site.client.get(URL(back, encoded=True), allow_redirects=False) as response:
                assert response.status == 303, await response.text()
                assert response.headers["Location"] == "/?at=5"
            told = await me(site)
            assert told is not None
            assert (told["name"], told["role"], told["via"]) == (name, role, "oidc")
            assert site.view.audited[-1].action == "session.begin"
            assert site.view.audited[-1].detail == f'{{"subject":"{subject}"}}'
            site.client.cookie_jar.clear()

        back = await sign_in(await begin(site), "3")
        async with site.client.get(URL(back, encoded=True)) as response:
            assert response.status == 403
            assert "eve@example is in no group that may come in here." in await response.text()
        back = await sign_in(await begin(site), "")
        async with site.client.get(URL(back, encoded=True)) as response:
            assert response.status == 403  # it says no more, and forgets the state
        assert await me(site) is None
        assert [each.action for each in site.view.audited[-2:]] == ["session.refused"] * 2
    finally:
        await provider.stop()


async def test_a_session_is_given_for_a_right_answer_alone(strict: tuple[StrictProvider, Site]) -> None:
    provider, site = strict
    code, state = provider.authorize(await begin(site, "/wall"))
    assert await come_back(site, code=code, state=state) == (303, "/wall", "")
    told = await me(site)
    assert told is not None
    assert told["name"] == "ada"


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "other"},
        {"aud": "other"},
        {"iss": "https://evil.example"},
        {"exp": 1},
        {"sub": ""},
    ],
)
async def test_a_wrong_token_signs_nobody_in(
    strict: tuple[StrictProvider, Site], claims: dict[str, Any]
) -> None:
    provider, site = strict
    provider.tamper = lambda told: told.update(claims)
    code, state = provider.authorize(await begin(site))
    status, _, page = await come_back(site, code=code, state=state)
    assert status == 403
    assert "The provider did not sign you in." in page
    assert await me(site) is None
    (entry,) = site.view.audited
    assert entry.action == "session.refused"
    assert "ID token" in entry.detail


async def test_a_sign_in_that_was_begun_elsewhere(strict: tuple[StrictProvider, Site]) -> None:
    provider, site = strict
    url = await begin(site)
    code, state = provider.authorize(url)
    queries: list[dict[str, str]] = [
        {"code": code},
        {"code": code, "state": ""},
        {"code": code, "state": f"{state}x"},
    ]
    for query in queries:
        status, _, page = await come_back(site, **query)
        assert status == 403
        assert "begun elsewhere" in page
    async with aiohttp.ClientSession(site.server.make_url("/")) as other_browser:
        query = {"code": code, "state": state}
        async with other_browser.get(CALLBACK, params=query, allow_redirects=False) as response:
            assert response.status == 403
            assert "coalmine=" not in response.headers.get("Set-Cookie", "")
    assert provider.asked.count("/token") == 0
    site.view.now += ATTEMPT_S
    assert (await come_back(site, code=code, state=state))[0] == 403
    assert await me(site) is None


async def test_an_attempt_is_over_once_it_was_answered(strict: tuple[StrictProvider, Site]) -> None:
    provider, site = strict
    code, state = provider.authorize(await begin(site))
    assert (await come_back(site, code=code, state=state))[0] == 303
    status, _, page = await come_back(site, code=code, state=state)
    assert status == 403
    assert "begun elsewhere" in page


async def test_a_cookie_of_one_kind_is_not_taken_for_the_other(
    strict: tuple[StrictProvider, Site],
) -> None:
    provider, site = strict
    await begin(site)
    jar = site.client.cookie_jar
    attempt = jar.filter_cookies(site.server.make_url("/"))["coalmine-sign-in"].value
    jar.clear()
    async with site.client.get("/api/v1/me", cookies={"coalmine": attempt}) as response:
        assert response.status == 401
    jar.clear()
    code, state = provider.authorize(await begin(site))
    await come_back(site, code=code, state=state)
    session = jar.filter_cookies(site.server.make_url("/"))["coalmine"].value
    jar.clear()
    query = {"code": code, "state": state}
    async with site.client.get(
        CALLBACK, params=query, cookies={"coalmine-sign-in": session}
    ) as response:
        assert response.status == 403


async def test_refusals_are_slowed_down(strict: tuple[StrictProvider, Site]) -> None:
    provider, site = strict
    for _ in range(LOGINS):
        _, state = provider.authorize(await begin(site))
        assert (await come_back(site, code="made-up", state=state))[0] == 403
    code, state = provider.authorize(await begin(site))
    assert (await come_back(site, code=code, state=state))[0] == 429


async def test_a_provider_that_is_gone_is_told(open_site: OpenSite) -> None:
    async with StrictProvider().serve() as provider:
        settings = provider.settings()
    site = await open_site(access=AccessSettings(oidc=settings))
    async with site.client.get("/login/oidc") as response:
        assert response.status == 502
        assert "The provider cannot be reached; our log says why." in await response.text()
        assert settings.client_secret.reveal() not in await response.text()


async def test_without_a_provider_there_is_no_such_page(site: Site) -> None:
    for path in ("/login/oidc", CALLBACK):
        async with site.client.get(path) as response:
            assert response.status == 404


async def test_the_errors_of_a_provider_stay_text(strict: tuple[StrictProvider, Site]) -> None:
    provider, site = strict
    _, state = provider.authorize(await begin(site))
    query = {"error": "<script>alert(1)</script>\x1b[31m" + "x" * 2000, "state": state}
    status, _, page = await come_back(site, **query)
    assert status == 403
    assert "The provider did not sign you in." in page
    assert "<script>alert" not in page
    (entry,) = site.view.audited
    assert entry.detail.isprintable()
    assert len(entry.detail) < 400
