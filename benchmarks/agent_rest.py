"""What an agent at rest costs: six endpoints, one of each protocol, reports over MQTT with TLS.

    python -m benchmarks.agent_rest [--quick] [--json] [--check]

The agent is the real command with a real configuration: a name to resolve, certificates to verify, a
Mosquitto broker with TLS and a password, `/metrics` scraped as Prometheus would. Memory is what is
resident at the end, processor time what all of its threads used while it ran on.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import trustme

from benchmarks import report, usage
from coalmine_aggregator.demo.ports import free_port

RSS_MIB = 40.0
CPU_PERCENT = 1.0

WARM_UP_S = 8
MEASURE_S = 60
QUICK_MEASURE_S = 25
SCRAPE_EVERY_S = 15

_NAME, _PASSWORD = "rest", "correct-horse"


def run(options: report.Options) -> report.Report:
    """Starts broker, targets and agent, waits, and reads the kernel's accounts."""
    measure_s = QUICK_MEASURE_S if options.quick else MEASURE_S
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="coalmine-rest-")))
        authority = trustme.CA()
        authority.cert_pem.write_to_path(folder / "ca.pem")
        leaf = authority.issue_cert("localhost", "127.0.0.1")
        leaf.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
        broker_port = stack.enter_context(_mosquitto(folder))
        ports = stack.enter_context(_targets(folder / "server.pem"))
        metrics_port = free_port()
        config = _config(folder, broker_port, ports, metrics_port)
        agent = stack.enter_context(_agent(config))
        report.say(f"warming up for {WARM_UP_S} s")
        _until_reporting(agent, metrics_port)
        time.sleep(WARM_UP_S)
        report.say(f"measuring for {measure_s} s")
        before_s, began = usage.cpu_s(agent.pid), time.perf_counter()
        while (left_s := began + measure_s - time.perf_counter()) > 0:
            time.sleep(min(left_s, SCRAPE_EVERY_S))
            metrics = _metrics(metrics_port)
        spent_s = usage.cpu_s(agent.pid) - before_s
        took_s = time.perf_counter() - began
        rss_mib = usage.rss_mib(agent.pid)
    result = report.Report()
    result.add("resident memory", rss_mib, "MiB", at_most=RSS_MIB)
    result.add("processor, of a core", 100 * spent_s / took_s, "%", at_most=CPU_PERCENT)
    result.add(
        "datapoints not sent", _sum(metrics, "attempts_total", 'verdict="sent"', False), "", at_most=0
    )
    result.add("slots missed", _sum(metrics, "slots_missed_total"), "", at_most=0)
    result.note(
        "tcp, tls, udp, pickle, pickle_tls, https; mqtts to Mosquitto; /metrics scraped every 15 s"
    )
    return result


@contextlib.contextmanager
def _mosquitto(folder: Path) -> Iterator[int]:
    port = free_port()
    passwords = folder / "passwords"
    passwords.touch(mode=0o600)
    passwords.write_text(f"{_NAME}:{_PASSWORD}\n")
    subprocess.run([_program("mosquitto_passwd"), "-U", str(passwords)], check=True)
    config = folder / "mosquitto.conf"
    config.write_text(
        f"user root\nlistener {port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\n"
        f"certfile {folder}/server.pem\nkeyfile {folder}/server.pem\n"
    )
    log = (folder / "mosquitto.log").open("wb")
    with log, _process([_program("mosquitto"), "-c", str(config)], stdout=log, stderr=log):
        yield port


@contextlib.contextmanager
def _targets(certificate: Path) -> Iterator[dict[str, list[int]]]:
    command = [sys.executable, "-m", "benchmarks.processes.targets", str(certificate), "1"]
    with _process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as targets:
        assert targets.stdout is not None
        yield json.loads(targets.stdout.readline())


@contextlib.contextmanager
def _agent(config: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "coalmine_cli.main", "agent", "run", str(config)]
    with _process(command) as agent:
        yield agent


@contextlib.contextmanager
def _process(command: list[str], **options: object) -> Iterator[subprocess.Popen[bytes]]:
    process: subprocess.Popen[bytes] = subprocess.Popen(command, **options)  # type: ignore[call-overload]
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)


def _config(folder: Path, broker_port: int, ports: dict[str, list[int]], metrics_port: int) -> Path:
    ca = f"ca_file: {folder}/ca.pem"
    four = "family: ipv4"  # the targets listen on 127.0.0.1 alone
    tcp, tls, udp, https = (ports[kind][0] for kind in ("tcp", "tls", "udp", "https"))
    config = folder / "agent.yaml"
    config.write_text(
        f"""
agent: {{location: external, region: eu-west-1, zone: eu-west-1a, host: {_NAME}}}
broker: {{url: "mqtts://localhost:{broker_port}", password: {_PASSWORD}, {ca}}}
metrics: 127.0.0.1:{metrics_port}
log: {{level: warning}}
services:
  ingest:
    tcp: {{address: "localhost:{tcp}", {four}}}
    tls: {{address: "localhost:{tls}", {four}, {ca}}}
    udp: {{address: "localhost:{udp}", {four}}}
    pickle: {{address: "localhost:{tcp}", {four}}}
    pickle_tls: {{address: "localhost:{tls}", {four}, {ca}}}
    https: {{url: "https://localhost:{https}/api/v1/sink", key: secret, {four}, {ca}}}
"""
    )
    return config


def _until_reporting(agent: subprocess.Popen[bytes], port: int) -> None:
    end = time.perf_counter() + 15
    while time.perf_counter() < end:
        if agent.poll() is not None:
            raise SystemExit(f"the agent ended with {agent.returncode}")
        with contextlib.suppress(OSError):
            if _sum(_metrics(port), "reports_acknowledged_total") > 0:
                return
        time.sleep(0.2)
    raise SystemExit("the agent did not report within 15 s")


def _metrics(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text: bytes = answer.read()
    return text.decode()


def _sum(metrics: str, name: str, label: str = "", having: bool = True) -> float:
    return sum(
        float(line.rpartition(" ")[2])
        for line in metrics.splitlines()
        if line.startswith(f"coalmine_agent_{name}") and (label in line) is having
    )


def _program(name: str) -> str:
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if path is None:
        raise SystemExit(f"{name} is missing: apt-get install mosquitto")
    return path


if __name__ == "__main__":
    sys.exit(report.main("An agent at rest: six endpoints, MQTT over TLS", run))
