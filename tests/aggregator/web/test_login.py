"""Signing in with a token, and out."""

from __future__ import annotations

import asyncio
import dataclasses
import io
import re

import aiohttp
import pytest

from coalmine_aggregator.access.gate import LOGINS
from coalmine_aggregator.access.roles import Role, Scope
from coalmine_aggregator.access.settings import AccessSettings, TokenSettings
from coalmine_aggregator.web.entrance import CSRF_HEADER
from coalmine_aggregator.web.keys import PULSE
from coalmine_aggregator.web.login_page import next_of
from coalmine_runtime.secret import Secret
from tests.aggregator.web.conftest import OpenSite, Site, by_token
from tests.servers.waiting import until

TOKEN = "correct-horse-battery"
HTML = {"Accept": "text/html,*/*"}


async def csrf(site: Site) -> dict[str, str]:
    async with site.client.get("/api/v1/me") as response:
        origin = str(site.server.make_url("/").origin())
        return {"Origin": origin, CSRF_HEADER: (await response.json())["csrf"]}


async def test_a_browser_signs_in_and_out(open_site: OpenSite) -> None:
    site = await open_site(access=by_token(TOKEN))
    async with site.client.get("/?at=5&b=%3C", headers=HTML) as response:
        assert response.url.path == "/login"
        assert response.headers["Cache-Control"] == "no-store"
        page = await response.text()
        assert '<form id="by-token" method="post" action="/login">' in page
        assert 'id="by-provider" hidden' in page
        assert 'role="alert" hidden' in page
        assert 'name="next" type="hidden" value="/?at=5&amp;b=%3C"' in page
    async with site.client.post("/login", data={"token": "wrong", "next": "/?at=5"}) as response:
        assert response.status == 403
        page = await response.text()
        assert "This is not one of the tokens." in page
        assert 'role="alert">' in page
        assert 'value="/?at=5"' in page
    headers = {"Origin": str(site.server.make_url("/").origin()), "Sec-Fetch-Site": "same-origin"}
    async with site.client.post(
        "/login", data={"token": TOKEN, "next": "/?at=5"}, headers=headers, allow_redirects=False
    ) as response:
        assert response.status == 303
        assert response.headers["Location"] == "/?at=5"
        cookie = response.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert TOKEN not in cookie
    async with site.client.get("/api/v1/me") as response:
        assert response.status == 200
    kept = site.client.cookie_jar.filter_cookies(site.server.make_url("/"))["coalmine"].value
    async with site.client.post("/logout", headers=await csrf(site)) as response:
        assert response.url.path == "/login"
    async with site.client.get("/api/v1/me") as response:
        assert response.status == 401
    async with site.client.get("/api/v1/me", cookies={"coalmine": kept}) as response:
        assert response.status == 401, (
            "a session that was signed out of is over, whoever has its cookie"
        )
    assert [(each.action, each.actor, each.via) for each in site.view.audited] == [
        ("session.refused", "", "token"),
        ("session.begin", "t0", "token"),
        ("session.end", "t0", "token"),
    ]
    assert all(TOKEN not in str(each) for each in site.view.audited)


async def test_over_tls_the_cookie_is_for_this_host_alone(open_site: OpenSite) -> None:
    site = await open_site(access=by_token(TOKEN), secure=True)
    async with site.client.post("/login", data={"token": TOKEN}, allow_redirects=False) as response:
        cookie = response.headers["Set-Cookie"]
    assert cookie.startswith("__Host-coalmine=")
    assert "Secure" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie


async def test_a_session_ends(open_site: OpenSite) -> None:
    access = dataclasses.replace(by_token(TOKEN), session=60.0)
    site = await open_site(access=access)
    async with site.client.post("/login", data={"token": TOKEN}) as response:
        assert response.url.path == "/"
    site.view.now += 59
    async with site.client.get("/api/v1/me") as response:
        assert response.status == 200
    site.view.now += 1
    async with site.client.get("/api/v1/me") as response:
        assert response.status == 401


async def test_what_is_watched_ends_with_the_session(open_site: OpenSite) -> None:
    site = await open_site(access=dataclasses.replace(by_token(TOKEN), session=60.0))
    await site.client.post("/login", data={"token": TOKEN})
    site.view.now += 59.5
    async with asyncio.timeout(10):
        async with site.client.get("/api/v1/live") as response:
            assert response.status == 200
            with pytest.raises(aiohttp.ClientError):
                await response.read()

    async def nobody_watches() -> bool:
        site.server.app[PULSE].beat(site.view.now)
        return not site.server.app[PULSE].feed.viewers

    await until(nobody_watches, deadline_s=10, what="the stream is let go of")
    site.view.now += 0.5
    async with site.client.get("/api/v1/live") as response:
        assert response.status == 401


async def test_what_is_watched_ends_with_signing_out_and_nothing_else_does(open_site: OpenSite) -> None:
    site = await open_site(access=by_token(TOKEN))
    feed = site.server.app[PULSE].feed
    cookies = []
    for _ in range(2):
        await site.client.post("/login", data={"token": TOKEN})
        kept = site.client.cookie_jar.filter_cookies(site.server.make_url("/"))["coalmine"].value
        cookies.append({"coalmine": kept})
    others, theirs = cookies
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    ended = [await site.client.get("/api/v1/live", cookies=theirs) for _ in range(2)]
    async with aiohttp.ClientSession(site.server.make_url("/")) as elsewhere:
        going_on = [
            await elsewhere.get("/api/v1/live", cookies=others),
            await elsewhere.get("/api/v1/live", headers=bearer),
        ]
        site.streams += [*ended, *going_on]
        assert len(feed.viewers) == 4
        await site.client.post("/logout", headers=await csrf(site))
        async with asyncio.timeout(10):
            for response in ended:
                with pytest.raises(aiohttp.ClientError):
                    await response.read()

            async def two_watch() -> bool:
                return len(feed.viewers) == 2  # without a beat

            await until(two_watch, deadline_s=10, what="the streams are let go of")
            site.beat()
            for response in going_on:
                for _ in range(2):  # the first snapshot, and that of the beat
                    await response.content.readuntil(b"data: ")


async def test_a_form_of_another_site_is_refused(open_site: OpenSite) -> None:
    site = await open_site(access=by_token(TOKEN))
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        async with site.client.post("/login", data={"token": TOKEN}, headers=headers) as response:
            assert response.status == 403
            assert "Set-Cookie" not in response.headers
    await site.client.post("/login", data={"token": TOKEN})
    async with site.client.post("/logout") as response:
        assert response.status == 403
    async with site.client.get("/api/v1/me") as response:
        assert response.status == 200


@pytest.mark.parametrize(
    ("text", "next_"),
    [
        ("/", "/"),
        ("/wall?at=5&x=%2F", "/wall?at=5&x=%2F"),
        ("", "/"),
        ("wall", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\tx", "/"),
        ("/x\r\nSet-Cookie: a=b", "/"),
        ("/ü", "/"),
        ("/login", "/"),
        ("/logout", "/"),
        ("/" + "x" * 1000, "/"),
    ],
)
async def test_nobody_is_led_elsewhere(open_site: OpenSite, text: str, next_: str) -> None:
    assert next_of(text) == next_
    site = await open_site(access=by_token(TOKEN))
    data = {"token": TOKEN, "next": text}
    async with site.client.post("/login", data=data, allow_redirects=False) as response:
        assert response.headers["Location"] == next_


async def test_markup_in_where_to_go_stays_text(open_site: OpenSite) -> None:
    site = await open_site(access=by_token(TOKEN))
    async with site.client.get("/login", params={"next": '/"><script>alert(1)</script>'}) as response:
        page = await response.text()
    assert "<script>alert" not in page
    assert re.search(r'value="/&quot;&gt;&lt;script&gt;', page)


async def test_a_token_that_may_not_look_does_not_sign_in(open_site: OpenSite) -> None:
    token = TokenSettings(
        name="prometheus", token=Secret(TOKEN), role=Role.VIEWER, scopes=[Scope.METRICS]
    )
    site = await open_site(access=AccessSettings(tokens=[token]))
    async with site.client.post("/login", data={"token": TOKEN}) as response:
        assert response.status == 403
        assert "This token is not for the page." in await response.text()
        assert "Set-Cookie" not in response.headers


async def test_an_address_that_fails_too_often_waits(open_site: OpenSite) -> None:
    site = await open_site(access=by_token(TOKEN))
    for _ in range(LOGINS):
        async with site.client.post("/login", data={"token": "wrong"}) as response:
            assert response.status == 403
    for token in ("wrong", TOKEN):
        async with site.client.post("/login", data={"token": token}) as response:
            assert response.status == 429
            wait_s = int(response.headers["Retry-After"])
            assert 1 <= wait_s <= 60
    assert len(site.view.audited) == LOGINS
    site.view.boottime += wait_s
    async with site.client.post("/login", data={"token": TOKEN}) as response:
        assert response.status == 200


async def test_a_clock_that_was_ahead_locks_no_address_out(open_site: OpenSite) -> None:
    site = await open_site(access=by_token(TOKEN))
    site.view.now += 86_400
    for _ in range(LOGINS):
        async with site.client.post("/login", data={"token": "wrong"}) as response:
            assert response.status == 403
    site.view.now -= 86_400
    async with site.client.post("/login", data={"token": TOKEN}) as response:
        assert response.status == 429
        site.view.boottime += int(response.headers["Retry-After"])
    async with site.client.post("/login", data={"token": TOKEN}) as response:
        assert response.status == 200


async def test_a_large_body_is_refused(open_site: OpenSite) -> None:
    site = await open_site(access=by_token(TOKEN))
    async with site.client.post("/login", data={"token": "x" * 1_000_000}) as response:
        assert response.status == 413
        assert response.content_type == "application/problem+json"


async def test_odd_forms_are_refused(open_site: OpenSite) -> None:
    site = await open_site(access=by_token(TOKEN))
    form = aiohttp.FormData()
    form.add_field("token", io.BytesIO(b"\xff\x00"), filename="token")
    for data in (form, {}, {"token": "\x00é"}, {"token": "x" * 600}):
        async with site.client.post("/login", data=data) as response:
            assert response.status in (400, 403)
            assert "Set-Cookie" not in response.headers
