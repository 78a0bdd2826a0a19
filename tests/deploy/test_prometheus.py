"""A real Prometheus with the shipped rules scrapes a real aggregator and its agents."""

from __future__ import annotations

import asyncio
import os
import signal
from functools import partial
from pathlib import Path

from tests.conftest import Authority, Certificate
from tests.deploy.dashboard import expressions, names, recorded, rules
from tests.e2e.api import Api
from tests.e2e.fleet import Fleet
from tests.e2e.site import Site
from tests.servers.process import executable
from tests.servers.prometheus import Prometheus
from tests.servers.waiting import until

QUIET = {
    "coalmine_rejects_total",
    "coalmine_odd_receipts_total",
    "coalmine_deliveries_total",
    "coalmine_deliveries_pending",
    "coalmine_open_alerts",
}
"""Told of, but without a sample while nothing of the kind has happened; there is nobody to notify."""

OF_A_MINUTE = {"coalmine_datapoints_total"}
"""Samples come once a slot is a minute old."""


async def test_prometheus_scrapes_asks_and_judges(
    tmp_path: Path, authority: Authority, loopback: Certificate
) -> None:
    async with Site(tmp_path, authority, loopback) as site:
        await site.api.until_ready()
        fleet = Fleet(tmp_path / "agents", broker=site.broker, endpoints=site.endpoints)
        prometheus = Prometheus(
            tmp_path / "prometheus",
            {
                "coalmine": [f"127.0.0.1:{site.aggregator.metrics_port}"],
                "coalmine-agent": [f"127.0.0.1:{agent.metrics_port}" for agent in fleet.agents],
            },
        )
        try:
            await fleet.start()
            await prometheus.start()
            await site.api.until_whole(fleet.expected)
            await _the_sum_rate_is_right(prometheus, fleet)
            await _a_question_of_history_is_counted(prometheus, site.api)
            await _promtool_takes_a_scrape(site.api)
            await _everything_named_is_exposed(prometheus)
            await _the_dashboard_has_answers(prometheus)
            await _the_rules_judge(prometheus, site)
        finally:
            if prometheus.running:
                await prometheus.stop()
            await fleet.kill()


async def _the_sum_rate_is_right(prometheus: Prometheus, fleet: Fleet) -> None:
    for protocol, agents in fleet.expected.items():
        await prometheus.until_value(
            f'sum(coalmine_received_datapoints{{job="coalmine", protocol="{protocol}"}})', agents
        )
    await prometheus.until_value(
        'sum(service_protocol:coalmine_received:sum{service="ingest"})', sum(fleet.expected.values())
    )


async def _a_question_of_history_is_counted(prometheus: Prometheus, api: Api) -> None:
    await api.get("/api/v1/rates", last="1h")
    answered = 'sum(coalmine_history_questions_total{task="rates", result="answered"})'

    async def counted() -> bool:
        return (await prometheus.value(answered) or 0) >= 1

    await until(counted, deadline_s=20, what=answered, explain=prometheus.tail)


async def _promtool_takes_a_scrape(api: Api) -> None:
    process = await asyncio.create_subprocess_exec(
        *(executable("promtool", "prometheus"), "check", "metrics"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate((await api.exposition()).encode())
    assert (process.returncode, output) == (0, b"")


async def _everything_named_is_exposed(prometheus: Prometheus) -> None:
    """Every metric in the rules and the dashboard is one that somebody tells."""
    shipped = {name for _, expression in expressions() for name in names(expression)}
    shipped |= {name for rule in rules() for name in names(rule["expr"])}
    assert len(shipped) > 20
    told = await prometheus.metadata()
    assert {name for name in shipped if name not in told} == set()


async def _the_dashboard_has_answers(prometheus: Prometheus) -> None:
    """Each of its expressions is one that Prometheus takes, and finds something for."""
    empty = []
    for title, expression in expressions():
        read = names(expression)
        waits = bool(recorded(expression)) or read & OF_A_MINUTE

        async def answered(asked: str = expression) -> bool:
            return bool(await prometheus.query(asked))

        if not await answered() and not waits and not read & QUIET:
            try:
                await until(answered, deadline_s=15, what=title)
            except AssertionError:
                empty.append((title, expression))
    assert empty == []


async def _the_rules_judge(prometheus: Prometheus, site: Site) -> None:
    """All is well but for the watchdog; then the aggregator is killed, and soon pending to be told."""
    (watchdog,) = await prometheus.query("ALERTS")
    assert watchdog["metric"]["alertname"] == "CoalmineWatchdog"
    up = [target["health"] for target in await prometheus.targets()]
    assert up == ["up"] * len(up)
    await site.aggregator.kill()
    await prometheus.until_value('count(ALERTS{alertname="CoalmineDown", alertstate="pending"})', 1)


async def test_sums_outlive_a_reader_that_is_killed(
    tmp_path: Path, authority: Authority, loopback: Certificate
) -> None:
    """With several processes that read history, no scrape ever says less than the one before."""
    site = Site(tmp_path, authority, loopback)
    site.aggregator.settings["web"]["readers"] = 2
    site.aggregator.write()
    rates = {"task": "rates", "result": "answered"}

    async def answered() -> float:
        return await site.api.metric("coalmine_history_questions_total", **rates)

    async with site:
        await site.api.until_ready()
        asked = 0

        async def ask_some() -> None:
            nonlocal asked
            hours = [str(number) for number in range(asked + 1, asked + 9)]
            await asyncio.gather(*(site.api.get("/api/v1/rates", last=f"{h}h") for h in hours))
            asked += len(hours)

        await ask_some()
        assert await answered() == asked
        readers = _children(site.aggregator.pid)
        assert len(readers) == 2
        for reader in readers:
            os.kill(reader, signal.SIGKILL)
            assert await answered() == asked
            await until(
                partial(_gone, site.aggregator.pid, reader), deadline_s=10, what="the reader is gone"
            )
            await ask_some()
            assert await answered() == asked
        assert await site.api.metric("coalmine_history_question_seconds_count", task="rates") == asked
        assert not set(readers) & set(_children(site.aggregator.pid))


async def _gone(parent: int, child: int) -> bool:
    return child not in _children(parent)


def _children(pid: int) -> list[int]:
    return [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]


async def test_a_scrape_over_tls_with_a_token(
    tmp_path: Path, authority: Authority, loopback: Certificate
) -> None:
    token = tmp_path / "token"
    token.write_text("scraper-battery-staple\n")
    site = Site(tmp_path, authority, loopback)
    settings = site.aggregator.settings
    settings["web"] |= {
        "access": {
            "tokens": [{"name": "prometheus", "token_file": str(token), "scopes": ["metrics"]}],
        }
    }
    settings["metrics"] = {
        "listen": settings["metrics"],
        "certificate": {
            "certificate_file": str(loopback.chain),
            "private_key_file": str(loopback.key),
        },
    }
    site.aggregator.write()
    address = [f"127.0.0.1:{site.aggregator.metrics_port}"]
    with_token = {
        "scheme": "https",
        "tls_config": {"ca_file": str(authority.ca_file)},
        "authorization": {"credentials_file": str(token)},
    }
    without = {name: with_token[name] for name in ("scheme", "tls_config")}
    servers = [
        Prometheus(tmp_path / "with", {"coalmine": address}, scrape=with_token),
        Prometheus(tmp_path / "without", {"coalmine": address}, scrape=without),
    ]
    async with site:
        try:
            await asyncio.gather(*(server.start() for server in servers))
            await servers[0].until_value('up{job="coalmine"}', 1)
            await servers[1].until_value('up{job="coalmine"}', 0)
            (target,) = await servers[1].targets()
            assert "401" in target["lastError"]
        finally:
            for server in servers:
                if server.running:
                    await server.stop()
