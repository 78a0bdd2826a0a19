"""Anything at all, at every receiver: counted by reason, and no datapoint of the fleet is lost."""

from __future__ import annotations

import asyncio
import random
import ssl
import struct
from collections.abc import Awaitable, Callable

from coalmine_runtime import clock
from tests.conftest import Authority
from tests.e2e.fleet import Fleet
from tests.e2e.site import Site

FLOOD_S = 8.0

Send = Callable[[bytes], Awaitable[None]]


def _frame(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body


def garbage(seed: int) -> list[bytes]:
    """What a broken or hostile client might send; the same for the same seed."""
    some = random.Random(seed)
    now = int(clock.wall())
    known = b"canary.ingest.external.eu-west-1.eu-west-1a.canary-eu.tcp"
    return [
        some.randbytes(4000),
        b"x" * 20_000 + b"\n",
        b"canary.ingest.external.nowhere.nowhere.nobody.tcp 1 %d\n" % now,
        b"%s nan %d\n%s -1 %d\n%s 1e400 %d\n" % (known, now, known, now, known, now),
        b"%s 1 %d\n%s 1 %d\n%s 1 -5\n" % (known, now + 10**6, known, now - 10**6, known),
        b"%s\n%s 1\n\n \n\xff\xfe 1 1\n%s 1 %d extra\n" % (known, known, known, now),
        _frame(b"cos\nsystem\n(S'touch /tmp/never'\ntR."),
        _frame(b"\x80\x02" + b"]" * 5000 + b"."),
        _frame(b"\x80\x02\x8b\xff\xff\xff\x7f"),
        struct.pack(">I", 0xFFFFFFFF) + b"x" * 100,
        _frame(some.randbytes(500)),
        b"POST /api/v1/sink HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n" + b"y" * 5000,
        b"GET / HTTP/9.9\r\n\r\n",
        b"",
    ]


async def test_bad_input_harms_nobody_else(site: Site, fleet: Fleet, authority: Authority) -> None:
    """Straight at the aggregator's receivers, past the relays, in all their protocols."""
    context = authority.client_context()
    first = await site.api.settled() + 1
    rejected = await site.api.metric("coalmine_rejects_total")
    until = clock.monotonic() + FLOOD_S
    sent = sum(
        await asyncio.gather(
            _flood(site.ports["tcp"], None, 1, until),
            _flood(site.ports["pickle"], None, 2, until),
            _flood(site.ports["https"], context, 3, until),
            _flood(site.ports["https"], None, 4, until),
        )
    )
    assert sent > 100
    last = int(clock.wall())
    await site.api.until_settled(last)
    for protocol, rows in (await site.api.rates("protocol", first=first)).items():
        for row in rows:
            assert row.exact, (protocol, row)
            assert row.received == fleet.expected[protocol], (protocol, row)
    assert site.aggregator.running
    assert await site.api.metric("coalmine_rejects_total") > rejected
    alerts = await site.api.alerts()
    assert alerts["open"] == alerts["recent"] == []


async def _flood(port: int, tls: ssl.SSLContext | None, seed: int, until: float) -> int:
    """Connects, sends one piece, goes away: one after the other. Returns how many."""
    sent = 0
    while clock.monotonic() < until:
        for piece in garbage(seed + sent):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
            except OSError:
                continue  # turned away at its limit, which is its right
            try:
                writer.write(piece)
                await writer.drain()
            except OSError:
                pass
            finally:
                writer.transport.abort()
            sent += 1
            await asyncio.sleep(0.005)  # the two cores are the fleet's as well
    return sent
