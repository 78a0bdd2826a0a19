"""What a container's health check says of a listener."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from coalmine_aggregator.demo.ports import free_port

SCRIPT = Path(__file__).resolve().parents[2] / "deploy" / "container" / "healthy.py"


@pytest.fixture
async def address() -> AsyncIterator[str]:
    """A server that has what is well, what is not and what is elsewhere."""

    async def status(request: web.Request) -> web.Response:
        status = int(request.match_info["status"])
        return web.Response(status=status, headers={"Location": "/200"} if status == 302 else None)

    app = web.Application()
    app.router.add_get("/{status}", status)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def healthy(*arguments: str) -> tuple[int, str]:
    proxied = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-I", str(SCRIPT), *arguments],
        env={**os.environ, **proxied},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stderr.strip()


async def test_success_is_health(address: str) -> None:
    assert await healthy(f"http://{address}/200") == (0, "")


@pytest.mark.parametrize("status", [302, 404, 503])
async def test_all_else_is_not(address: str, status: int) -> None:
    code, said = await healthy(f"http://{address}/{status}")
    assert code == 1
    assert f"HTTP Error {status}" in said


async def test_neither_is_who_does_not_answer_or_cannot_be_asked(address: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("well")
    for url in (f"http://127.0.0.1:{free_port()}", f"https://{address}/200", file.as_uri(), "nonsense"):
        code, said = await healthy(url)
        assert (code, bool(said)) == (1, True), url
    assert await healthy() == (2, "usage: healthy URL")
