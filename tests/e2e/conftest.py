"""A site of real servers for each test, and the ends of all logs where one fails."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator
from pathlib import Path

import pytest

from tests.conftest import Authority, Certificate
from tests.e2e.fleet import Fleet
from tests.e2e.site import Site

LOG_LINES = 30


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds the last lines of every server's log to the report of a failed test."""
    report = yield
    if report.failed and isinstance(item, pytest.Function):
        folder = item.funcargs.get("tmp_path")
        for log in sorted(folder.rglob("*.log")) if isinstance(folder, Path) else ():
            lines = log.read_text(errors="replace").splitlines()[-LOG_LINES:]
            report.sections.append((str(log), "\n".join(lines)))
    return report


@pytest.fixture
async def site(tmp_path: Path, authority: Authority, loopback: Certificate) -> AsyncIterator[Site]:
    """The site with the embedded broker, and nobody to notify."""
    async with Site(tmp_path, authority, loopback) as running:
        await running.api.until_ready()
        yield running


@pytest.fixture
async def fleet(site: Site, tmp_path: Path) -> AsyncIterator[Fleet]:
    """Four agents at the site, by all six protocols, every one delivered."""
    running = Fleet(tmp_path / "agents", broker=site.broker, endpoints=site.endpoints)
    try:
        await running.start()
        await site.api.until_whole(running.expected)
        yield running
    finally:
        await running.kill()
