"""One node, a real process: what it passes on to whom, what it loses, how it comes back."""

from __future__ import annotations

import asyncio
import signal
import socket
from pathlib import Path

import pytest

from coalmine_aggregator.demo import children
from coalmine_aggregator.demo.children import Child
from coalmine_aggregator.demo.pool.grounds import NODE_ARGV
from coalmine_aggregator.demo.ports import HOST, free_port
from coalmine_aggregator.demo.stage import heard, say
from tests.servers.sink import Sink
from tests.servers.waiting import within

WAIT_S = 20


async def started(folder: Path, port: int, aggregator: Sink, store: Sink) -> Child:
    argv = (*NODE_ARGV, str(port), aggregator.address, store.address)
    node = await children.start("node", argv, folder, piped=True)
    assert await within(heard(node), WAIT_S) == {"ready": True}
    return node


async def told(node: Child, line: str) -> dict[str, object]:
    say(node, line)
    return await within(heard(node), WAIT_S)


async def send_tcp(port: int, data: bytes) -> None:
    _, writer = await asyncio.open_connection(HOST, port)
    writer.write(data)
    writer.close()
    await writer.wait_closed()


def send_udp(port: int, data: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(data, (HOST, port))


async def test_canaries_reach_the_aggregator_and_all_else_the_store(tmp_path: Path) -> None:
    port = free_port()
    async with Sink() as aggregator, Sink() as store:
        node = await started(tmp_path, port, aggregator, store)
        try:
            await send_tcp(port, b"canary.a 1 1\ncustomer.1 1 1\n")
            send_udp(port, b"customer.2 1 1\ncanary.b 1 1\n")
            await aggregator.until(rb"canary\.[ab] 1 1\n", 2)
            await store.until(rb"customer\.[12] 1 1\n", 2)
            assert b"customer" not in aggregator.content
            assert b"canary" not in store.content
        finally:
            await children.stop([[node]])


async def test_it_loses_udp_alone_when_told_to(tmp_path: Path) -> None:
    port = free_port()
    async with Sink() as aggregator, Sink() as store:
        node = await started(tmp_path, port, aggregator, store)
        try:
            assert await told(node, "tcp") == {"error": "a node does not lose 'tcp'"}
            assert await told(node, "udp") == {"loses": "udp"}
            send_udp(port, b"customer.1 1 1\n")
            await send_tcp(port, b"customer.2 1 1\n")
            await store.until(rb"customer\.2 ")
            assert await told(node, "") == {"loses": ""}
            send_udp(port, b"customer.3 1 1\n")
            await store.until(rb"customer\.3 ")
            assert b"customer.1 " not in store.content
        finally:
            await children.stop([[node]])


async def test_killed_it_refuses_and_started_again_it_takes_at_the_same_port(tmp_path: Path) -> None:
    port = free_port()
    async with Sink() as aggregator, Sink() as store:
        node = await started(tmp_path, port, aggregator, store)
        await send_tcp(port, b"customer.1 1 1\n")
        await store.until(rb"customer\.1 ")
        node.send(signal.SIGKILL)
        await node.ended
        with pytest.raises(ConnectionRefusedError):
            await send_tcp(port, b"customer.2 1 1\n")
        node = await started(tmp_path, port, aggregator, store)
        try:
            await send_tcp(port, b"customer.3 1 1\n")
            await store.until(rb"customer\.3 ")
        finally:
            await children.stop([[node]])
