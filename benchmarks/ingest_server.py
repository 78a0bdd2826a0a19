"""The receiving side of `benchmarks.ingest`, a process of its own: receivers, decoder, ledger.

    python -m benchmarks.ingest_server SERIES CERTIFICATE

It prints one JSON object with its addresses, and one with its counts for each line on its input.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import ssl
import sys
import time

import numpy as np
import uvloop

from coalmine_aggregator.ledger.ring import Ring
from coalmine_aggregator.model.receipts import Receipts
from coalmine_aggregator.receivers.limits import ReceiverLimits
from coalmine_aggregator.receivers.reasons import Reason
from coalmine_aggregator.receivers.receivers import Listen, Receivers
from coalmine_aggregator.receivers.table import SeriesTable
from coalmine_runtime import clock
from coalmine_wire.protocols import Protocol

ADDRESSES = 2
"""Loopback addresses that take short connections, so that the client never runs out of ports."""


def names(series: int) -> list[bytes]:
    """As many names as there are series, six of each host."""
    return [
        b"canary.ingest.external.eu-west-1.eu-west-1%c.host%06d.%s"
        % (b"abc"[host % 3], host, protocol.value.encode())
        for host in range(-(-series // 6))
        for protocol in Protocol
    ][:series]


class Ledger:
    """The hot half of the ledger: each receipt counted in the ring, the newest slot followed."""

    def __init__(self, series: int) -> None:
        self.received = 0
        self._ring = Ring(int(clock.wall()) - 60)
        self._ring.grow(series)

    def receive(self, receipts: Receipts) -> None:
        self.received += len(receipts.series)
        self._ring.reach(int(receipts.slots.max()))
        self._ring.count(receipts.slots, receipts.series)


async def serve(series: int, certificate: str) -> None:
    table = SeriesTable(secrets.token_bytes(32))
    for number, name in enumerate(names(series)):
        table.put(name, number)
    table.lookup(np.zeros((1, table.words), np.uint64))  # index them before the clock starts
    ledger = Ledger(series)
    rejected: dict[str, int] = {}

    def rejects(source: int, reason: Reason, count: int) -> None:
        rejected[reason.value] = rejected.get(reason.value, 0) + count

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    receivers = Receivers(
        [
            Listen(protocol=protocol, host=f"127.0.0.{number}", port=0, source=0, tls=tls)
            for protocol, tls in ((Protocol.TCP, None), (Protocol.TLS, context))
            for number in range(1, ADDRESSES + 1)
        ],
        table=table,
        sink=ledger.receive,
        rejects=rejects,
        limits=ReceiverLimits(past_s=3600),
    )
    await receivers.start()
    addresses: dict[str, list[tuple[str, int]]] = {"tcp": [], "tls": []}
    for receiver in receivers.each:
        addresses[receiver.listen.protocol.value] += receiver.addresses
    print(json.dumps(addresses), flush=True)

    asked = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(asked), sys.stdin
    )
    while await asked.readline():
        drained = await receivers.drain(0.1)
        print(
            json.dumps(
                {
                    "received": ledger.received,
                    "rejected": rejected,
                    "drained": drained,
                    "cpu_s": time.process_time(),
                }
            ),
            flush=True,
        )
    await receivers.stop()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), sys.argv[2]))
