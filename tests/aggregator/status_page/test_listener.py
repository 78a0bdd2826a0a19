"""The listener over real sockets: what any client may do, and what happens to those who are slow."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

import pytest

from coalmine_aggregator.status_page.answers import Answer, Asked
from coalmine_aggregator.status_page.connection import MAX_HEAD
from coalmine_aggregator.status_page.listener import USUAL, Patience, listening
from tests.conftest import Authority, Certificate
from tests.servers.waiting import within

LARGE = 8 << 20
DEADLINE_S = 15.0


def answering(asked: Asked) -> Answer:
    if asked.path == "/large":
        return Answer(HTTPStatus.OK, {}, b"x" * LARGE)
    if asked.path == "/same":
        return Answer(HTTPStatus.NOT_MODIFIED, {"ETag": '"a"'})
    if asked.has_body or asked.method not in ("GET", "HEAD"):
        return Answer(HTTPStatus.METHOD_NOT_ALLOWED, {}, b"no\n", closes=True)
    return Answer(HTTPStatus.OK, {"X-Path": asked.path}, f"{asked.host} {asked.path}".encode())


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self, *, has_body: bool = True) -> tuple[int, dict[str, str], bytes]:
        head = (await within(self.reader.readuntil(b"\r\n\r\n"), DEADLINE_S)).decode()
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        size = int(headers.get("content-length", "0")) if has_body else 0
        return int(first.split()[1]), headers, await self.reader.readexactly(size)

    async def ended(self) -> bytes:
        """All that still comes, up to the end; one that is cut off ends too."""
        try:
            return await within(self.reader.read(), DEADLINE_S)
        except ConnectionError:
            return b""


class Site:
    """A listener and those who are connected to it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._clients: list[Client] = []

    async def connect(self, context: ssl.SSLContext | None = None) -> Client:
        name = "localhost" if context is not None else None
        client = Client(
            *await asyncio.open_connection(
                "127.0.0.1", self.port, ssl=context, server_hostname=name, limit=1 << 16
            )
        )
        self._clients.append(client)
        return client

    def close(self) -> None:
        for client in self._clients:
            client.writer.transport.abort()


@asynccontextmanager
async def site(
    patience: Patience = USUAL, context: ssl.SSLContext | None = None
) -> AsyncIterator[Site]:
    async with listening(answering, "127.0.0.1", 0, context, patience) as port:
        running = Site(port)
        try:
            yield running
        finally:
            running.close()


GET = b"GET /%b HTTP/1.1\r\nHost: status.example\r\n\r\n"


async def test_one_connection_asks_again_and_again() -> None:
    async with site() as running:
        client = await running.connect()
        for number in range(20):
            client.send(GET % f"{number}?query".encode())
            status, headers, body = await client.answer()
            assert (status, body) == (200, f"status.example /{number}".encode())
            assert headers.keys() == {"x-path", "date", "content-length"}


async def test_requests_may_follow_each_other_before_the_answers() -> None:
    async with site() as running:
        client = await running.connect()
        client.send(b"".join(GET % str(number).encode() for number in range(500)))
        for number in range(500):
            assert (await client.answer())[2] == f"status.example /{number}".encode()


async def test_who_asks_a_lot_at_once_waits_for_others() -> None:
    order: list[str] = []

    def noting(asked: Asked) -> Answer:
        order.append(asked.path)
        return answering(asked)

    async with listening(noting, "127.0.0.1", 0) as port:
        running = Site(port)
        greedy, other = await running.connect(), await running.connect()
        greedy.send((GET % b"greedy") * 4_000)
        other.send(GET % b"other")
        assert (await other.answer())[0] == 200
        for _ in range(4_000):
            await greedy.answer()
        running.close()
    assert order.count("/greedy") == 4_000
    assert order.index("/other") < 2_000


async def test_head_and_304_have_no_body() -> None:
    async with site() as running:
        client = await running.connect()
        client.send(b"HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n")
        status, headers, _ = await client.answer(has_body=False)
        assert (status, headers["content-length"]) == (200, "4")
        client.send(GET % b"same")
        status, headers, _ = await client.answer()
        assert (status, headers["etag"]) == (304, '"a"')
        assert "content-length" not in headers
        client.send(GET % b"last")
        assert (await client.answer())[2] == b"status.example /last"


@pytest.mark.parametrize("end", [b"Connection: close\r\n\r\n", b"\r\n"], ids=["close", "HTTP/1.0"])
async def test_who_wants_one_answer_gets_one(end: bytes) -> None:
    version = b"1.1" if end.startswith(b"Connection") else b"1.0"
    async with site() as running:
        client = await running.connect()
        client.send(b"GET / HTTP/%b\r\nHost: a\r\n%b" % (version, end))
        assert (await client.answer())[2] == b"a /"
        assert await client.ended() == b""


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20 + b"\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),  # no Host
        (b"GET /\x80 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * MAX_HEAD, 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n" + b"x" * 1_000_000, 405),
        (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 405),
    ],
)
async def test_what_is_refused_is_answered_and_ends(sent: bytes, status: int) -> None:
    async with site() as running:
        client = await running.connect()
        client.send(sent)
        found, headers, body = await client.answer()
        assert found == status
        assert headers["connection"] == "close"
        assert body in (b"no\n", b"Bad Request\n", b"Request Header Fields Too Large\n")
        assert await client.ended() == b""


@pytest.mark.parametrize("sent", [b"", b"GET / HT", GET % b"one"], ids=["nothing", "half", "one"])
async def test_who_asks_nothing_more_is_let_go(sent: bytes) -> None:
    async with site(Patience(idle_s=0.3)) as running:
        client = await running.connect()
        client.send(sent)
        if sent.endswith(b"\r\n\r\n"):
            await client.answer()
        assert await client.ended() == b""


async def test_who_drips_a_request_is_let_go() -> None:
    async with site(Patience(idle_s=0.5)) as running:
        client = await running.connect()
        ended = asyncio.create_task(client.ended())
        for byte in GET % (b"x" * 400):
            client.send(bytes([byte]))
            await asyncio.wait([ended], timeout=0.05)
            if ended.done():
                break
        assert ended.done()


async def test_who_takes_no_answer_is_cut_off_and_others_are_served() -> None:
    async with site(Patience(send_s=0.5)) as running:
        slow = socket.socket()
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        slow.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(slow, ("127.0.0.1", running.port))
        await loop.sock_sendall(slow, (GET % b"large") * 50)
        client = await running.connect()
        client.send(GET % b"x")
        assert (await client.answer())[0] == 200
        # The kernel may still hand over what it took; a whole answer it cannot be.
        assert await _taken(slow) < LARGE
        slow.close()


async def _taken(slow: socket.socket) -> int:
    """How many bytes come after the listener's patience has ended, up to the end."""
    loop = asyncio.get_running_loop()
    await asyncio.sleep(3)
    taken = 0
    async with asyncio.timeout(DEADLINE_S):
        try:
            while data := await loop.sock_recv(slow, 1 << 16):
                taken += len(data)
        except ConnectionError:
            pass
    return taken


async def test_a_large_answer_is_taken_in_its_own_time() -> None:
    async with site(Patience(send_s=1.0)) as running:
        client = await running.connect()
        client.send((GET % b"large") * 3 + GET % b"x")
        for _ in range(3):
            assert len((await client.answer())[2]) == LARGE
        assert (await client.answer())[2] == b"status.example /x"


async def test_those_who_hold_connections_cut_off_their_own() -> None:
    async with site(Patience(most=20)) as running:
        reader = await running.connect()
        reader.send(GET % b"0")
        await reader.answer()
        held = []
        for number in range(1, 10):
            held += [await running.connect() for _ in range(15)]
            reader.send(GET % str(number).encode())
            assert (await reader.answer())[2] == f"status.example /{number}".encode()
            late = await running.connect()
            late.send(GET % b"late")
            assert (await late.answer())[0] == 200
        gone = await asyncio.gather(*(each.ended() for each in held[:-20]))
        assert gone == [b""] * len(gone)


async def test_over_tls(authority: Authority, loopback: Certificate) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(loopback.chain, loopback.key)
    client_side = ssl.create_default_context(cafile=str(authority.ca_file))
    async with site(Patience(linger_s=0.3), server) as running:
        client = await running.connect(client_side)
        client.send(GET % b"x")
        assert (await client.answer())[2] == b"status.example /x"
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
        assert (await client.answer())[0] == 405
        assert await client.ended() == b""


async def test_a_stop_ends_everything_at_once() -> None:
    loop = asyncio.get_running_loop()
    async with site() as running:
        clients = [await running.connect() for _ in range(10)]
        clients[0].send(GET % b"large")
        began = loop.time()
    assert loop.time() - began < 5
    for client in clients[1:]:
        assert await client.ended() == b""
