"""Withdrawals end with those who decided them: held to the clock, with kill -9."""

from __future__ import annotations

from pathlib import Path

from coalmine_runtime import clock
from tests.aggregator.actuate.etcd.deciding import Deciding
from tests.servers.etcd import Etcd
from tests.servers.waiting import until

LEASE_S = 5.0
FOLDER = "coalmine/withdrawn/"


async def until_nobody_is_out(etcd: Etcd, deadline_s: float) -> None:
    async def gone() -> bool:
        return not await etcd.keys(FOLDER)

    await until(gone, deadline_s=deadline_s, what="no key is left", explain=etcd.tail)


async def until_out(etcd: Etcd, deadline_s: float = 15.0) -> None:
    async def there() -> bool:
        return list(await etcd.keys(FOLDER)) == [f"{FOLDER}ingest/web-3"]

    await until(there, deadline_s=deadline_s, what="web-3 is out", explain=etcd.tail)


async def test_keys_go_within_a_lease_of_the_aggregator_s_death(etcd: Etcd, tmp_path: Path) -> None:
    aggregator = Deciding(tmp_path / "aggregator.log", [etcd.url], LEASE_S, "web-3")
    await aggregator.start()
    await until_out(etcd)
    await aggregator.kill()
    killed = clock.monotonic()
    await until_nobody_is_out(etcd, LEASE_S + 1)
    assert clock.monotonic() - killed > LEASE_S - 2, "it was the lease that ended them"


async def test_etcd_dies_and_comes_back(etcd: Etcd, tmp_path: Path) -> None:
    aggregator = Deciding(tmp_path / "aggregator.log", [etcd.url], LEASE_S, "web-3")
    await aggregator.start()
    await until_out(etcd)
    await etcd.kill()
    await aggregator.until_logged("trouble=.*127.0.0.1")
    already = len(aggregator.text())
    await etcd.start()
    await aggregator.until_logged(r"out={'ingest': \('web-3',\)} trouble=\n", since=already)
    await until_out(etcd)
    await etcd.kill()
    await aggregator.kill()
    await etcd.start()  # a lease begins anew under a new leader, longer by an election's timeout
    await until_nobody_is_out(etcd, LEASE_S + 3)


async def test_a_stop_of_seconds_leaves_no_gap(etcd: Etcd, tmp_path: Path) -> None:
    """Who restarts an aggregator within a lease brings nobody back."""
    aggregator = Deciding(tmp_path / "aggregator.log", [etcd.url], LEASE_S, "web-3")
    await aggregator.start()
    await until_out(etcd)
    await aggregator.kill()
    (before,) = (await etcd.call("lease/leases", {}))["leases"]
    await aggregator.start()

    async def anew() -> bool:
        assert list(await etcd.keys(FOLDER)) == [f"{FOLDER}ingest/web-3"]
        leases = (await etcd.call("lease/leases", {})).get("leases", [])
        return bool(leases) and before not in leases

    await until(anew, deadline_s=LEASE_S + 5, what="the old lease is over", explain=aggregator.tail)
    await aggregator.kill()
