"""The reference watcher against a real etcd: what it tells, and that it mends whatever it missed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from coalmine_aggregator.actuate.etcd import watcher as watcher_module
from coalmine_aggregator.actuate.etcd.client import EtcdClient
from coalmine_aggregator.actuate.etcd.record import Out, encode, record_of
from coalmine_aggregator.actuate.etcd.watcher import Watcher
from coalmine_aggregator.demo.ports import free_port
from coalmine_runtime import clock
from tests.aggregator.actuate.etcd.etcd_reach import reach
from tests.aggregator.actuate.words import withdrawal
from tests.servers.etcd import Etcd, User
from tests.servers.waiting import until

FOLDER = "coalmine/withdrawn/ingest/"


class Told:
    """What was told, the newest last; `taken` says whether it is taken. `confirmed` counts answers."""

    def __init__(self) -> None:
        self.sets: list[list[str]] = []
        self.taken = True
        self.confirmed = 0

    async def tell(self, out: tuple[Out, ...]) -> bool:
        self.sets.append([each.node for each in out])
        return self.taken

    def confirm(self) -> None:
        self.confirmed += 1

    async def until(self, *nodes: str, deadline_s: float = 15.0) -> None:
        async def so() -> bool:
            return self.sets[-1:] == [list(nodes)]

        await until(so, deadline_s=deadline_s, what=f"out are {nodes}", explain=lambda: repr(self.sets))


@asynccontextmanager
async def watching(
    url: str, told: Told, user: tuple[str, str] | None = None
) -> AsyncIterator[asyncio.Task[None]]:
    async with EtcdClient.opened(reach(url, user=user)) as client:
        watcher = Watcher(client, "coalmine", "ingest", told.tell, told.confirm)
        task = asyncio.create_task(watcher.run())
        try:
            yield task
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.wait([task])


async def put(etcd: Etcd, node: str, lease_s: float = 20.0) -> None:
    answer = await etcd.put(
        FOLDER + node, encode(record_of(withdrawal(node), "agg-a", lease_s)), await root(etcd)
    )
    assert "error" not in answer


async def root(etcd: Etcd) -> str:
    """A token, where one is needed."""
    answer = await etcd.call("auth/authenticate", {"name": "root", "password": "root"})
    token: str = answer.get("token", "")
    return token


async def delete(etcd: Etcd, node: str) -> None:
    async with EtcdClient.opened(reach(etcd.url)) as client:
        await client.commit([], [{"request_delete_range": {"key": (FOLDER + node).encode()}}])


@pytest.fixture
def told() -> Told:
    """Takes what it is told."""
    return Told()


async def test_it_begins_with_what_is_there_and_follows(
    etcd: Etcd, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher_module, "READ_S", 3600.0)  # by its watch alone
    await put(etcd, "web-1")
    await etcd.put("coalmine/withdrawn/other/web-9", "{}")
    await etcd.put(f"{FOLDER}web-8", "what nobody understands")
    async with watching(etcd.url, told):
        await told.until("web-1")
        await put(etcd, "web-2")
        await told.until("web-1", "web-2")
        await delete(etcd, "web-1")
        await told.until("web-2")
    assert told.sets == [["web-1"], ["web-1", "web-2"], ["web-2"]], "each change is told once"


async def test_nobody_is_out_where_nobody_is(etcd: Etcd, told: Told) -> None:
    async with watching(etcd.url, told):
        await told.until()


async def test_reads_mend_what_a_watch_does_not_tell(
    etcd: Etcd, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher_module, "READ_S", 0.3)
    monkeypatch.setattr(watcher_module, "RETRY_S", (3600.0, 3600.0))  # no second watch
    async with watching(etcd.url, told):
        await told.until()
        await etcd.kill()
        await etcd.start()
        await put(etcd, "web-1")
        await told.until("web-1")
        await delete(etcd, "web-1")
        await told.until()


async def test_a_history_that_was_compacted_is_read_anew(
    etcd: Etcd, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it cannot reach etcd, that forgets what the watcher would go on from."""
    await put(etcd, "web-1")
    async with watching(etcd.url, told):
        await told.until("web-1")
        await etcd.kill()
        await etcd.start()
        await put(etcd, "web-2")
        await delete(etcd, "web-1")
        await etcd.compact()
        await told.until("web-2")
        monkeypatch.setattr(watcher_module, "READ_S", 3600.0)
        await put(etcd, "web-3")
        await told.until("web-2", "web-3")


async def test_without_etcd_everybody_is_in_when_the_lease_is_over(etcd: Etcd, told: Told) -> None:
    await put(etcd, "web-1", lease_s=4.0)
    await put(etcd, "web-2", lease_s=8.0)
    async with watching(etcd.url, told):
        await told.until("web-1", "web-2")
        await etcd.kill()
        killed = clock.monotonic()
        await told.until("web-2", deadline_s=7.5)
        await told.until(deadline_s=15.0)
        assert clock.monotonic() - killed > 4.0
        await etcd.start()
        await told.until("web-1", "web-2")


async def test_who_finds_no_etcd_says_that_everybody_is_in(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher_module, "PATIENCE_S", 0.5)
    async with watching(f"http://127.0.0.1:{free_port()}", told):
        assert told.sets == []
        await told.until()
    assert told.confirmed == 0


async def test_what_was_not_taken_is_told_again(
    etcd: Etcd, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher_module, "AGAIN_S", 0.2)
    told.taken = False
    await put(etcd, "web-1")
    async with watching(etcd.url, told):

        async def again() -> bool:
            return len(told.sets) >= 3

        await until(again, deadline_s=10.0, what="it is told again")
        told.taken = True
        count = len(told.sets) + 1
        await put(etcd, "web-2")
        await told.until("web-1", "web-2")
        assert len(told.sets) <= count + 1


async def test_a_right_to_read_withdrawals_is_enough_and_losing_it_takes_everybody_in(
    etcd: Etcd, told: Told
) -> None:
    await put(etcd, "web-1", lease_s=4.0)
    await etcd.close_to_others([User("watcher", "staple", ("READ", "coalmine/withdrawn/"))])
    async with watching(etcd.url, told, ("watcher", "staple")):
        await told.until("web-1")
        answer = await etcd.call("auth/user/delete", {"name": "watcher"}, await root(etcd))
        assert "error" not in answer
        await told.until(deadline_s=15.0)
