"""What a datapoint costs the agent's host, beside blackbox_exporter and Prometheus.

    python -m benchmarks.agent_cost [--quick] [--json] [--check]

300 endpoints of one protocol at one a second. The agent is the real command with a real
configuration that reports to Mosquitto over MQTT; everything it does is counted. The peers are one
blackbox_exporter and the Prometheus that has it probe the same endpoints. The sides take turns on
one core, and are stopped while it is the other's; listeners and broker are on the other core. In a
round the peers' turn lies between two of the agent's, so that a machine that becomes slower or busier
does so for both. A figure is the median over seconds, so that a neighbour's burst in one of them does
not count; a ratio is the median over rounds, of which `--quick` has one. On a busy machine it is
higher: a hundred times a second the agent finds its caches filled by others.
Certificates are RSA, 2048 bits. There is no peer for `udp`: blackbox_exporter sends no datagrams.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import trustme

from benchmarks import report, usage
from benchmarks.peers.blackbox import BlackboxAndPrometheus
from coalmine_aggregator.demo.ports import free_port

ENDPOINTS = 300
LISTENERS = 10  # a protocol; so many that no port runs out of connections in TIME_WAIT

ROUNDS, QUICK_ROUNDS = 5, 1
OUR_SECONDS, THEIR_SECONDS = 2, 3  # of a turn; the agent has two in a round
SETTLE_S = 1.0  # at the beginning of a turn: what was stopped has missed a few seconds

RSA = trustme.KeyType.RSA

RATIOS = {"tcp": 0.15, "tls": 0.62, "https": 0.5}
UDP_US = 100.0

_READY_S = 20.0


def run(options: report.Options) -> report.Report:
    """Protocol by protocol, round by round."""
    rounds = QUICK_ROUNDS if options.quick else ROUNDS
    measured, other = usage.cores()
    result = report.Report()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="coalmine-cost-")))
        authority = trustme.CA(key_type=RSA)
        authority.cert_pem.write_to_path(folder / "ca.pem")
        leaf = authority.issue_cert("localhost", "127.0.0.1", key_type=RSA)
        leaf.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
        targets = stack.enter_context(_targets(folder / "server.pem", other))
        broker = stack.enter_context(_mosquitto(folder, other))
        peers = {}
        for protocol in RATIOS:  # all of them now: Prometheus lets some seconds pass before it probes
            ports = _spread(targets[protocol])
            peers[protocol] = stack.enter_context(_peers(folder, protocol, ports, measured))
            peers[protocol].hold()
        for protocol in (*RATIOS, "udp"):
            report.say(protocol)
            with _agent(folder, protocol, _spread(targets[protocol]), broker, measured) as agent:
                if protocol not in RATIOS:
                    loads = _turn(functools.partial(usage.busy_s, agent.pid), 2 * OUR_SECONDS * rounds)
                    result.add(f"{protocol}: agent", _cost_us(loads), "us", at_most=UDP_US)
                    continue
                taken = [_round(agent, peers[protocol]) for _ in range(rounds)]
            ours = _cost_us([load for ours, _ in taken for load in ours])
            theirs = _cost_us([load for _, theirs in taken for load in theirs])
            ratios = [_cost_us(ours) / _cost_us(theirs) for ours, theirs in taken]
            result.add(f"{protocol}: agent", ours, "us")
            result.add(f"{protocol}: blackbox_exporter + Prometheus", theirs, "us")
            ratio = statistics.median(ratios)
            result.add(f"{protocol}: ratio", ratio, "", at_most=RATIOS[protocol])
            if rounds > 1:
                result.note(f"{protocol}: {min(ratios):.3f} to {max(ratios):.3f} in {rounds} rounds")
    result.note(
        f"{ENDPOINTS} endpoints at 1 Hz, RSA-2048 certificates, all of each side's work, "
        f"pinned to core {measured}; load average {os.getloadavg()[0]:.1f}"
    )
    return result


def _round(
    agent: subprocess.Popen[bytes], peers: BlackboxAndPrometheus
) -> tuple[list[float], list[float]]:
    """The loads of the agent and of its peers, who are stopped before and after."""
    busy_s = functools.partial(usage.busy_s, agent.pid)
    ours = _turn(busy_s, OUR_SECONDS)
    agent.send_signal(signal.SIGSTOP)
    try:
        peers.go_on()
        _until_succeeding(peers, ENDPOINTS)
        theirs = _turn(peers.busy_s, THEIR_SECONDS)
        _until_succeeding(peers, ENDPOINTS)
        peers.hold()
    finally:
        agent.send_signal(signal.SIGCONT)
    return ours + _turn(busy_s, OUR_SECONDS), theirs


def _turn(busy_s: Callable[[], float], seconds: int) -> list[float]:
    """Processor seconds a second, in each of so many seconds."""
    time.sleep(SETTLE_S)
    loads = []
    spent_s, at = busy_s(), time.perf_counter()
    for _ in range(seconds):
        time.sleep(1.0)
        before_s, began = spent_s, at
        spent_s, at = busy_s(), time.perf_counter()
        loads.append((spent_s - before_s) / (at - began))
    return loads


def _cost_us(loads: Sequence[float]) -> float:
    """Microseconds a datapoint, in the median of seconds."""
    return 1e6 * statistics.median(loads) / ENDPOINTS


def _spread(ports: Sequence[int]) -> list[int]:
    """One for each endpoint."""
    return [ports[index % LISTENERS] for index in range(ENDPOINTS)]


@contextlib.contextmanager
def _targets(certificate: Path, core: int) -> Iterator[dict[str, list[int]]]:
    command = [sys.executable, "-m", "benchmarks.processes.targets", str(certificate), str(LISTENERS)]
    with _process(command, core, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as targets:
        assert targets.stdout is not None
        yield json.loads(targets.stdout.readline())


@contextlib.contextmanager
def _mosquitto(folder: Path, core: int) -> Iterator[int]:
    port = free_port()
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if program is None:
        raise SystemExit("mosquitto is missing: apt-get install mosquitto (`make test` does it)")
    quiet = subprocess.DEVNULL
    with _process([program, "-c", str(config)], core, stdout=quiet, stderr=quiet):
        yield port


@contextlib.contextmanager
def _agent(
    folder: Path, protocol: str, ports: Sequence[int], broker: int, core: int
) -> Iterator[subprocess.Popen[bytes]]:
    """The agent's process, once it has reached the broker."""
    config = folder / f"{protocol}.yaml"
    config.write_text(_config(folder, protocol, ports, broker))
    command = [sys.executable, "-m", "coalmine_cli.main", "agent", "run", str(config)]
    with _process(command, core, stderr=subprocess.PIPE) as agent:
        assert agent.stderr is not None
        for line in agent.stderr:
            if b"agent.broker.connected" in line:
                break
        else:
            raise SystemExit(f"the agent ended with {agent.wait()}")
        yield agent
        if agent.poll() is not None:
            raise SystemExit(f"the agent ended with {agent.returncode}")


def _config(folder: Path, protocol: str, ports: Sequence[int], broker: int) -> str:
    tls = {"ca_file": str(folder / "ca.pem"), "server_name": "localhost"}
    endpoints: dict[str, object] = {}
    for index, port in enumerate(ports):
        endpoint: object = f"127.0.0.1:{port}"
        if protocol == "tls":
            endpoint = {"address": endpoint, **tls}
        elif protocol == "https":
            endpoint = {"url": f"https://{endpoint}/api/v1/sink", "key": "secret", **tls}
        endpoints[f"{protocol}-v{index}"] = endpoint
    return json.dumps(
        {
            "agent": {"location": "external", "region": "eu-west-1", "zone": "eu-west-1a", "host": "h"},
            "broker": {"url": f"mqtt://127.0.0.1:{broker}"},
            "services": {"ingest": endpoints},
        }
    )


@contextlib.contextmanager
def _peers(
    folder: Path, protocol: str, ports: Sequence[int], core: int
) -> Iterator[BlackboxAndPrometheus]:
    """Both, once Prometheus is up; it looks at its targets some seconds later."""
    at = (free_port(), free_port())
    peers = BlackboxAndPrometheus(
        folder / f"peers-{protocol}", protocol, ports, ca_file=folder / "ca.pem", core=core, at=at
    )
    try:
        _until(peers.ready, "Prometheus is not ready")
        yield peers
    finally:
        peers.stop()


def _until_succeeding(peers: BlackboxAndPrometheus, endpoints: int) -> None:
    _until(lambda: peers.succeeding() == endpoints, f"{peers.succeeding()} of {endpoints} succeed")


def _until(condition: Callable[[], bool], otherwise: str) -> None:
    end = time.perf_counter() + _READY_S
    while not condition():
        if time.perf_counter() > end:
            raise SystemExit(otherwise)
        time.sleep(0.1)


@contextlib.contextmanager
def _process(command: list[str], core: int, **options: object) -> Iterator[subprocess.Popen[bytes]]:
    process: subprocess.Popen[bytes] = subprocess.Popen(
        ["taskset", "-c", str(core), *command],
        **options,  # type: ignore[call-overload]
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)


if __name__ == "__main__":
    sys.exit(report.main("CPU per datapoint", run))
