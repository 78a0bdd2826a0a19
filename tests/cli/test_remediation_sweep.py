"""`coalmine remediation sweep`: once or again and again, with a cluster that answers or does not."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coalmine_aggregator.model.figures import utc
from coalmine_runtime import clock
from tests.cli.running import run
from tests.servers.kubernetes import TOKEN, Kubernetes
from tests.servers.waiting import within


@pytest.fixture
async def cluster() -> AsyncIterator[Kubernetes]:
    """A pod that was forgotten, one that is held out, one that is new."""
    async with Kubernetes() as running:
        now = int(clock.wall())
        running.add("web-1", condition="False", probed=utc(now - 120))
        running.add("web-2", condition="False", probed=utc(now))
        running.add("web-3")
        yield running


def config(cluster: Kubernetes, folder: Path, token: str = TOKEN) -> str:
    (folder / "token").write_text(token)
    path = folder / "kubernetes.yaml"
    pods = "pods: {ingest: {selector: app=ingest}}"
    path.write_text(f"url: {cluster.url}\ntoken_file: token\nnamespace: prod\n{pods}\n")
    return str(path)


async def test_once(cluster: Kubernetes, tmp_path: Path) -> None:
    done = await run("remediation", "sweep", config(cluster, tmp_path))
    assert (done.code, done.out) == (0, "2 pods brought in\n"), done.err
    assert cluster.ready() == ["web-1", "web-3"]


async def test_what_is_wrong_is_told(cluster: Kubernetes, tmp_path: Path) -> None:
    done = await run("remediation", "sweep", config(cluster, tmp_path, "wrong"))
    assert done.code == 1
    assert "401 Unauthorized" in done.err
    done = await run("remediation", "sweep", str(tmp_path / "nowhere.yaml"))
    assert done.code == 2
    assert "nowhere.yaml" in done.err


async def test_again_and_again_until_it_is_told_to_stop(cluster: Kubernetes, tmp_path: Path) -> None:
    cluster.busy = 1
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "coalmine_cli.main", "remediation", "sweep", "--every", "0.2"),
        config(cluster, tmp_path),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )

    assert process.stdout is not None
    assert await within(process.stdout.readline(), 20) == b"2 pods brought in\n"
    assert cluster.ready() == ["web-1", "web-3"]
    cluster.add("web-4")
    assert await within(process.stdout.readline(), 20) == b"1 pod brought in\n"
    assert cluster.ready() == ["web-1", "web-3", "web-4"]
    process.send_signal(signal.SIGTERM)
    out, _ = await within(process.communicate(), 20)
    assert out == b""
    assert process.returncode == 0
