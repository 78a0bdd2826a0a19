"""Who gets in: Host check, tokens, sessions, headers; and that reading changes nothing."""

from __future__ import annotations

import pytest

from coalmine_aggregator.web.access import Access
from coalmine_aggregator.web.guard import host_name
from coalmine_aggregator.web.options import WebOptions
from tests.aggregator.web.conftest import OpenSite, Site

TOKEN = "correct-horse"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8080", 200),
        ("127.0.0.1", 200),
        ("[::1]:8080", 200),
        ("10.1.2.3:8080", 200),
        ("LOCALHOST", 200),
        ("coalmine.example", 200),
        ("coalmine.example.:8080", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("", 421),
    ],
)
async def test_only_our_own_host_names(open_site: OpenSite, host: str, status: int) -> None:
    site = await open_site(hosts=("coalmine.example",))
    for path in ("/", "/api/v1/rates", "/metrics"):
        async with site.client.get(path, headers={"Host": host}) as response:
            assert response.status == status


def test_host_names() -> None:
    assert host_name("[FE80::1]:80") == "fe80::1"
    assert host_name("A.example.:80") == "a.example"


async def test_every_answer_carries_the_security_headers(site: Site) -> None:
    for path in ("/", "/static/page.css", "/api/v1/rates", "/api/v1/live", "/nothing", "/healthz"):
        async with site.client.get(path) as response:
            policy = response.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "script-src 'self'" in policy
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["Referrer-Policy"] == "same-origin"
            assert "Access-Control-Allow-Origin" not in response.headers
            assert "Server" not in response.headers


@pytest.mark.parametrize(
    "path", ["/api/v1/rates", "/api/v1/live", "/api/v1/openapi.json", "/metrics", "/nothing"]
)
async def test_a_token_is_needed(open_site: OpenSite, path: str) -> None:
    site = await open_site(tokens=("other", TOKEN))
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
        async with site.client.get(path, headers=headers) as response:
            assert response.status == 401
            assert response.content_type == "application/problem+json"
            assert response.headers["WWW-Authenticate"] == 'Bearer realm="coalmine"'
    async with site.client.get(path, headers={"Authorization": f"Bearer {TOKEN}"}) as response:
        assert response.status == (404 if path == "/nothing" else 200)


async def test_probes_need_no_token(open_site: OpenSite) -> None:
    site = await open_site(tokens=(TOKEN,))
    for path in ("/healthz", "/readyz", "/login", "/static/page.css"):
        async with site.client.get(path) as response:
            assert response.status == 200


async def test_a_browser_signs_in_and_out(open_site: OpenSite) -> None:
    site = await open_site(tokens=(TOKEN,))
    async with site.client.get("/") as response:
        assert response.url.path == "/login"
        assert "This is not one of the tokens" in await response.text()
        assert "hidden>This is not" in await response.text()
    async with site.client.post("/login", data={"token": "wrong"}) as response:
        assert response.status == 403
        assert "hidden" not in await response.text()
    headers = {"Origin": str(site.server.make_url("/").origin()), "Sec-Fetch-Site": "same-origin"}
    async with site.client.post(
        "/login", data={"token": TOKEN}, headers=headers, allow_redirects=False
    ) as response:
        assert response.status == 303
        cookie = response.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert TOKEN not in cookie
    async with site.client.get("/api/v1/rates") as response:
        assert response.status == 200
    async with site.client.post("/logout") as response:
        assert response.url.path == "/login"
    async with site.client.get("/api/v1/rates") as response:
        assert response.status == 401


async def test_a_session_ends(open_site: OpenSite) -> None:
    site = await open_site(tokens=(TOKEN,), session_s=60)
    async with site.client.post("/login", data={"token": TOKEN}) as response:
        assert response.url.path == "/"
    site.view.now += 61
    async with site.client.get("/api/v1/rates") as response:
        assert response.status == 401


async def test_a_form_of_another_site_is_refused(open_site: OpenSite) -> None:
    site = await open_site(tokens=(TOKEN,))
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
    ):
        for path in ("/login", "/logout"):
            async with site.client.post(path, data={"token": TOKEN}, headers=headers) as response:
                assert response.status == 403
                assert "Set-Cookie" not in response.headers


async def test_a_large_body_is_refused(open_site: OpenSite) -> None:
    site = await open_site(tokens=(TOKEN,))
    async with site.client.post("/login", data={"token": "x" * 1_000_000}) as response:
        assert response.status == 413
        assert response.content_type == "application/problem+json"


def test_sessions() -> None:
    access = Access(("a-token",), session_s=10, secure=True)
    assert access.cookie.startswith("__Host-")
    session = access.open_session("a-token", 1000.0)
    assert session is not None
    assert access.admits("", session, 1009.0)
    assert not access.admits("", session, 1010.0)
    assert not access.admits("", session.replace("1010", "9999"), 1009.0), "the end is sealed"
    assert not access.admits("", "9999.", 1000.0)
    assert not access.admits("", "", 1000.0)
    assert not access.admits("Bearer ", "", 1000.0)
    assert not access.admits("Bearer \udcff", "\udcff.\udcff", 1000.0)
    assert access.open_session("A-token", 1000.0) is None
    changed = Access(("another",), session_s=10, secure=True)
    assert not changed.admits("", session, 1001.0), "a session ends with its token"


def test_an_empty_token_is_refused() -> None:
    with pytest.raises(ValueError, match="empty token"):
        WebOptions(tokens=("",))
