"""A real Prometheus finds its targets: nodes by http_sd, the fleet by a file that is written from etcd.

It must never lose one because we do not know.
"""

from __future__ import annotations

import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer

from coalmine_aggregator.actuate.etcd.keys import TargetKey, target_key
from coalmine_aggregator.actuate.etcd.metrics_target import MetricsTarget, encode
from coalmine_aggregator.actuate.http_sd.http_sd_output import HttpSdOutput
from coalmine_aggregator.actuate.http_sd.settings import HttpSdSettings
from coalmine_aggregator.web.app import make_app
from coalmine_aggregator.web.options import WebOptions
from tests.aggregator.actuate.words import NODES, word, words
from tests.aggregator.web.fake_view import FakeView
from tests.servers.etcd import Etcd
from tests.servers.process import Process, started
from tests.servers.prometheus import Prometheus
from tests.servers.waiting import until

PAGE = Path(__file__).resolve().parents[3] / "docs" / "remediation" / "prometheus-sd.md"


def job(name: str) -> dict[str, Any]:
    """As the page for operators has it."""
    for block in re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL):
        found = yaml.safe_load(block)
        if isinstance(found, list) and found[0]["job_name"] == name:
            shown: dict[str, Any] = found[0]
            return shown
    raise AssertionError(f"{PAGE} shows no job {name}")


@pytest.fixture
async def scraped() -> AsyncIterator[int]:
    """The port of something that Prometheus can scrape."""

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(text="x 1\n")

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    async with TestServer(app, host="127.0.0.1") as server:
        assert server.port is not None
        yield server.port


async def until_found(prometheus: Prometheus, label: str, *names: str) -> None:
    """Until it scrapes exactly these, and all of them answer."""

    async def so() -> bool:
        targets = await prometheus.targets()
        found = sorted(target["labels"].get(label, "") for target in targets)
        return found == sorted(names) and {target["health"] for target in targets} == {"up"}

    await until(so, deadline_s=20.0, what=f"{label} are {names}", explain=prometheus.tail)


async def test_by_http_sd_it_keeps_its_list_while_nobody_knows(tmp_path: Path, scraped: int) -> None:
    asked = 0
    output = HttpSdOutput(
        HttpSdSettings(addresses=dict.fromkeys(NODES, "127.0.0.1")), services=["ingest"]
    )
    answer = output.targets

    def counted(service: str, port: int) -> Any:
        nonlocal asked
        asked += 1
        return answer(service, port)

    output.targets = counted  # type: ignore[method-assign]
    app = make_app(FakeView(), WebOptions(targets=output), paced=False)
    async with TestServer(app, host="127.0.0.1") as server:
        url = str(server.make_url(f"/api/v1/sd/ingest?port={scraped}"))
        nodes = job("nodes")
        nodes["http_sd_configs"] = [{"url": url, "refresh_interval": "1s"}]
        prometheus = Prometheus(tmp_path / "prometheus", {}, jobs=[nodes])
        output.show(words(word("web-3", lease_s=600.0)))
        async with started(prometheus):
            await until_found(prometheus, "node", "web-1", "web-2", "web-4")
            output.show(words(word("web-3", lease_s=-1.0)))  # nothing is known any more
            before = asked

            async def asked_again() -> bool:
                return asked >= before + 3

            await until(asked_again, deadline_s=20.0, what="it was told 503", explain=prometheus.tail)
            await until_found(prometheus, "node", "web-1", "web-2", "web-4")
            output.show(words(word(lease_s=600.0)))
            await until_found(prometheus, "node", *NODES)


@pytest.mark.prove
async def test_by_a_file_it_keeps_its_list_without_etcd(tmp_path: Path, scraped: int) -> None:
    etcd, path = Etcd(tmp_path / "etcd"), tmp_path / "targets.json"
    argv = [sys.executable, "-m", "coalmine_cli.main", "remediation", "file-sd", "--etcd", etcd.url]
    writer = Process([*argv, "--out", str(path)], log=tmp_path / "file-sd.log")
    fleet = job("fleet")
    fleet["file_sd_configs"] = [{"files": [str(path)], "refresh_interval": "1s"}]
    prometheus = Prometheus(tmp_path / "prometheus", {}, jobs=[fleet])

    async def register(kind: str, name: str) -> None:
        value = encode(MetricsTarget(f"127.0.0.1:{scraped}", zone="eu-a"))
        await etcd.put(target_key("coalmine", TargetKey(kind, name, "agg-a")).decode(), value)

    async with started(etcd, writer, prometheus):
        await register("agent", "web-1")
        await register("aggregator", "agg-a")
        await until_found(prometheus, "id", "web-1", "agg-a")
        await register("agent", "web-2")
        await until_found(prometheus, "id", "web-1", "web-2", "agg-a")
        await etcd.kill()
        await writer.until_logged("etcd.file_sd.kept")
        await until_found(prometheus, "id", "web-1", "web-2", "agg-a")
        await etcd.start()
        await register("agent", "web-3")
        await until_found(prometheus, "id", "web-1", "web-2", "web-3", "agg-a")
