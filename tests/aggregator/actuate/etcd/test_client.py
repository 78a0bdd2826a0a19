"""The client against a real etcd, and against what is none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from coalmine_aggregator.actuate.etcd import client as client_module
from coalmine_aggregator.actuate.etcd import messages
from coalmine_aggregator.actuate.etcd.client import EtcdClient
from coalmine_aggregator.actuate.etcd.etcd_error import EtcdRefusedError, EtcdUnreachableError
from coalmine_aggregator.demo.ports import free_port
from tests.aggregator.actuate.etcd.etcd_reach import reach
from tests.conftest import Authority, Certificate
from tests.servers.etcd import Etcd, User

KEY = b"coalmine/withdrawn/ingest/web-1"
FOLDER = "coalmine/withdrawn/"


def put(value: bytes, lease: int, key: bytes = KEY) -> list[dict[str, object]]:
    return [messages.put(key, value, lease)]


async def test_a_lease_takes_its_keys_with_it(etcd: Etcd) -> None:
    async with EtcdClient.opened(reach(etcd.url)) as client:
        lease = await client.grant(60)
        assert await client.commit([messages.unchanged(KEY, 0)], put(b"x", lease))
        found = await client.read(FOLDER)
        (kv,) = found.kvs
        assert (kv.key, kv.value, kv.lease, kv.mod_revision) == (KEY, b"x", lease, found.revision)
        assert await client.keep_alive(lease)
        await etcd.call("lease/revoke", {"ID": lease})
        assert (await client.read(FOLDER)).kvs == ()
        assert not await client.keep_alive(lease)
        with pytest.raises(EtcdRefusedError, match="requested lease not found"):
            await client.commit([], put(b"x", lease))


async def test_a_transaction_whose_guard_does_not_hold_does_nothing(etcd: Etcd) -> None:
    async with EtcdClient.opened(reach(etcd.url)) as client:
        assert await client.commit([], put(b"x", 0))
        assert not await client.commit([messages.unchanged(KEY, 0)], put(b"y", 0))
        (kv,) = (await client.read(FOLDER)).kvs
        assert kv.value == b"x"
        guards = [messages.unchanged(KEY, kv.mod_revision)]
        assert await client.commit(guards, [messages.delete(KEY)])
        assert (await client.read(FOLDER)).kvs == ()


async def test_delete_keeps_to_its_folder(etcd: Etcd) -> None:
    kept = ["coalmine/withdrawn", "coalmine/withdrawn0", "coalmine/metrics/x", "coalmine2/withdrawn/x"]
    for key in (*kept, "coalmine/withdrawn/a/b", "coalmine/withdrawn/c"):
        await etcd.put(key, "x")
    async with EtcdClient.opened(reach(etcd.url)) as client:
        assert await client.delete(FOLDER) == 2
    assert sorted(await etcd.keys("coal")) == sorted(kept)


async def test_a_watch_tells_what_changes_and_what_was_forgotten(etcd: Etcd) -> None:
    async with EtcdClient.opened(reach(etcd.url)) as client:
        await client.commit([], put(b"1", 0))
        first = (await client.read(FOLDER)).revision
        async with client.watch(FOLDER, first + 1) as news:
            assert (await anext(news)).created
            await etcd.put("elsewhere", "x")
            await client.commit([], put(b"2", 0))
            await client.commit([], [messages.delete(KEY)])
            told = [event for _ in range(2) for event in (await anext(news)).events]
        kinds = [(event.type, event.kv.value) for event in told]
        assert kinds == [("PUT", b"2"), ("DELETE", b"")]
        await etcd.compact()
        async with client.watch(FOLDER, first) as news:
            assert (await anext(news)).created
            last = await anext(news)
            assert last.canceled
            assert last.compact_revision > first


async def test_a_member_that_is_gone_is_passed_over(etcd: Etcd) -> None:
    gone = f"http://127.0.0.1:{free_port()}"
    async with EtcdClient.opened(reach(gone, etcd.url)) as client:
        assert (await client.read(FOLDER)).kvs == ()
        async with client.watch(FOLDER, 1) as news:
            assert (await anext(news)).created
    async with EtcdClient.opened(reach(gone)) as client:
        with pytest.raises(EtcdUnreachableError, match=gone.removeprefix("http://")):
            await client.read(FOLDER)


async def test_who_signs_in_does_what_their_role_may_and_no_more(etcd: Etcd) -> None:
    writer = User("coalmine", "battery", ("READWRITE", "coalmine/"))
    reader = User("watcher", "staple", ("READ", "coalmine/withdrawn/"))
    await etcd.close_to_others([writer, reader])
    async with EtcdClient.opened(reach(etcd.url, user=("coalmine", "battery"))) as client:
        lease = await client.grant(60)
        assert await client.commit([messages.unchanged(KEY, 0)], put(b"x", lease))
        assert await client.keep_alive(lease)
        assert await client.delete(FOLDER) == 1
        with pytest.raises(EtcdRefusedError, match="permission denied"):
            await client.read("elsewhere/")
        with pytest.raises(EtcdRefusedError, match="permission denied"):
            await client.commit([], put(b"x", 0, b"elsewhere/x"))
    async with EtcdClient.opened(reach(etcd.url, user=("watcher", "staple"))) as client:
        assert (await client.read(FOLDER)).kvs == ()
        with pytest.raises(EtcdRefusedError, match="permission denied"):
            await client.commit([], put(b"x", 0))
        with pytest.raises(EtcdRefusedError, match="permission denied"):
            await client.read("coalmine/metrics/")
    for wrong in (None, ("watcher", "wrong")):
        async with EtcdClient.opened(reach(etcd.url, user=wrong)) as client:
            with pytest.raises(EtcdRefusedError) as raised:
                await client.read(FOLDER)
            assert "wrong" not in str(raised.value)


async def test_a_token_that_etcd_forgot_is_got_anew(etcd: Etcd) -> None:
    user = User("coalmine", "battery", ("READWRITE", "coalmine/"))
    await etcd.close_to_others([user])
    async with EtcdClient.opened(reach(etcd.url, user=("coalmine", "battery"))) as client:
        await client.read(FOLDER)
        await etcd.kill()  # it keeps simple tokens in memory
        await etcd.start()
        await client.read(FOLDER)
        root = await etcd.token("root", "root")
        await etcd.call("auth/user/add", {"name": "more", "password": "x"}, root)
        await client.read(FOLDER)  # tokens of an older revision of users are refused
        await etcd.kill()
        await etcd.start()
        async with client.watch(FOLDER, 1) as news:
            assert (await anext(news)).created


async def test_tls(tmp_path: Path, authority: Authority, loopback: Certificate) -> None:
    etcd = Etcd(tmp_path / "etcd", certificate=loopback)
    await etcd.start()
    try:
        async with EtcdClient.opened(reach(etcd.url, ca_file=authority.ca_file)) as client:
            assert (await client.read(FOLDER)).kvs == ()
        async with EtcdClient.opened(reach(etcd.url)) as client:
            with pytest.raises(EtcdUnreachableError, match="certificate verify failed"):
                await client.read(FOLDER)
    finally:
        await etcd.kill()


Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def answering(answer: Answer) -> AsyncIterator[str]:
    """A server that answers every request so."""
    app = web.Application()
    app.router.add_post("/v3/{call:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port := free_port())
    await site.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("status", "body", "error", "what"),
    [
        (200, b"<html>", EtcdRefusedError, "not understood"),
        (200, b'{"header": 3}', EtcdRefusedError, "not understood"),
        (200, b'{"x":' + b"[" * 100_000, EtcdRefusedError, "not understood"),
        (404, b'{"x":' + b"[" * 100_000, EtcdRefusedError, r'404 \{"x":\['),
        (200, b'{"header": {"revision": "1"}, "more": true}', EtcdRefusedError, "more than 20000 keys"),
        (302, b"", EtcdRefusedError, "302"),
        (404, b"nothing \x1b[31m here", EtcdRefusedError, r"404 nothing \\x1b"),
        (503, b'{"error": "etcdserver: no leader"}', EtcdUnreachableError, "503 etcdserver: no leader"),
        (429, b'{"error": "too many requests"}', EtcdUnreachableError, "too many"),
    ],
)
async def test_odd_answers_are_told(
    status: int, body: bytes, error: type[Exception], what: str
) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, body=body, headers={"Location": "http://127.0.0.1:1/"})

    async with answering(answer) as url, EtcdClient.opened(reach(url)) as client:
        with pytest.raises(error, match=what):
            await client.read(FOLDER)


@pytest.mark.parametrize("line", [b"<html>", b'{"x":' + b"[" * 100_000])
async def test_a_watch_that_tells_what_is_not_understood_is_refused(line: bytes) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=line + b"\n")

    async with answering(answer) as url, EtcdClient.opened(reach(url)) as client:
        with pytest.raises(EtcdRefusedError, match="a watch told what is not understood"):
            async with client.watch(FOLDER, 1) as news:
                await anext(news)


async def test_a_token_that_is_not_understood_is_refused() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=b'{"x":' + b"[" * 100_000)

    async with answering(answer) as url:
        async with EtcdClient.opened(reach(url, user=("me", "sesame"))) as client:
            with pytest.raises(EtcdRefusedError, match="auth/authenticate is not understood"):
                await client.read(FOLDER)


async def test_a_member_that_hangs_is_passed_over_and_endless_answers_are_cut(
    etcd: Etcd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "TIMEOUT_S", 0.5)
    monkeypatch.setattr(client_module, "MAX_ANSWER", 100_000)

    async def hang(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async def pour(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" " * 10_000)

    async with answering(hang) as url:
        async with EtcdClient.opened(reach(url, etcd.url)) as client:
            assert (await client.read(FOLDER)).kvs == ()
    async with answering(pour) as url, EtcdClient.opened(reach(url)) as client:
        with pytest.raises(EtcdRefusedError, match="more than 100000 bytes"):
            await client.read(FOLDER)
        with pytest.raises(EtcdRefusedError, match="more than 100000 bytes"):
            async with client.watch(FOLDER, 1) as news:
                await anext(news)
