"""An etcd for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.servers.etcd import Etcd


@pytest.fixture
async def etcd(tmp_path: Path) -> AsyncIterator[Etcd]:
    """One member on loopback, empty, and running."""
    server = Etcd(tmp_path / "etcd")
    try:
        await server.start()
        yield server
    finally:
        if server.running:
            await server.kill()
