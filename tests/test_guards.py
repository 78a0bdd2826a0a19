"""The suite's own guards: what blocks an event loop fails a test, what does not passes; what a test
started dies with it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import OF_A_SERVICE, Authority, BlockingCallError
from tests.servers.waiting import until


async def test_sleeping_and_resolving_on_a_loop_fail() -> None:
    with pytest.raises(BlockingCallError, match="sleep"):
        time.sleep(0.001)  # noqa: ASYNC251
    with pytest.raises(BlockingCallError, match="getaddrinfo"):
        socket.getaddrinfo("localhost", 80)


async def test_waiting_for_a_peer_on_a_loop_fails() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with socket.create_connection(listener.getsockname()) as client:
            with pytest.raises(BlockingCallError, match="accept"):
                listener.accept()
            with pytest.raises(BlockingCallError, match="recv"):
                client.recv(1)
            client.setblocking(False)
            with pytest.raises(BlockingIOError):
                client.recv(1)


async def test_the_same_calls_are_free_in_a_thread_and_off_the_loop() -> None:
    await asyncio.to_thread(time.sleep, 0.001)
    assert await asyncio.get_running_loop().getaddrinfo("localhost", 80)
    assert socket.getaddrinfo("127.0.0.1", 80)  # an address asks nobody


def test_without_a_loop_nothing_is_guarded() -> None:
    time.sleep(0.001)
    assert socket.getaddrinfo("localhost", 80)


async def test_the_authority_signs_what_its_clients_verify(authority: Authority) -> None:
    async def hello(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        writer.close()

    server = await asyncio.start_server(
        hello, "127.0.0.1", 0, ssl=authority.server_context("localhost")
    )
    async with server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=authority.client_context(), server_hostname="localhost"
        )
        assert await reader.read(5) == b"hello"
        writer.close()
        await writer.wait_closed()


def test_what_a_service_that_runs_the_tests_was_given_is_for_none_of_theirs() -> None:
    code = "import os, tests.conftest; print(*(os.environ.keys() & tests.conftest.OF_A_SERVICE))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **dict.fromkeys(OF_A_SERVICE, "/of/another")},
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "\n"


_WITH_SERVERS = """
import signal
from tests.servers.postgres import Postgres
server = Postgres()
server.start()
print(server.folder, flush=True)
signal.pause()
"""


async def test_a_database_server_dies_with_the_tests_and_leaves_nothing() -> None:
    tests = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _WITH_SERVERS),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[1],
        start_new_session=True,
    )
    assert tests.stdout is not None
    folder = Path((await tests.stdout.readline()).decode().strip())
    server = int((folder / "data" / "postmaster.pid").read_text().split()[0])
    os.kill(server, 0)
    os.killpg(tests.pid, signal.SIGKILL)
    await tests.wait()
    left = [folder, Path(f"/proc/{server}")]

    async def gone() -> bool:
        return not any(map(Path.exists, left))

    await until(gone, deadline_s=20.0, what="server and folder are gone")
