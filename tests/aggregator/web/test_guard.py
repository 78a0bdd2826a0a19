"""What stands in front of every handler: the Host check, that of the path, and the security headers."""

from __future__ import annotations

import aiohttp
import pytest
from yarl import URL

from coalmine_aggregator.web.guard import host_name
from tests.aggregator.web.conftest import OpenSite, Site


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
    for path in ("/", "/api/v1/agents", "/healthz"):
        async with site.client.get(path, headers={"Host": host}) as response:
            assert response.status == status


def test_host_names() -> None:
    assert host_name("[FE80::1]:80") == "fe80::1"
    assert host_name("A.example.:80") == "a.example"


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("/api/v1/alerts/ingest%00-loss-1/explain", "id"),
        ("/api/v1/alerts/%00/explain", "id"),
        ("/api/v1/slo/%00/burn-down", "service"),
        ("/api/v1/audit?actor=a%00", "actor"),
        ("/api/v1/remediation/log?node=n%00", "node"),
        ("/api/v1/incidents?service=%00", "service"),
    ],
)
async def test_a_nul_is_refused_by_the_name_of_its_parameter(
    site: Site, path: str, parameter: str
) -> None:
    async with aiohttp.ClientSession() as client:
        url = URL(f"http://127.0.0.1:{site.server.port}{path}", encoded=True)
        async with client.get(url) as response:
            assert response.status == 400
            problem = await response.json(content_type="application/problem+json")
    assert problem["type"] == "urn:coalmine:problem:bad-parameter"
    assert problem["parameter"] == parameter


async def test_every_answer_carries_the_security_headers(site: Site) -> None:
    for path in ("/", "/api/v1/agents", "/api/v1/live", "/nothing", "/healthz", "/login"):
        async with site.client.get(path) as response:
            policy = response.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "script-src 'self'" in policy
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["Referrer-Policy"] == "same-origin"
            assert "Server" not in response.headers
