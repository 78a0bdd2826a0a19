"""Answers to agent-checks, over real connections. Invariant: nobody keeps others from an answer."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import struct
from collections.abc import AsyncIterator, Sequence

import pytest

from coalmine_runtime import agent_check_server, clock
from coalmine_runtime.agent_check_server import AgentCheckServer
from coalmine_runtime.quantities import Address, IPNetwork
from tests.servers.waiting import within

WORDS = {"": "up 100%", "ingest": "down #coalmine", "query": "up 0%"}


@contextlib.asynccontextmanager
async def serving(
    named: bool = True, allow_from: Sequence[IPNetwork] = ()
) -> AsyncIterator[AgentCheckServer]:
    server = AgentCheckServer(
        lambda name: WORDS.get(name, "up 50%"), named=named, allow_from=allow_from
    )
    await server.start(Address("127.0.0.1", 0))
    try:
        yield server
    finally:
        await server.close()


async def ask(server: AgentCheckServer, sent: bytes = b"") -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        writer.write(sent)
        return await within(reader.read(), 10)
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("sent", "word"),
    [
        (b"ingest\n", b"down #coalmine\n"),
        (b"query\r\n", b"up 0%\n"),
        (b"other\n", b"up 50%\n"),
        (b"", b"up 100%\n"),
        (b"\n", b"up 100%\n"),
        (b"x" * 5000, b"up 100%\n"),
        (b"\x16\x03\x01\x00\xff\n", b"up 100%\n"),
    ],
)
async def test_who_asks_is_answered(sent: bytes, word: bytes) -> None:
    async with serving() as server:
        assert await ask(server, sent) == word


async def test_where_no_name_is_needed_none_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_check_server, "NAME_S", 60.0)
    async with serving(named=False) as server:
        assert await ask(server, b"ingest\n") == b"up 100%\n"
        assert await ask(server) == b"up 100%\n"


async def test_those_who_hold_on_keep_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_check_server, "NAME_S", 60.0)
    monkeypatch.setattr(agent_check_server, "MAX_CONNECTIONS", 3)
    async with serving() as server:
        silent = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(9)]
        assert await ask(server, b"ingest\n") == b"down #coalmine\n"
        for _, writer in silent:
            writer.close()


async def test_others_than_those_allowed_get_nothing() -> None:
    async with serving(allow_from=[ipaddress.ip_network("10.0.0.0/8")]) as server:
        assert await ask(server, b"ingest\n") == b""
        assert server.refused == 1
    async with serving(allow_from=[ipaddress.ip_network("127.0.0.0/8")]) as server:
        assert await ask(server, b"ingest\n") == b"down #coalmine\n"


async def test_one_who_resets_the_connection_harms_nobody() -> None:
    async with serving() as server:
        for _ in range(20):
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            sock = writer.get_extra_info("socket")
            sock.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SOL_SOCKET, SO_LINGER: close by reset
            writer.write(b"ing")
            writer.close()
        assert await ask(server, b"query\n") == b"up 0%\n"


async def test_the_last_words_are_waited_for_only_where_somebody_needs_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(agent_check_server, "FAREWELL_S", 0.3)
    async with serving() as server:
        await ask(server, b"x\n")
        assert server.told_out() == set()
        await ask(server, b"ingest\n")
        assert server.told_out() == {"ingest"}
        began = clock.monotonic()
        await server.farewell()
        assert clock.monotonic() - began >= 0.3
        monkeypatch.setitem(WORDS, "ingest", "up 100%")
        await ask(server, b"ingest\n")
        assert server.told_out() == set()
        began = clock.monotonic()
        await server.farewell()
        assert clock.monotonic() - began < 0.3


async def test_a_port_in_use_is_an_error() -> None:
    async with serving() as server:
        second = AgentCheckServer(lambda _: "up 100%", named=False)
        with pytest.raises(OSError):
            await second.start(Address("127.0.0.1", server.port))
