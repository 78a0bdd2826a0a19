"""Prometheus' discovery of who serves: the full list, or an error; never an empty list."""

from __future__ import annotations

from typing import Any

from coalmine_aggregator.access.roles import Role, Scope
from coalmine_aggregator.access.settings import AccessSettings, TokenSettings
from coalmine_aggregator.model.target_group import TargetGroup
from coalmine_runtime.secret import Secret
from tests.aggregator.web.conftest import OpenSite, Site


class Nodes:
    """`known` is what is answered."""

    services = frozenset({"ingest"})

    def __init__(self, known: list[TargetGroup] | None) -> None:
        self.known = known

    def targets(self, service: str, port: int) -> list[TargetGroup] | None:
        assert (service, port) == ("ingest", 9100)
        return self.known


async def ask(site: Site, path: str, token: str = "") -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with site.client.get(path, headers=headers) as response:
        if response.status == 200:
            assert response.headers["Content-Type"] == "application/json"
        return response.status, await response.json(content_type=None)


async def test_the_full_list_or_an_error(open_site: OpenSite) -> None:
    groups = [TargetGroup(["web-1:9100"], {"__meta_coalmine_node": "web-1"})]
    nodes = Nodes(groups)
    site = await open_site(targets=nodes)
    told = [{"targets": ["web-1:9100"], "labels": {"__meta_coalmine_node": "web-1"}}]
    assert await ask(site, "/api/v1/sd/ingest?port=9100") == (200, told)
    nobody: list[TargetGroup] = []
    for unsure in (None, nobody):
        nodes.known = unsure
        status, problem = await ask(site, "/api/v1/sd/ingest?port=9100")
        assert (status, problem["type"]) == (503, "urn:coalmine:problem:not-known")


async def test_what_nobody_knows_of_is_an_error(open_site: OpenSite) -> None:
    site = await open_site(targets=Nodes(None))
    assert (await ask(site, "/api/v1/sd/other?port=9100"))[0] == 404
    for query in ("", "?port=0", "?port=70000", "?port=x", "?port=1&more=2"):
        status, problem = await ask(site, f"/api/v1/sd/ingest{query}")
        assert (status, problem["type"]) == (400, "urn:coalmine:problem:bad-parameter"), query


async def test_without_the_output_there_is_no_such_service(open_site: OpenSite) -> None:
    site = await open_site()
    assert (await ask(site, "/api/v1/sd/ingest?port=9100"))[0] == 404


async def test_a_token_that_may_scrape_may_ask(open_site: OpenSite) -> None:
    def token(name: str, scope: Scope) -> TokenSettings:
        secret = Secret(f"{name}-battery-staple")
        return TokenSettings(name=name, token=secret, role=Role.VIEWER, scopes=[scope])

    access = AccessSettings(tokens=[token("scraper", Scope.METRICS), token("reader", Scope.READ)])
    nodes = Nodes([TargetGroup(["web-1:9100"], {})])
    site = await open_site(targets=nodes, access=access)
    path = "/api/v1/sd/ingest?port=9100"
    assert (await ask(site, path, "scraper-battery-staple"))[0] == 200
    assert (await ask(site, path, "reader-battery-staple"))[0] == 403
    assert (await ask(site, path))[0] == 401
