"""Who gets in, as what; that reading changes nothing, and other sites can have nothing changed."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from coalmine_aggregator.access.gate import BEARERS
from coalmine_aggregator.access.roles import Role, Scope
from coalmine_aggregator.access.settings import AccessSettings, ProxySettings, TokenSettings
from coalmine_aggregator.web.app import make_app
from coalmine_aggregator.web.entrance import (
    CSRF_HEADER,
    IDENTITY,
    check_routes,
    need_of,
    needs,
    open_to_all,
)
from coalmine_aggregator.web.keys import AUDIT
from coalmine_aggregator.web.options import WebOptions
from coalmine_runtime.quantities import parse_network
from coalmine_runtime.secret import Secret
from tests.aggregator.web.conftest import OpenSite, Site, by_token
from tests.aggregator.web.fake_view import FakeView

TOKEN = "correct-horse-battery"
HOOKS = "/api/v1/hooks/{provider}/{receiver}"
"""Open to who proves to be the provider; see test_hooks."""
OPEN = {HOOKS, "/login", "/login/oidc", "/login/oidc/callback", "/healthz", "/readyz"}


def scoped(name: str, role: Role, *scopes: Scope) -> TokenSettings:
    return TokenSettings(name=name, token=Secret(f"{name}-{TOKEN}"), role=role, scopes=list(scopes))


EVERY_KIND = AccessSettings(
    tokens=[
        scoped("wall", Role.VIEWER),
        scoped("prometheus", Role.VIEWER, Scope.METRICS),
        scoped("night", Role.RESPONDER),
        scoped("chief", Role.OPERATOR),
    ]
)


@needs(Scope.RESPOND)
async def act(request: web.Request) -> web.Response:
    """A route that changes something, as later ones will."""
    identity = request[IDENTITY]
    request.app[AUDIT].put(identity, "alert.ack", "ingest-loss-1", {"note": "mine"})
    return web.json_response({"by": identity.name})


@needs(Scope.METRICS)
async def figures(_request: web.Request) -> web.Response:
    """A route for those that scrape."""
    return web.Response()


class Acting:
    """The application with these routes, on a socket."""

    def __init__(self, view: FakeView) -> None:
        self.view = view

    async def start(self, access: AccessSettings) -> str:
        app = make_app(
            self.view,
            WebOptions(access=access),
            now=lambda: self.view.now,
            boottime=lambda: self.view.boottime,
            paced=False,
        )
        app.router.add_route("*", "/act", act)
        app.router.add_get("/figures", figures)
        check_routes(app)
        self.server = TestServer(app, host="127.0.0.1")
        await self.server.start_server()
        return str(self.server.make_url("")).rstrip("/")


@pytest.fixture
async def acting(view: FakeView) -> AsyncIterator[Acting]:
    started = Acting(view)
    yield started
    await started.server.close()


def bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {name}-{TOKEN}"}


@pytest.mark.parametrize("path", ["/", "/api/v1/agents", "/api/v1/live", "/nothing"])
async def test_a_token_is_needed(open_site: OpenSite, path: str) -> None:
    site = await open_site(access=by_token("other-correct-horse", TOKEN))
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
        async with site.client.get(path, headers=headers) as response:
            assert response.status == 401
            assert response.content_type == "application/problem+json"
            assert response.headers["WWW-Authenticate"] == 'Bearer realm="coalmine"'
    async with site.client.get(path, headers={"Authorization": f"Bearer {TOKEN}"}) as response:
        assert response.status == (404 if path == "/nothing" else 200)


async def test_a_wrong_token_is_not_made_up_for_by_a_session(open_site: OpenSite) -> None:
    site = await open_site(access=by_token(TOKEN))
    await site.client.post("/login", data={"token": TOKEN})
    async with site.client.get("/api/v1/me") as response:
        assert response.status == 200
    async with site.client.get("/api/v1/me", headers={"Authorization": "Bearer wrong"}) as response:
        assert response.status == 401


async def test_probes_need_no_token(open_site: OpenSite) -> None:
    site = await open_site(access=by_token(TOKEN))
    for path in ("/healthz", "/readyz", "/login"):
        async with site.client.get(path) as response:
            assert response.status == 200


@pytest.mark.parametrize(
    ("name", "path", "status"),
    [
        ("wall", "/api/v1/agents", 200),
        ("wall", "/figures", 200),
        ("wall", "/api/v1/audit", 403),
        ("prometheus", "/figures", 200),
        ("prometheus", "/api/v1/agents", 403),
        ("prometheus", "/", 403),
        ("prometheus", "/nothing", 403),
        ("night", "/api/v1/agents", 200),
        ("night", "/api/v1/audit", 403),
        ("chief", "/api/v1/audit", 200),
    ],
)
async def test_scopes(acting: Acting, name: str, path: str, status: int) -> None:
    url = await acting.start(EVERY_KIND)
    async with aiohttp.ClientSession(url) as client:
        async with client.get(path, headers=bearer(name)) as response:
            assert response.status == status
            if status == 403:
                problem = await response.json()
                assert problem["type"] == "urn:coalmine:problem:forbidden"
                assert name in problem["detail"]


def test_every_route_says_what_it_needs(view: FakeView) -> None:
    for route in make_app(view).router.routes():
        need = need_of(route.handler)
        assert route.resource is not None
        path = route.resource.canonical
        if route.method not in ("GET", "HEAD"):
            assert need is not None or path in ("/login", HOOKS)
        if need is None:
            assert path in OPEN or path.startswith("/static/"), path


def test_a_route_that_says_nothing_keeps_the_application_from_being_made() -> None:
    async def silent(_request: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.router.add_get("/open", open_to_all(act))
    check_routes(app)
    app.router.add_get("/silent", silent)
    with pytest.raises(LookupError, match=r"silent.* states no scope"):
        check_routes(app)
    needs(Scope.RESPOND)(act)


async def test_reading_changes_nothing(open_site: OpenSite, view: FakeView) -> None:
    site = await open_site(access=EVERY_KIND)
    before = copy.deepcopy({**vars(view), "now": 0})
    walked = 0
    for route in site.server.app.router.routes():
        assert route.resource is not None
        if route.method not in ("GET", "HEAD") or "/live" in route.resource.canonical:
            continue
        path = route.resource.canonical.replace("{", "").replace("}", "").replace(":.+", "")
        async with site.client.request(
            route.method, path, headers=bearer("chief"), allow_redirects=False
        ) as response:
            assert response.status < 500
            assert "Set-Cookie" not in response.headers
            walked += 1
    assert walked > 20
    assert {**vars(view), "now": 0} == before


async def test_no_answer_lets_another_origin_in(open_site: OpenSite) -> None:
    site = await open_site(access=EVERY_KIND)
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
    for route in site.server.app.router.routes():
        assert route.resource is not None
        path = route.resource.canonical.replace("{", "").replace("}", "").replace(":.+", "")
        for method in ("OPTIONS", route.method):
            if "/live" in path and method == "GET":
                continue
            for credentials in ({}, bearer("chief")):
                async with site.client.request(
                    method, path, headers=headers | credentials, allow_redirects=False
                ) as response:
                    names = {name.lower() for name in response.headers}
                    assert not {name for name in names if name.startswith("access-control-")}
                    assert method != "OPTIONS" or response.status >= 400


async def test_nobody_is_asked_on_loopback(site: Site) -> None:
    async with site.client.get("/api/v1/me") as response:
        me = await response.json()
    assert (me["name"], me["role"], me["via"]) == ("local", "operator", "local")
    assert me["scopes"] == ["metrics", "operate", "read", "respond"]
    async with site.client.get("/login", allow_redirects=False) as response:
        assert response.status == 303
        assert response.headers["Location"] == "/"


async def test_a_bearer_needs_no_csrf_token_and_is_audited(acting: Acting, view: FakeView) -> None:
    url = await acting.start(EVERY_KIND)
    async with aiohttp.ClientSession(url) as client:
        async with client.post("/act", headers=bearer("wall")) as response:
            assert response.status == 403
        assert view.audited == []
        async with client.post("/act", headers=bearer("night")) as response:
            assert await response.json() == {"by": "night"}
        async with client.get("/api/v1/audit", headers=bearer("chief")) as response:
            (entry,) = (await response.json())["entries"]
    assert entry == {
        "number": 1,
        "at": view.now,
        "actor": "night",
        "role": "responder",
        "via": "token",
        "address": "127.0.0.1",
        "action": "alert.ack",
        "object": "ingest-loss-1",
        "detail": {"note": "mine"},
    }


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("via", ["session", "local", "proxy"])
async def test_what_a_browser_sends_by_itself_is_not_enough(
    acting: Acting, view: FakeView, method: str, via: str
) -> None:
    proxy = ProxySettings(
        addresses=[parse_network("127.0.0.0/8")], user_header="X-User", responder=["*"]
    )
    url = await acting.start(
        {
            "session": EVERY_KIND,
            "local": AccessSettings(),
            "proxy": AccessSettings(proxy=proxy),
        }[via]
    )
    ours = {"Origin": url, "Sec-Fetch-Site": "same-origin"}
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(url, cookie_jar=jar, headers={"X-User": "ada"}) as client:
        if via == "session":
            await client.post("/login", data={"token": f"night-{TOKEN}"})
        async with client.get("/api/v1/me") as response:
            csrf = (await response.json())["csrf"]
        wrong = "0" * len(csrf)
        cross = {"Sec-Fetch-Site": "cross-site"}
        foreign: list[dict[str, str]] = [
            {},
            ours,
            ours | {CSRF_HEADER: wrong},
            ours | {CSRF_HEADER: ""},
            {"Origin": "https://evil.example", CSRF_HEADER: csrf},
            {"Origin": "null", CSRF_HEADER: csrf},
            {"Origin": url, CSRF_HEADER: csrf} | cross,
            {"Origin": url, CSRF_HEADER: csrf, "Sec-Fetch-Site": "same-site"},
        ]
        if via != "local":  # a program on this machine sends no origin, and can ask for the rest
            foreign.append({CSRF_HEADER: csrf})
        told = len(view.audited)
        for headers in foreign:
            async with client.request(method, "/act", headers=headers) as response:
                assert response.status == 403, headers
        assert len(view.audited) == told
        async with client.request(method, "/act", headers=ours | {CSRF_HEADER: csrf}) as response:
            assert response.status == 200
        assert len(view.audited) == told + 1


async def test_a_csrf_token_is_good_for_its_own_session_alone(acting: Acting) -> None:
    url = await acting.start(EVERY_KIND)
    tokens = []
    for _ in range(2):
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(url, cookie_jar=jar) as client:
            await client.post("/login", data={"token": f"night-{TOKEN}"})
            async with client.get("/api/v1/me") as response:
                tokens.append((await response.json())["csrf"])
            if len(tokens) == 2:
                headers = {"Origin": url, CSRF_HEADER: tokens[0]}
                async with client.post("/act", headers=headers) as response:
                    assert response.status == 403
    assert tokens[0] != tokens[1]


async def test_only_the_listed_proxy_is_believed(open_site: OpenSite) -> None:
    def proxy(network: str) -> AccessSettings:
        return AccessSettings(
            proxy=ProxySettings(
                addresses=[parse_network(network)],
                user_header="X-User",
                groups_header="X-Groups",
                viewer=["staff"],
                operator=["sre"],
            )
        )

    site = await open_site(access=proxy("127.0.0.1/32"))
    for groups, role in (("staff", "viewer"), ("other, sre,staff", "operator")):
        headers = {"X-User": "ada@example", "X-Groups": groups}
        async with site.client.get("/api/v1/me", headers=headers) as response:
            me = await response.json()
            assert (me["name"], me["role"], me["via"]) == ("ada@example", role, "proxy")
    async with site.client.get("/api/v1/me", headers={"X-User": "ada"}) as response:
        assert response.status == 403
        assert (await response.json())["type"] == "urn:coalmine:problem:no-role"
    for headers in ({}, {"X-Groups": "sre"}, {"X-User": "", "X-Groups": "sre"}):
        async with site.client.get("/api/v1/me", headers=headers) as response:
            assert response.status == 401
    twice: Any = [("X-User", "ada"), ("X-User", "root"), ("X-Groups", "sre")]
    async with site.client.get("/api/v1/me", headers=twice) as response:
        assert response.status == 401

    elsewhere = await open_site(access=proxy("10.0.0.0/8"))
    headers = {"X-User": "ada", "X-Groups": "sre", "X-Forwarded-For": "10.0.0.1"}
    async with elsewhere.client.get("/api/v1/me", headers=headers) as response:
        assert response.status == 401


async def test_wrong_tokens_are_slowed_down(open_site: OpenSite, view: FakeView) -> None:
    site = await open_site(access=by_token(TOKEN))
    wrong = {"Authorization": "Bearer wrong"}
    for _ in range(BEARERS):
        async with site.client.get("/api/v1/me", headers=wrong) as response:
            assert response.status == 401
    right = {"Authorization": f"Bearer {TOKEN}"}
    for headers in (wrong, right):
        async with site.client.get("/api/v1/me", headers=headers) as response:
            assert response.status == HTTPStatus.TOO_MANY_REQUESTS
            assert int(response.headers["Retry-After"]) >= 1
            wait_s = int(response.headers["Retry-After"])
    view.boottime += wait_s
    async with site.client.get("/api/v1/me", headers=right) as response:
        assert response.status == 200
