"""The network between etcd and those who use it loses packets, in one direction or both.

Each has a network of its own; the kernel drops what is said to be lost. Whoever cannot reach etcd, or a
majority of it, takes everybody to be in within a lease, and goes on by itself once it can.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.aggregator.actuate.etcd.deciding import ROOT, Deciding
from tests.aggregator.actuate.etcd.test_leases import until_nobody_is_out, until_out
from tests.servers.bridge import Bridge, Member
from tests.servers.etcd import Etcd
from tests.servers.process import Process, started

LEASE_S = 5.0

GONE_S = LEASE_S + 2
"""A last word may still have got through, and etcd looks for leases that ended twice a second."""

AGAIN_S = 20.0
"""After the network is whole: TCP and we try again with growing waits."""


@asynccontextmanager
async def lost(at: Member, *rules: Sequence[str]) -> AsyncIterator[None]:
    """Packets that match one of these rules are dropped at `at` without a word."""
    for rule in rules:
        await at.namespace.run("iptables", "-w", "-A", *rule, "-j", "DROP", package="iptables")
    try:
        yield
    finally:
        for rule in rules:
            await at.namespace.run("iptables", "-w", "-D", *rule, "-j", "DROP", package="iptables")


class Watching(Process):
    """The watcher, as a host that follows etcd runs it."""

    def __init__(self, log: Path, urls: Sequence[str], member: Member) -> None:
        reached = [word for url in urls for word in ("--etcd", url)]
        argv = [sys.executable, "-m", "coalmine_cli.main", "remediation", "watch", "--allow-http"]
        argv += ["--service", "ingest", *reached]
        super().__init__(member.namespace.command(argv), log=log, cwd=ROOT)

    def last(self) -> list[str] | None:
        """Who is out by the last line; None before the first."""
        lines = [line for line in self.text().splitlines() if line.startswith("{")]
        return [each["node"] for each in json.loads(lines[-1])["withdrawn"]] if lines else None

    async def until_last(self, *nodes: str, deadline_s: float = 15.0) -> None:
        await self.until_true(lambda: self.last() == list(nodes), f"out are {nodes}", deadline_s)


@pytest.mark.parametrize("direction", ["to etcd", "from etcd", "both ways"])
async def test_the_aggregator_is_cut_off_from_etcd(tmp_path: Path, direction: str) -> None:
    async with Bridge() as bridge:
        server, host = await bridge.join(), await bridge.join()
        etcd = Etcd(tmp_path / "etcd", host=server.address, namespace=server.namespace)
        log = tmp_path / "aggregator.log"
        aggregator = Deciding(log, [etcd.url], LEASE_S, "web-3", namespace=host.namespace)
        rules = {
            "to etcd": [("INPUT", "-s", host.address)],
            "from etcd": [("OUTPUT", "-d", host.address)],
            "both ways": [("INPUT", "-s", host.address), ("OUTPUT", "-d", host.address)],
        }
        async with started(etcd, aggregator):
            await until_out(etcd)
            async with lost(server, *rules[direction]):
                await until_nobody_is_out(etcd, GONE_S)
                await aggregator.until_logged("out=None trouble=.*no answer")
            await until_out(etcd, AGAIN_S)
            await aggregator.until_logged(r"out={'ingest': \('web-3',\)} trouble=\n.*\Z")


@pytest.mark.parametrize("direction", ["to etcd", "from etcd"])
async def test_a_watcher_is_cut_off_from_etcd(tmp_path: Path, direction: str) -> None:
    async with Bridge() as bridge:
        server, host = await bridge.join(), await bridge.join()
        etcd = Etcd(tmp_path / "etcd", host=server.address, namespace=server.namespace)
        aggregator = Deciding(tmp_path / "aggregator.log", [etcd.url], LEASE_S, "web-3")
        watcher = Watching(tmp_path / "watcher.log", [etcd.url], host)
        way = ("INPUT", "-s") if direction == "to etcd" else ("OUTPUT", "-d")
        async with started(etcd, aggregator, watcher):
            await watcher.until_last("web-3")
            async with lost(server, (*way, host.address)):
                await watcher.until_last(deadline_s=LEASE_S + 1)
                await until_out(etcd)  # for all others it is out
            await watcher.until_last("web-3", deadline_s=AGAIN_S)


async def test_a_member_is_cut_off_from_the_others(tmp_path: Path) -> None:
    """It answers, but no majority stands behind it; its watches stay open and say nothing."""
    async with Bridge() as bridge:
        members = [await bridge.join() for _ in range(3)]
        host = await bridge.join()
        peers = {f"m{number}": member.address for number, member in enumerate(members)}
        etcds = [
            Etcd(
                tmp_path / name,
                host=member.address,
                name=name,
                peers=peers,
                namespace=member.namespace,
            )
            for name, member in zip(peers, members, strict=True)
        ]
        urls = [etcd.url for etcd in etcds]
        alone = Watching(tmp_path / "alone.log", urls[:1], host)
        watcher = Watching(tmp_path / "watcher.log", urls, host)
        aggregator = Deciding(
            tmp_path / "aggregator.log", urls, LEASE_S, "web-3", namespace=host.namespace
        )
        async with started():
            await asyncio.gather(*(etcd.start(ready=False) for etcd in etcds))
        try:
            await asyncio.gather(*(etcd.until_ready() for etcd in etcds))
            async with started(aggregator, alone, watcher):
                await alone.until_last("web-3")
                await watcher.until_last("web-3")
                others = [("INPUT", "-s", member.address) for member in members[1:]]
                async with lost(members[0], *others):
                    await alone.until_last(deadline_s=LEASE_S + 1)
                    await aggregator.until_logged(r"out={'ingest': \('web-3',\)} trouble=\n.*\Z")
                    await until_out(etcds[1], AGAIN_S)
                    await watcher.until_last("web-3", deadline_s=AGAIN_S)
                await alone.until_last("web-3", deadline_s=AGAIN_S)
        finally:
            for etcd in etcds:
                if etcd.running:
                    await etcd.kill()
