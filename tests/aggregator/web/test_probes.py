"""The probes: is the process there, and does every check hold."""

from __future__ import annotations

from coalmine_aggregator.web.view import Check
from tests.aggregator.web.conftest import Site


async def test_probes(site: Site) -> None:
    async with site.client.get("/healthz") as response:
        assert (response.status, await response.text()) == (200, "ok\n")
    async with site.client.get("/readyz") as response:
        assert response.status == 200
        assert (await response.json())["status"] == "ready"
    site.view.checks = [Check(name="store", ok=True), Check(name="broker", ok=False, detail="refused")]
    async with site.client.get("/readyz") as response:
        assert response.status == 503
        assert (await response.json())["detail"] == "broker: refused"
    async with site.client.get("/healthz") as response:
        assert response.status == 200
