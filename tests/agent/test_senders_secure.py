"""tls, pickle_tls and https against real TLS servers, good and bad."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
import weakref

import pytest

from coalmine_wire.pickle_codec import encode_point
from coalmine_wire.protocols import Protocol
from coalmine_wire.reports import Step, Verdict
from tests.agent.attempts import NAME, SLOT, attempt, closed_port, listener, plan_for, silent_socket
from tests.conftest import Authority

LINE = f"{NAME} 1 {SLOT}\n".encode()
SECURE = [Protocol.TLS, Protocol.PICKLE_TLS, Protocol.HTTPS]

NO_CONTENT = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"


@pytest.fixture
def server(authority: Authority) -> ssl.SSLContext:
    return authority.server_context("localhost", "127.0.0.1", "::1")


@pytest.fixture
def client(authority: Authority) -> ssl.SSLContext:
    return authority.client_context()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize(
    ("protocol", "data"),
    [(Protocol.TLS, LINE), (Protocol.PICKLE_TLS, encode_point(NAME.encode(), SLOT))],
)
async def test_delivers_with_an_orderly_end(
    server: ssl.SSLContext,
    client: ssl.SSLContext,
    host: str,
    protocol: Protocol,
    data: bytes,
    version: ssl.TLSVersion,
) -> None:
    server.maximum_version = version
    async with listener(host=host, tls=server) as served:
        ended = await attempt(plan_for(protocol, served.port, host=host, tls=client))
        assert await served.received.get() == data  # to an end of file, not a reset
    assert ended.outcome.verdict is Verdict.SENT
    assert ended.us(Step.CONNECT) >= 0
    assert ended.us(Step.TLS) > 0
    assert ended.us(Step.SEND) >= 0
    assert ended.us(Step.RESPONSE) == -1
    assert ended.expires_at > SLOT


async def test_each_attempt_makes_a_full_handshake(
    server: ssl.SSLContext, client: ssl.SSLContext
) -> None:
    reused: list[bool] = []

    async def looks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reused.append(writer.get_extra_info("ssl_object").session_reused)
        await reader.read()

    async with listener(looks, tls=server) as served:
        for _ in range(3):
            await attempt(plan_for(Protocol.TLS, served.port, tls=client))
    assert reused == [False, False, False]


@pytest.mark.parametrize("protocol", SECURE)
async def test_the_trust_of_a_plan_goes_with_it(
    server: ssl.SSLContext, authority: Authority, protocol: Protocol
) -> None:
    """A reload brings new contexts, and the system's certificates take a mebibyte in each."""

    async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(NO_CONTENT)

    client = authority.client_context()
    there = weakref.ref(client)
    async with listener(answers, tls=server) as served:
        ended = await attempt(plan_for(protocol, served.port, tls=client))
    assert ended.outcome.verdict is Verdict.SENT
    del client
    gc.collect()
    assert there() is None


async def serve_once(listening: socket.socket, context: ssl.SSLContext, *, close: bool) -> bytes:
    """Answers one connection by hand, until it has data or refuses; then may close, or never does."""
    loop = asyncio.get_running_loop()
    accepted, _ = await loop.sock_accept(listening)
    with accepted:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_side=True)
        data, refused = b"", False
        while not data and not refused:
            try:
                data = tls.read(4096)
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError:
                refused = True
            await loop.sock_sendall(accepted, outgoing.read())
            if not data and not refused:
                incoming.write(await loop.sock_recv(accepted, 65536))
        if not close:
            await asyncio.Event().wait()
        return data


async def test_a_server_that_never_closes_has_it_all_the_same(
    server: ssl.SSLContext, client: ssl.SSLContext
) -> None:
    with silent_socket() as sock:
        serving = asyncio.create_task(serve_once(sock, server, close=False))
        ended = await attempt(plan_for(Protocol.TLS, sock.getsockname()[1], tls=client), deadline_s=0.4)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
    assert ended.outcome.verdict is Verdict.SENT
    assert ended.took_s == pytest.approx(0.4, abs=0.1)
    assert ended.us(Step.SEND) < 200_000  # acknowledged long before


@pytest.mark.parametrize("protocol", SECURE)
async def test_a_wrong_name_fails_the_handshake(
    authority: Authority, client: ssl.SSLContext, protocol: Protocol
) -> None:
    async with listener(tls=authority.server_context("other.example")) as served:
        ended = await attempt(plan_for(protocol, served.port, tls=client))
    assert ended.outcome.verdict is Verdict.FAILED
    assert ended.outcome.step is Step.TLS
    assert "certificate: Hostname mismatch" in ended.outcome.error
    assert ended.expires_at == 0


async def test_an_unknown_authority_fails_the_handshake(server: ssl.SSLContext) -> None:
    async with listener(tls=server) as served:
        ended = await attempt(plan_for(Protocol.TLS, served.port, tls=ssl.create_default_context()))
    assert ended.outcome.step is Step.TLS
    assert "certificate: unable to get local issuer certificate" in ended.outcome.error


async def test_a_demanded_client_certificate_fails_it_though_the_handshake_seemed_done(
    server: ssl.SSLContext, client: ssl.SSLContext, authority: Authority
) -> None:
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(authority.ca_file)
    with silent_socket() as sock:
        serving = asyncio.create_task(serve_once(sock, server, close=True))
        ended = await attempt(plan_for(Protocol.TLS, sock.getsockname()[1], tls=client))
        assert await serving == b""
    assert ended.outcome.verdict is Verdict.FAILED
    assert "certificate required" in ended.outcome.error


async def test_a_client_certificate_is_shown(
    server: ssl.SSLContext, client: ssl.SSLContext, authority: Authority
) -> None:
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(authority.ca_file)
    ours = authority.issue("agent.example")
    client.load_cert_chain(ours.chain, ours.key)
    async with listener(tls=server) as served:
        ended = await attempt(plan_for(Protocol.TLS, served.port, tls=client))
        assert await served.received.get() == LINE
    assert ended.outcome.verdict is Verdict.SENT


@pytest.mark.parametrize("protocol", SECURE)
async def test_a_handshake_without_an_answer_is_abandoned_and_reset(
    client: ssl.SSLContext, protocol: Protocol
) -> None:
    loop = asyncio.get_running_loop()
    with silent_socket() as sock:
        ended = await attempt(plan_for(protocol, sock.getsockname()[1], tls=client), deadline_s=0.2)
        accepted, _ = await loop.sock_accept(sock)
        with accepted:
            assert await loop.sock_recv(accepted, 65536)  # its hello
            with pytest.raises(ConnectionResetError):
                await loop.sock_recv(accepted, 65536)
    assert ended.outcome.verdict is Verdict.ABANDONED
    assert ended.outcome.step is Step.TLS
    assert ended.us(Step.TLS) == pytest.approx(200_000, abs=50_000)


@pytest.mark.parametrize("protocol", SECURE)
async def test_a_peer_without_tls_fails_the_handshake(
    client: ssl.SSLContext, protocol: Protocol
) -> None:
    async def talks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"220 mail.example ESMTP\r\n")
        await writer.drain()

    async with listener(talks) as served:
        ended = await attempt(plan_for(protocol, served.port, tls=client))
    assert ended.outcome.verdict is Verdict.FAILED
    assert ended.outcome.step is Step.TLS
    assert "wrong version number" in ended.outcome.error


async def test_a_peer_that_closes_in_the_handshake_fails_it(client: ssl.SSLContext) -> None:
    async def closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)

    async with listener(closes) as served:
        ended = await attempt(plan_for(Protocol.TLS, served.port, tls=client))
    assert ended.outcome.verdict is Verdict.FAILED
    assert ended.outcome.step is Step.TLS
    assert "closed the connection" in ended.outcome.error


@pytest.mark.parametrize("protocol", SECURE)
async def test_a_refused_connection_fails_before_the_handshake(
    client: ssl.SSLContext, protocol: Protocol
) -> None:
    ended = await attempt(plan_for(protocol, closed_port(), tls=client))
    assert ended.outcome.step is Step.CONNECT
    assert "connection refused" in ended.outcome.error


# HTTPS.


def answering(*pieces: bytes, close: bool = True) -> object:
    """A handler that reads one request and answers in pieces, each in a record of its own."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.rpartition(b"Content-Length: ")[2])
        requests.put_nowait(head + await reader.readexactly(length))
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if not close:
            await asyncio.Event().wait()

    requests: asyncio.Queue[bytes] = asyncio.Queue()
    handler.requests = requests  # type: ignore[attr-defined]
    return handler


async def post(
    handler: object, server: ssl.SSLContext, client: ssl.SSLContext, deadline_s: float = 1.0
) -> tuple[object, bytes]:
    async with listener(handler, tls=server) as served:  # type: ignore[arg-type]
        plan = plan_for(Protocol.HTTPS, served.port, tls=client)
        ended = await attempt(plan, deadline_s=deadline_s)
        return ended, await handler.requests.get()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "pieces",
    [
        (NO_CONTENT,),
        (NO_CONTENT[:10], NO_CONTENT[10:]),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", b"ok"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 202 Accepted\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 300_000,),
    ],
)
async def test_a_2xx_is_sent(
    server: ssl.SSLContext, client: ssl.SSLContext, pieces: tuple[bytes, ...]
) -> None:
    ended, request = await post(answering(*pieces), server, client)
    assert ended.outcome.verdict is Verdict.SENT, ended.outcome  # type: ignore[attr-defined]
    assert ended.us(Step.RESPONSE) > 0  # type: ignore[attr-defined]
    assert ended.took_s < 0.8  # type: ignore[attr-defined]
    head, _, body = request.partition(b"\r\n\r\n")
    assert body == LINE
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /api/v1/sink HTTP/1.1"
    assert "Connection: close" in lines
    assert "Authorization: Basic a2V5Og==" in lines
    assert any(line.startswith("Host: 127.0.0.1:") for line in lines)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"HTTP/1.1 500 Internal Server Error\r\n\r\n", "HTTP 500 Internal Server Error"),
        (b"HTTP/1.1 301 Moved\r\nLocation: /\r\n\r\n", "HTTP 301 Moved"),
        (b"HTTP/1.1 200 OK\r\nCut: of", "closed the connection before its answer was complete"),
        (b"ICY 200 OK\r\n\r\n", "no HTTP answer"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 20_000, "no end of the answer's head"),
    ],
)
async def test_any_other_answer_fails(
    server: ssl.SSLContext, client: ssl.SSLContext, answer: bytes, error: str
) -> None:
    ended, _ = await post(answering(answer), server, client)
    assert ended.outcome.verdict is Verdict.FAILED  # type: ignore[attr-defined]
    assert ended.outcome.step is Step.RESPONSE  # type: ignore[attr-defined]
    assert error in ended.outcome.error  # type: ignore[attr-defined]


async def test_an_answer_that_does_not_come_is_abandoned(
    server: ssl.SSLContext, client: ssl.SSLContext
) -> None:
    ended, _ = await post(answering(b"HTTP/1.1 ", close=False), server, client, deadline_s=0.4)
    assert ended.outcome.verdict is Verdict.ABANDONED  # type: ignore[attr-defined]
    assert ended.outcome.step is Step.RESPONSE  # type: ignore[attr-defined]
    assert ended.took_s == pytest.approx(0.4, abs=0.1)  # type: ignore[attr-defined]


async def test_a_connection_kept_open_changes_no_verdict(
    server: ssl.SSLContext, client: ssl.SSLContext
) -> None:
    ended, _ = await post(answering(NO_CONTENT, close=False), server, client, deadline_s=0.5)
    assert ended.outcome.verdict is Verdict.SENT  # type: ignore[attr-defined]
    assert ended.us(Step.RESPONSE) < 400_000  # type: ignore[attr-defined]


async def test_the_port_of_an_ipv6_address_stands_outside_its_brackets(
    server: ssl.SSLContext, client: ssl.SSLContext
) -> None:
    handler = answering(NO_CONTENT)
    async with listener(handler, host="::1", tls=server) as served:  # type: ignore[arg-type]
        await attempt(plan_for(Protocol.HTTPS, served.port, host="::1", tls=client))
        request = await handler.requests.get()  # type: ignore[attr-defined]
    assert f"Host: [::1]:{served.port}".encode() in request
    assert socket.has_ipv6
