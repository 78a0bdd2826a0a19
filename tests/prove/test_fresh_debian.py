"""A newcomer on a fresh Debian 12: clones, types `make demo`, and sees sum rates within 90 seconds."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from coalmine_aggregator.demo.ports import free_port
from tests.prove.fresh_debian import Debian, fresh_debian
from tests.prove.stalls import StallWatch, stretched

REPOSITORY = Path(__file__).resolve().parents[2]
COLD_START_S = 90
FLEET = {"eu-west-1": 3.0, "us-east-1": 3.0, "ap-south-1": 2.0, "dc1": 4.0}
PROTOCOLS = ("tcp", "tls", "udp", "pickle", "pickle_tls", "https")

pytestmark = [pytest.mark.prove, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Debian]:
    folder = tmp_path_factory.mktemp("fresh")
    bundle = folder / "coalmine.bundle"
    subprocess.run(["git", "-C", REPOSITORY, "bundle", "create", "--quiet", bundle, "HEAD"], check=True)
    debian = fresh_debian(folder)
    try:
        debian.give(bundle, "coalmine.bundle")
        yield debian
    finally:
        debian.remove()


def demo(debian: Debian, arguments: str, *, clone: bool) -> tuple[list[str], float]:
    """The demo's lines, and how many seconds after `make demo` the first sum rates were there."""
    # Another go begins as cold as the first.
    anew = "rm -rf coalmine .cache .npm && git clone --quiet coalmine.bundle coalmine"
    prepare = f"cd && {anew} && " if clone else ""
    ports = f"--port {free_port()} --status-port {free_port()}"
    script = f"{prepare}cd ~/coalmine && echo typed && make demo ARGS='{arguments} {ports}'"
    lines: list[str] = []
    typed = first = 0.0
    with debian.run(script) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if line == "typed\n":
                typed = time.perf_counter()
            elif line.startswith("first sum rates"):
                first = time.perf_counter()
    assert process.returncode == 0, "\n".join(lines)
    assert first, "\n".join(lines)
    return lines, first - typed


def test_make_demo_from_a_fresh_clone(debian: Debian) -> None:
    with StallWatch() as stalls:
        lines, cold_start_s = demo(debian, "--seconds 20 --json", clone=True)
    print(f"first sum rates {cold_start_s:.1f} s after make demo was typed, cold")
    assert cold_start_s <= stretched(COLD_START_S)
    summary = json.loads(lines[-1])
    assert set(summary) == {"slots", "expected", "fates", "balanced", "sum_rates", "alerts"}
    assert summary["slots"] >= 15
    assert summary["balanced"] is True
    assert summary["expected"] == 72 * summary["slots"] == sum(summary["fates"].values())
    excused = stalls.slots / summary["slots"]  # none, unless the machine itself stood still
    assert list(summary["sum_rates"]) == list(PROTOCOLS)
    for rates in summary["sum_rates"].values():
        assert list(rates) == list(FLEET)
        for region, agents in FLEET.items():
            assert agents * (1 - excused) <= rates[region] <= agents
    # A busy machine may earn a ticket, for slow steps; it wakes nobody.
    assert [alert for alert in summary["alerts"] if alert["severity"] == "page"] == []


def test_the_second_time_a_break_pages(debian: Debian) -> None:
    lines, warm_start_s = demo(debian, "--seconds 30 --json --break udp", clone=False)
    print(f"first sum rates {warm_start_s:.1f} s after make demo was typed, warm")
    summary = json.loads(lines[-1])
    assert summary["fates"]["lost"] > 0
    assert summary["balanced"] is True
    pages = [alert for alert in summary["alerts"] if alert["severity"] == "page"]
    assert [(alert["class"], alert["scope"]) for alert in pages] == [("loss", {"protocol": "udp"})]
    assert any(line.startswith("PAGE") for line in lines)
