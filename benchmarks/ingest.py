"""Datapoints a second into the aggregator: receive, decode, ledger; and carbon-c-relay beside it.

    python -m benchmarks.ingest [--quick] [--json] [--check]

The receivers run in a process of their own on one core, the client on the other, and what counts is the
receiving process's processor time: datapoints or connections per second of it.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import trustme

from benchmarks import usage
from benchmarks.peers.relay_aggregation import RelayAggregation
from benchmarks.processes.ingest_server import names
from benchmarks.report import Options, Report, main, say
from coalmine_runtime import clock

SMALL = 6_000
LARGE = 600_000
BATCH = 600_000
"""Lines that are sent over and over, in random order."""

_PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Rate:
    """What went in, and what it took the receiving process."""

    count: int
    cpu_s: float
    wall_s: float

    @property
    def per_cpu_s(self) -> float:
        return self.count / self.cpu_s

    @property
    def per_wall_s(self) -> float:
        return self.count / self.wall_s


class Server:
    """The receiving process, on its core."""

    def __init__(self, series: int, certificate: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.processes.ingest_server", str(series), str(certificate)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        addresses = json.loads(self._process.stdout.readline())
        self.tcp = [(host, port) for host, port in addresses["tcp"]]
        self.tls = [(host, port) for host, port in addresses["tls"]]
        usage.pin(self._process.pid, [usage.cores()[0]])

    def counts(self) -> tuple[int, int, float]:
        """Receipts, rejections and processor seconds so far."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"?\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return answer["received"], sum(answer["rejected"].values()), answer["cpu_s"]

    def until(self, received: int, rejected: int) -> float:
        """The processor seconds when exactly so many have been counted; anything else is an error."""
        deadline = time.perf_counter() + _PATIENCE_S
        while True:
            got, refused, cpu_s = self.counts()
            if (got, refused) == (received, rejected):
                return cpu_s
            if got > received or refused > rejected or time.perf_counter() > deadline:
                raise SystemExit(f"{got} receipts, {refused} rejected; not {received}, {rejected}")

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


@contextlib.contextmanager
def running(series: int, certificate: Path) -> Iterator[Server]:
    server = Server(series, certificate)
    try:
        yield server
    finally:
        server.close()


class Batch:
    """Lines in random order over this second and the last, ready to be sent in any second."""

    def __init__(self, series: int, dirty: float, seed: int) -> None:
        chance = random.Random(seed)
        known = names(series)
        self.dirty = 0
        lines: list[bytes] = []
        times: list[int] = []  # where the timestamps are
        size = 0
        for name in chance.sample(known, BATCH) if series >= BATCH else chance.choices(known, k=BATCH):
            form, place = b"%s 1 TTTTTTTTTT\n", 3
            if dirty and chance.random() < dirty:
                form, place = chance.choice(DIRTY)
                self.dirty += 1
            line = form % name
            times.append(size + len(name) + place)
            size += len(line)
            lines.append(line)
        text = np.frombuffer(bytearray().join(lines), np.uint8)
        self._text = text
        digits = np.arange(10)
        order = np.array(times)
        chance_of_last = np.random.default_rng(seed).random(len(times)) < 0.5
        self._this = (order[~chance_of_last, None] + digits).reshape(-1)
        self._last = (order[chance_of_last, None] + digits).reshape(-1)
        self._second = 0

    def now(self) -> memoryview:
        """The batch with the timestamps of this moment."""
        second = int(clock.wall())
        if second != self._second:
            self._second = second
            for places, slot in ((self._this, second), (self._last, second - 1)):
                self._text[places] = np.tile(np.frombuffer(b"%d" % slot, np.uint8), len(places) // 10)
        return self._text.data


DIRTY = [
    (b"%s nan TTTTTTTTTT\n", 5),
    (b"%s 2 TTTTTTTTTT\n", 3),
    (b"%s 1 TTTTTTTTTT000\n", 3),
    (b"%s.unknown 1 TTTTTTTTTT\n", 11),
    (b"%s 1 TTTTTTTTTT garbage\n", 3),
]
"""Lines that must be refused, and where behind the name the timestamp begins."""


def send_batches(server: Server, batch: Batch, seconds: float) -> Rate:
    """One connection that never pauses."""
    received, rejected, cpu_before = server.counts()
    sent = 0
    with socket.create_connection(server.tcp[0]) as sock:
        began = time.perf_counter()
        while time.perf_counter() - began < seconds:
            sock.sendall(batch.now())
            sent += 1
    cpu_s = server.until(received + sent * (BATCH - batch.dirty), rejected + sent * batch.dirty)
    return Rate(sent * BATCH, cpu_s - cpu_before, time.perf_counter() - began)


def send_short(server: Server, tls: bool, count: int) -> Rate:
    """A connection for each datapoint, as agents do."""
    name = names(SMALL)[0]
    addresses = server.tls if tls else server.tcp
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    received, rejected, cpu_before = server.counts()
    began = time.perf_counter()
    for number in range(count):
        line = b"%b 1 %d\n" % (name, int(clock.wall()))
        sock = socket.socket()
        sock.connect(addresses[number % len(addresses)])
        if tls:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock = context.wrap_socket(sock)
        sock.send(line)
        if isinstance(sock, ssl.SSLSocket):
            with contextlib.suppress(OSError):
                sock = sock.unwrap()
        sock.close()
    cpu_s = server.until(received + count, rejected)
    return Rate(count, cpu_s - cpu_before, time.perf_counter() - began)


def send_to_relay(folder: Path, batch: Batch, batches: int) -> tuple[Rate, bool]:
    """The same stream into carbon-c-relay, and whether its sums hold every datapoint."""
    with RelayAggregation(folder) as relay:
        usage.pin(relay.pid, [usage.cores()[0]])
        cpu_before = relay.cpu_s()
        began = time.perf_counter()
        with socket.create_connection(("127.0.0.1", relay.port)) as sock:
            for _ in range(batches):
                sock.sendall(batch.now())
        complete = batches * BATCH
        # Its sums are written when their buckets expire.
        while (summed := relay.summed()) < complete and time.perf_counter() < began + _PATIENCE_S:
            time.sleep(0.2)
        took = time.perf_counter() - began
        return Rate(complete, relay.cpu_s() - cpu_before, took), summed == complete


def run(options: Options) -> Report:
    report = Report()
    seconds = 2.0 if options.quick else 8.0
    os.sched_setaffinity(0, [usage.cores()[1]])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        certificate = folder / "server.pem"
        issued = trustme.CA().issue_cert("127.0.0.1")
        issued.private_key_and_cert_chain_pem.write_to_path(certificate)
        with running(SMALL, certificate) as server:
            say("6,000 series, one connection")
            clean = Batch(SMALL, 0.0, 1)
            small = send_batches(server, clean, seconds)
            report.add("clean, 6,000 series", small.per_cpu_s, "/s of a core", at_least=4e6)
            report.add("  by the clock", small.per_wall_s, "/s")
            say("1 % dirty")
            rate = send_batches(server, Batch(SMALL, 0.01, 2), seconds)
            report.add("1 % dirty, 6,000 series", rate.per_cpu_s, "/s of a core", at_least=3e6)
            say("short connections")
            rate = send_short(server, False, 50_000 if options.quick else 150_000)
            report.add("short tcp connections", rate.per_cpu_s, "/s of a core", at_least=40_000)
            rate = send_short(server, True, 2_000 if options.quick else 8_000)
            report.add("short tls connections", rate.per_cpu_s, "/s of a core", at_least=1_800)
        say("600,000 series")
        with running(LARGE, certificate) as server:
            large = send_batches(server, Batch(LARGE, 0.0, 3), seconds)
            report.add("clean, 600,000 series", large.per_cpu_s, "/s of a core", at_least=4e6)
            report.add("  by the clock", large.per_wall_s, "/s")
            if not options.quick:
                say("600,000 series, 1 % dirty")
                rate = send_batches(server, Batch(LARGE, 0.01, 4), seconds)
                report.add("1 % dirty, 600,000 series", rate.per_cpu_s, "/s of a core", at_least=3e6)
        say("carbon-c-relay, aggregating")
        relayed, complete = send_to_relay(folder, clean, 1 if options.quick else 4)
        report.add("carbon-c-relay, 6,000 series", relayed.per_cpu_s, "/s of a core")
        report.add("ratio to carbon-c-relay", small.per_cpu_s / relayed.per_cpu_s, "x", at_least=12)
        if not complete:
            report.note("carbon-c-relay's sums did not hold every datapoint that it was sent")
    report.note("of a core: per second of the receiving process's processor time, user and system")
    return report


if __name__ == "__main__":
    sys.exit(main("ingest: datapoints into the aggregator", run))
