"""How punctual one agent is with many endpoints, a fifth of them black holes.

    python -m benchmarks.agent_density [--quick] [--json] [--check]

2,000 endpoints (quick: 400) of all six protocols in one process on one core, their listeners on the
other one. A fifth leads nowhere: most of these to listeners whose queue is full, so that no
connection comes about, some to listeners that never accept, so that no handshake is answered.
Lateness is nominal start to actual start; overrun is deadline to abandonment. Both are net of the
machine's own stalls: of each, the time that the sentinel could not run either is taken off.
"""

from __future__ import annotations

import bisect
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import trustme

from benchmarks import report, usage
from coalmine_wire.protocols import Protocol

ENDPOINTS, QUICK_ENDPOINTS = 2000, 400
MEASURE_S, QUICK_MEASURE_S = 600, 35
LISTENERS = 40
HOLE_EVERY = 5

PROTOCOLS = ("tcp", "tls", "udp", "pickle", "pickle_tls", "https")
LISTENER = {"pickle": "tcp", "pickle_tls": "tls"}

LATENESS_MS = 5.0
OVERRUN_MS = 5.0

Stall = tuple[float, float]


def run(options: report.Options) -> report.Report:
    """Starts listeners, sentinel and agent, waits, and reads what they noted."""
    endpoints = QUICK_ENDPOINTS if options.quick else ENDPOINTS
    measure_s = QUICK_MEASURE_S if options.quick else MEASURE_S
    measured, other = usage.cores()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="coalmine-density-")))
        authority = trustme.CA()
        authority.cert_pem.write_to_path(folder / "ca.pem")
        leaf = authority.issue_cert("localhost", "127.0.0.1")
        leaf.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
        targets = stack.enter_context(
            _module("targets", [str(folder / "server.pem"), str(LISTENERS)], other)
        )
        assert targets.stdout is not None
        ports: dict[str, list[int]] = json.loads(targets.stdout.readline())
        job = _job(endpoints, ports, folder)
        agent = stack.enter_context(_module("agent_worker", [json.dumps(job)], measured))
        assert agent.stdout is not None
        agent.stdout.readline()
        sentinel = stack.enter_context(_module("sentinel", [], measured))
        report.say(f"{endpoints} endpoints for {measure_s} s")
        time.sleep(2.0)  # through the first slot
        spent_s, began = usage.busy_s(agent.pid), time.perf_counter()
        waited_s = usage.waited_s(agent.pid)
        time.sleep(measure_s)
        kept_waiting = (usage.waited_s(agent.pid) - waited_s) / (time.perf_counter() - began)
        load = (usage.busy_s(agent.pid) - spent_s) / (time.perf_counter() - began)
        rss_mib = usage.rss_mib(agent.pid)
        noted = _end(agent)
        seen = _end(sentinel)
        stalls = [(begin, end) for begin, end in seen["stalls"]]
        lateness = _net(folder / "starts", stalls)
        overrun = _net(folder / "deadlines", stalls)
    return _report(endpoints, noted, seen, stalls, lateness, overrun, load, kept_waiting, rss_mib)


def _report(
    endpoints: int,
    noted: dict[str, Any],
    seen: dict[str, Any],
    stalls: Sequence[Stall],
    lateness: list[float],
    overrun: list[float],
    load: float,
    kept_waiting: float,
    rss_mib: float,
) -> report.Report:
    result = report.Report()
    result.add("endpoints in one process", endpoints, "")
    result.add("slots", noted["slots"], "")
    result.add("slots missed", noted["missed"] + noted["slots"] - noted["reported"], "", at_most=0)
    result.add(
        "starts missed",
        sum(count for why, count in noted["skipped"].items() if why != "shutdown"),
        "",
        at_most=0,
    )
    result.add("start lateness, median", _percentile(lateness, 0.5), "ms")
    result.add("start lateness, p99", _percentile(lateness, 0.99), "ms", at_most=LATENESS_MS)
    result.add("deadline overrun, p99.9", _percentile(overrun, 0.999), "ms", at_most=OVERRUN_MS)
    result.add("abandoned", noted["abandoned"], "")
    result.add("slots impaired", sum(noted["impaired"].values()), "")
    result.add("processor, of a core", 100 * load, "%")
    result.add("kept waiting by other processes", 100 * kept_waiting, "% of the time")
    result.add("resident memory", rss_mib, "MiB")
    result.add("machine stalls", len(stalls), "")
    longest_ms = max((1000 * (end - begin) for begin, end in stalls), default=0.0)
    result.add("longest stall", longest_ms, "ms")
    if not seen["real_time"]:
        result.note("the sentinel had no real-time priority: it waits for the agent as for others")
    return result


def _job(endpoints: int, ports: dict[str, list[int]], folder: Path) -> dict[str, object]:
    protocols, chosen = [], []
    for index in range(endpoints):
        protocol = PROTOCOLS[index % len(PROTOCOLS)]
        kind = LISTENER.get(protocol, protocol)
        if index % HOLE_EVERY == 0 and protocol != "udp":
            # A listener that never accepts still takes a line: only a handshake hangs there.
            hangs = Protocol(protocol).over_tls and index % (2 * HOLE_EVERY) == 0
            kind = "mute" if hangs else "hole"
        elif (index - 1) % HOLE_EVERY == 0 and PROTOCOLS[(index - 1) % len(PROTOCOLS)] == "udp":
            kind = "hole"  # a datagram into nothing looks like any other: its neighbour stands in
            protocol = "tcp"
        protocols.append(protocol)
        chosen.append(ports[kind][index % LISTENERS])
    return {
        "protocols": protocols,
        "ports": chosen,
        "ca_file": str(folder / "ca.pem"),
        "punctuality": str(folder),
    }


def _net(path: Path, stalls: Sequence[Stall]) -> list[float]:
    """How far off each was, in milliseconds, ascending, less the stalls in that time."""
    pairs = array("d")
    with path.open("rb") as file:
        pairs.frombytes(file.read())
    ends = [end for _, end in stalls]
    net = []
    for at, off_s in zip(pairs[::2], pairs[1::2], strict=True):
        began, index = at - off_s, bisect.bisect_left(ends, at - off_s)
        while index < len(stalls) and stalls[index][0] < at:
            begin, end = stalls[index]
            off_s -= max(min(end, at) - max(begin, began), 0.0)
            index += 1
        net.append(1000 * off_s)
    return sorted(net)


def _percentile(ascending: Sequence[float], part: float) -> float:
    return ascending[min(int(part * len(ascending)), len(ascending) - 1)] if ascending else float("nan")


@contextlib.contextmanager
def _module(name: str, arguments: list[str], core: int) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        ["taskset", "-c", str(core), sys.executable, "-m", f"benchmarks.processes.{name}", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)


def _end(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Closes its input, and reads the object that it prints last."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    result: dict[str, Any] = json.loads(process.stdout.read())
    return result


if __name__ == "__main__":
    sys.exit(report.main("agent density", run))
