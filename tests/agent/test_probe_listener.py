"""The loopback listener: its two pages, and what it does with bad requests and idle peers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from coalmine_agent import probe_listener
from coalmine_agent.probe_listener import MAX_CONNECTIONS, Answer, ProbeListener, open_listener
from coalmine_runtime.quantities import Address
from tests.agent.service import get


@pytest.fixture
async def listener() -> AsyncIterator[ProbeListener]:
    pages = {"/metrics": lambda: Answer(200, "text/plain", b"m 1\n")}
    opened = await open_listener(Address("127.0.0.1", 0), pages)
    yield opened
    await opened.close()


async def raw(port: int, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    return answer


async def test_pages(listener: ProbeListener) -> None:
    assert await get(listener.port, "/metrics?x=1") == (200, b"m 1\n")
    assert await get(listener.port, "/metrics", "HEAD") == (200, b"")
    assert (await get(listener.port, "/"))[0] == 404
    assert (await get(listener.port, "/metrics", "POST"))[0] == 405


async def test_a_connection_serves_several_requests(listener: ProbeListener) -> None:
    request = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert (await raw(listener.port, request + last)).count(b"m 1\n") == 2


@pytest.mark.parametrize(
    "data", [b"\x16\x03\x01 no http\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"a" * 20_000]
)
async def test_nonsense_is_dropped_and_others_are_served(listener: ProbeListener, data: bytes) -> None:
    try:
        assert b"m 1" not in await raw(listener.port, data)
    except ConnectionResetError:
        pass  # it was closed with our bytes unread
    assert (await get(listener.port, "/metrics"))[0] == 200


async def test_idle_peers_are_dropped(listener: ProbeListener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_listener, "IDLE_S", 0.05)
    assert await raw(listener.port, b"GET /metrics HTTP/1.1\r\n") == b""


async def test_those_who_hold_on_keep_nobody_out(listener: ProbeListener) -> None:
    held = [await asyncio.open_connection("127.0.0.1", listener.port) for _ in range(MAX_CONNECTIONS)]
    assert (await get(listener.port, "/metrics"))[0] == 200
    assert await held[0][0].read() == b"", "the oldest has given way"
    for _, writer in held:
        writer.close()


async def test_a_port_in_use_is_an_error(listener: ProbeListener) -> None:
    with pytest.raises(OSError, match="in use"):
        await open_listener(Address("127.0.0.1", listener.port), {})
