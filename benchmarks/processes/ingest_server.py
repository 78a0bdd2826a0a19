"""The receiving side of `benchmarks.ingest`, a process of its own: receivers, decoder, engine.

    python -m benchmarks.processes.ingest_server SERIES CERTIFICATE

It prints one JSON object with its addresses, and one with its counts for each line on its input.
"""

from __future__ import annotations

import asyncio
import gc
import json
import secrets
import ssl
import sys
import time

import numpy as np
import uvloop

from coalmine_aggregator.engine import Engine
from coalmine_aggregator.model.policy import ServicePolicy
from coalmine_aggregator.model.receipts import Receipts
from coalmine_aggregator.receivers.limits import ReceiverLimits
from coalmine_aggregator.receivers.reasons import Reason
from coalmine_aggregator.receivers.receivers import Listen, Receivers
from coalmine_aggregator.receivers.table import SeriesTable
from coalmine_runtime import clock, logs
from coalmine_wire.protocols import Protocol
from coalmine_wire.reports import Birth, Endpoint
from coalmine_wire.series import Location

ADDRESSES = 2
"""Loopback addresses that take short connections, so that the client never runs out of ports."""


_PLACES = ("a", "b", "c")


def births(series: int, now: int) -> list[Birth]:
    """Agents with six endpoints each, as many as make up so many series."""
    return [
        Birth(
            agent=f"host{number:06}",
            boot="1",
            revision=1,
            first_slot=now - 3,
            location=Location.EXTERNAL,
            region="eu-west-1",
            zone=f"eu-west-1{_PLACES[number % 3]}",
            host=f"host{number:06}",
            endpoints=[Endpoint("ingest", protocol, 0) for protocol in Protocol],
        )
        for number in range(series // len(Protocol))
    ]


def names(series: int) -> list[bytes]:
    """The Graphite names of their series."""
    return [each.name().encode() for birth in births(series, 0) for each in birth.series()]


class Sink:
    """The engine, and how many receipts it was given."""

    def __init__(self, engine: Engine) -> None:
        self.received = 0
        self._engine = engine

    def receive(self, receipts: Receipts) -> None:
        self.received += len(receipts.series)
        self._engine.receive(receipts)


async def serve(series: int, certificate: str) -> None:
    now = clock.wall()
    engine = Engine(
        fleet="benchmark",
        policies={"ingest": ServicePolicy("ingest", 0.001)},
        sources=["stream"],
        now=now,
    )
    for birth in births(series, int(now)):
        engine.birth(birth, now)
    table = SeriesTable(secrets.token_bytes(32))
    for name, number in engine.table_changes():
        if number is not None:
            table.put(name, number)
    assert len(table) == series
    table.lookup(np.zeros((1, table.words), np.uint64))  # index them before the clock starts
    gc.collect()
    gc.freeze()
    sink = Sink(engine)
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
        sink=sink.receive,
        rejects=rejects,
        limits=ReceiverLimits(),
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
                    "received": sink.received,
                    "oddities": engine.oddities(),
                    "rejected": rejected,
                    "drained": drained,
                    "cpu_s": time.process_time(),
                }
            ),
            flush=True,
        )
    await receivers.stop()


if __name__ == "__main__":
    logs.set_up(level="error")
    uvloop.run(serve(int(sys.argv[1]), sys.argv[2]))
