"""Clients that are slow, or send too much: they are cut off, and nobody else notices."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, web

from coalmine_aggregator.web.app import make_app
from coalmine_aggregator.web.entrance import open_to_all
from coalmine_aggregator.web.exporting import Exports
from coalmine_aggregator.web.listening import MAX_BODY, listening
from tests.aggregator.web.fake_view import FakeView

LARGE_BODY = 16 << 20


@pytest.fixture
async def port() -> AsyncIterator[int]:
    view = FakeView()
    app = make_app(view, now=lambda: view.now, paced=False)
    app.router.add_post("/take", take)
    app.router.add_get("/large", large)
    async with listening(app, "127.0.0.1", 0, head_s=0.3) as port:
        yield port


@open_to_all
async def take(request: web.Request) -> web.Response:
    return web.Response(body=await request.read())


@open_to_all
async def large(_: web.Request) -> web.Response:
    return web.Response(body=b"x" * LARGE_BODY)


async def exchange(port: int, said: bytes) -> bytes:
    """All that is answered until the other side closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(said)
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize("said", [b"", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"])
async def test_who_does_not_end_the_head_is_cut_off(port: int, said: bytes) -> None:
    assert await exchange(port, said) == b""


async def test_who_asked_in_time_stays(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    ask = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    writer.write(ask)
    assert b"200 OK" in await reader.readuntil(b"ok\n")
    assert await exchange(port, b"") == b""  # the time for a head has passed
    writer.write(ask)
    assert b"200 OK" in await reader.readuntil(b"ok\n")
    writer.close()


async def test_a_long_body_is_refused_by_its_head(port: int) -> None:
    head = b"POST /take HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10485760\r\n\r\n"
    answer = await exchange(port, head + b"x" * 1000)
    assert b"413" in answer.partition(b"\r\n")[0]
    assert b"request-entity-too-large" in answer


async def test_a_long_body_without_a_length_is_refused_where_it_is_too_long(port: int) -> None:
    chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
    head = b"POST /take HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = await exchange(port, head + chunk * (MAX_BODY // 0x4000 + 2))
    assert b"413" in answer.partition(b"\r\n")[0]


async def test_a_body_that_does_not_come_is_given_up(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coalmine_aggregator.web.listening.BODY_S", 0.2)
    head = b"POST /take HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20\r\n\r\ntoken="
    answer = await exchange(port, head)
    assert b"408" in answer.partition(b"\r\n")[0]
    assert b"request-timeout" in answer


@pytest.mark.parametrize("body", [b"\r\n", b"Content-Length: 1\r\n\r\nx"])
async def test_a_large_answer_is_taken_in_time_or_cut_off(
    port: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, body: bytes
) -> None:
    ask = b"GET /large HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + body
    assert (await exchange(port, ask)).endswith(b"x" * LARGE_BODY)
    monkeypatch.setattr("coalmine_aggregator.web.listening.SEND_S", 0.3)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 16)
    writer.write(ask)
    await reader.readuntil(b"\r\n\r\n")
    while "web.answer.cut_off" not in caplog.text:  # noqa: ASYNC110 - bounded by the test's time
        await asyncio.sleep(0.01)
    writer.close()


async def test_an_export_waits_for_its_reader_but_not_for_ever() -> None:
    """Nothing is made ahead of a reader, and one that takes nothing is cut off."""
    made = 0
    exports = Exports(write_s=0.3, most=1)

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal made
        while True:
            made += 1
            yield b"x" * (1 << 20)

    @open_to_all
    async def export(request: web.Request) -> web.StreamResponse:
        return await exports.stream(request, pieces(), "text/csv", "x.csv")

    app = make_app(FakeView(), paced=False)
    app.router.add_get("/export", export)
    async with listening(app, "127.0.0.1", 0) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 16)
        writer.write(b"GET /export HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        async with ClientSession() as client:
            busy = await client.get(f"http://127.0.0.1:{port}/export")
            assert busy.status == 503
            assert "Retry-After" in busy.headers
        while exports.running:  # noqa: ASYNC110 - bounded by the test's time
            await asyncio.sleep(0.01)
        assert exports.cut_off == 1
        assert made < 20
        writer.close()
