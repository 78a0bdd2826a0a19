"""The connection to a real Mosquitto: TLS, passwords, loss, and what the library leaves behind."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import uvloop

from coalmine_aggregator.demo.ports import free_port
from coalmine_runtime.mqtt import (
    BrokerError,
    BrokerSettings,
    BrokerUrl,
    Connection,
    _Client,
    connect,
)
from coalmine_runtime.secret import Secret
from tests.conftest import Authority, Certificate
from tests.servers.mosquitto import Mosquitto
from tests.servers.waiting import within


def at(port: int) -> BrokerSettings:
    return BrokerSettings(url=BrokerUrl("127.0.0.1", port, tls=False))


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("mqtt://b.example", BrokerUrl("b.example", 1883, tls=False)),
        ("mqtts://b.example/", BrokerUrl("b.example", 8883, tls=True)),
        ("mqtts://[2001:db8::1]:99", BrokerUrl("2001:db8::1", 99, tls=True)),
    ],
)
def test_urls(text: str, url: BrokerUrl) -> None:
    assert BrokerUrl.parse(text) == url
    assert BrokerUrl.parse(str(url)) == url


@pytest.mark.parametrize(
    "text", ["b.example:1883", "http://b.example", "mqtt://", "mqtt://b:0", "mqtt://b/c", "mqtt://b:x"]
)
def test_what_is_no_url(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        BrokerUrl.parse(text)


async def test_tls_and_password(tmp_path: Path, authority: Authority, loopback: Certificate) -> None:
    broker = Mosquitto(tmp_path / "m", passwords={"me": "right"}, certificate=loopback)
    await broker.start()
    url = BrokerUrl("localhost", broker.port, tls=True)

    def settings(password: str, ca_file: Path | None) -> BrokerSettings:
        return BrokerSettings(url=url, username="me", password=Secret(password), ca_file=ca_file)

    async with connect(settings("right", authority.ca_file), "a") as connection:
        await connection.subscribe("t")
        await connection.publish("t", b"payload")
        async for message in connection.messages():
            assert message.payload == b"payload"
            break
    with pytest.raises(BrokerError, match=r"[Nn]ot authori"):
        async with connect(settings("sesame", authority.ca_file), "a"):
            pass
    with pytest.raises(BrokerError, match="CERTIFICATE_VERIFY_FAILED"):
        async with connect(settings("right", None), "a"):
            pass
    await broker.stop()


async def test_a_large_message_is_written_in_pieces(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path / "m")
    await broker.start()
    async with connect(at(broker.port), "a") as connection:
        await connection.subscribe("t")
        sizes = [4_000_000, 10, 3_000_000]
        sending = [asyncio.create_task(connection.publish("t", bytes(size))) for size in sizes]
        await asyncio.gather(*sending)
        found: list[int] = []
        async for message in connection.messages():
            assert isinstance(message.payload, bytes)
            found.append(len(message.payload))
            if len(found) == len(sizes):
                break
        assert found == sizes
    await broker.stop()


async def test_a_lost_connection_is_told(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path / "m")
    await broker.start()
    async with connect(at(broker.port), "a") as connection:
        lost = asyncio.create_task(connection.lost())
        await broker.kill()
        assert isinstance(await within(lost, 5), BrokerError)
        with pytest.raises(BrokerError):
            await connection.publish("t", b"", timeout_s=1)


def unacknowledged() -> _Client:
    """One whose messages leave, and wait."""
    client = _Client("nowhere.invalid", 1883)
    sender: Any = client._client
    sender.publish = lambda *_, **__: SimpleNamespace(rc=0, mid=7, is_published=lambda: False)
    return client


@pytest.mark.parametrize("turns", range(6))
async def test_a_cancellation_that_comes_with_the_acknowledgement_is_not_lost(turns: int) -> None:
    client = unacknowledged()
    publishing = asyncio.create_task(Connection(client).publish("t", b""))
    for _ in range(3):
        await asyncio.sleep(0)
    acknowledge: Any = client._on_publish
    acknowledge(None, None, 7, None, None)
    for _ in range(turns):
        await asyncio.sleep(0)
    told = publishing.done()
    publishing.cancel()
    await asyncio.wait([publishing])
    assert publishing.cancelled() is not told


async def test_no_acknowledgement_is_an_error() -> None:
    client = unacknowledged()
    with pytest.raises(BrokerError, match="timed out"):
        await Connection(client).publish("t", b"", timeout_s=0.01)


async def test_nobody_there() -> None:
    with pytest.raises(BrokerError, match="refused"):
        async with connect(at(free_port()), "a"):
            pass


async def test_a_connection_whose_caller_gave_up_does_not_live_on(tmp_path: Path) -> None:
    """The library connects in a thread, on its own: what comes of it later must be closed."""
    broker = Mosquitto(tmp_path / "m")
    await broker.start()
    broker.signal(signal.SIGSTOP)  # the kernel accepts, the broker does not answer

    async def enter() -> None:
        async with connect(at(broker.port), "zombie"):
            raise AssertionError("a stopped broker let us in")

    entering = asyncio.create_task(enter())
    done, _ = await asyncio.wait([entering], timeout=0.3)
    assert not done
    entering.cancel()
    await asyncio.gather(entering, return_exceptions=True)
    broker.signal(signal.SIGCONT)
    await broker.until_logged("Client zombie disconnected")
    await broker.stop()


async def test_a_loop_that_ends_while_it_connects_is_no_fault() -> None:
    """Then all that runs is cancelled at once, the library's own waiting as well."""
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    others = asyncio.all_tasks()
    asked = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        others.add(asyncio.current_task())  # type: ignore[arg-type]
        await reader.readexactly(2)
        asked.set()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        entering = asyncio.create_task(
            connect(at(server.sockets[0].getsockname()[1]), "a").__aenter__()
        )
        await within(asked.wait(), 5)
        ours = asyncio.all_tasks() - others
        assert len(ours) > 1
        for task in ours:
            task.cancel()
        await asyncio.wait(ours)
        await asyncio.sleep(0)
    assert entering.cancelled()
    assert told == []


# A descriptor that the client closed may be another socket's a moment later: no event of that socket
# may ever be the client's, or be missed. Under uvloop, which keeps handles by descriptor.
def test_descriptors_are_left_clean_under_uvloop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        broker = Mosquitto(tmp_path / "m")
        await broker.start()
        loop = asyncio.get_running_loop()
        problems: list[object] = []
        loop.set_exception_handler(lambda _, context: problems.append(context))
        before = descriptors()
        for turn in range(30):
            async with connect(at(broker.port), f"a{turn}") as connection:
                sock = connection._client._client.socket()
                assert isinstance(sock, socket.socket)
                number = sock.fileno()
                sending = asyncio.create_task(connection.publish("t", b"x", timeout_s=1))
                await asyncio.sleep(0)  # the write is armed for the next turn
                sock.shutdown(socket.SHUT_RDWR)
                connection.drop()
                calls: list[None] = []
                monkeypatch.setattr(
                    connection._client._client, "loop_write", lambda seen=calls: seen.append(None)
                )
                ours, theirs = socket.socketpair()
                ours.setblocking(False)
                theirs.setblocking(False)
                assert number in (ours.fileno(), theirs.fileno())
                mine = ours if ours.fileno() == number else theirs
                other = theirs if mine is ours else ours
                receiving = asyncio.create_task(loop.sock_recv(mine, 10))
                await asyncio.sleep(0)
                await loop.sock_sendall(other, b"mine")
                assert await within(receiving, 2) == b"mine"
                assert calls == []  # a writer armed on a number that is ours now is called for ever
                ours.close()
                theirs.close()
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
        gc.collect()
        await asyncio.sleep(0)
        assert descriptors() <= before + 1
        await broker.stop()
        assert problems == []

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())
