"""The whole demo, as people run it: unattended, on a terminal with keys, interrupted, killed."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import pytest

from coalmine_aggregator.demo.fleet import FLEET, agents_in
from coalmine_aggregator.demo.tally import CELLS
from tests.demo.running import START_S, Demo, leaves_nothing, processes

END_S = 3.0

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[Demo]:
    demo = Demo(tmp_path / "demo")
    yield demo
    await demo.close()


async def until(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Whether it came true in time; processes that are no children of ours offer no more."""
    deadline = time.perf_counter() + timeout_s
    while not condition():
        if time.perf_counter() > deadline:
            return False
        await asyncio.sleep(0.05)
    return True


async def test_unattended_it_shows_green_then_the_break_and_the_page(demo: Demo) -> None:
    await demo.start("--seconds", "24", "--json", "--break", "udp")
    await demo.ends_with(0)
    (line,) = demo.stdout.splitlines()  # and nothing else: all other lines are on standard error
    summary = json.loads(line)
    assert list(summary) == ["slots", "expected", "fates", "balanced", "sum_rates", "alerts"]
    assert summary["slots"] >= 20
    assert summary["balanced"] is True
    assert summary["expected"] == 72 * summary["slots"] == sum(summary["fates"].values())
    rates = summary["sum_rates"]
    for protocol, region in CELLS:
        if protocol == "udp":
            assert 0 < rates[protocol][region] < agents_in(region)
        else:
            assert rates[protocol][region] == agents_in(region)
    assert 0 < summary["fates"]["lost"] <= len(FLEET) * summary["slots"]
    (alert,) = summary["alerts"]
    assert (alert["class"], alert["severity"]) == ("loss", "page")
    assert alert["scope"] == {"protocol": "udp"}
    assert alert["equivalents"] == []
    assert alert["effect"] == "lost"
    assert alert["cause"] == "service", "agents on its machines see it too"
    assert alert["sums"]["bad"] > 0
    assert alert["total"]["bad"] >= alert["sums"]["bad"]
    (page,) = [line for line in demo.lines if line.startswith("PAGE")]
    assert page.startswith("PAGE ingest-oncall: Restore ingest UDP")
    assert (
        f"why: coalmine alerts explain ingest-loss-1 --url http://127.0.0.1:{demo.port}" in demo.lines
    )
    green = demo.lines.index("broken on purpose: protocol=udp: all lost without a word")
    assert any("udp=12/12" in line for line in demo.lines[:green])
    assert leaves_nothing(demo)


async def test_on_a_terminal_keys_break_and_repair(demo: Demo) -> None:
    await demo.start(terminal=True)
    await demo.seen("12 agents started")
    at = await demo.seen("3/3")
    for what in ("eu-west-1", "dc1", "pickle_tls", f"http://127.0.0.1:{demo.port}", "none open"):
        await demo.seen(what)
    demo.press("t")
    at = await demo.seen("protocol=tcp: connections refused", after=at)
    await demo.seen("0/12", after=at)
    await demo.seen("PAGE ingest-oncall: Restore ingest TCP", after=at)
    demo.press("r")
    at = await demo.seen("broken on purpose: nothing", after=at)
    await demo.seen("RESOLVED Restored ingest TCP", after=at)
    demo.press("q")
    await demo.ends_with(0, END_S)
    assert leaves_nothing(demo)


async def test_what_is_broken_is_told_to_customers_and_stays_in_history(demo: Demo) -> None:
    await demo.start(terminal=True)
    await demo.seen(f"status page for customers: http://127.0.0.1:{demo.status_port}")
    await demo.seen("3/3")
    await until_page(demo, "/", "All Systems Operational")
    demo.press("u")
    at = await demo.seen("STATUS PAGE investigating: ")
    at = await demo.seen("UDP ingestion", after=at)
    at = await demo.seen(f"http://127.0.0.1:{demo.status_port}/incidents/", after=at)
    await until_page(demo, "/", "Major outage")
    demo.press("r")
    at = await demo.seen("STATUS PAGE monitoring: ", after=at)
    await demo.seen("STATUS PAGE resolved: ", after=at)
    page = await until_page(demo, "/history/", "UDP ingestion")
    assert re.search(r"[1-9][0-9]* of [1-9][0-9]* datapoints", page), page
    await until_page(demo, "/", "All Systems Operational")
    demo.press("q")
    await demo.ends_with(0, END_S)
    assert leaves_nothing(demo)


async def until_page(demo: Demo, path: str, words: str) -> str:
    """The status page's document at a path, once it has these words."""
    url = f"http://127.0.0.1:{demo.status_port}{path}"
    text = ""
    async with aiohttp.ClientSession() as session, asyncio.timeout(START_S):
        while words not in text:
            async with session.get(url) as answer:
                text = await answer.text()
            await asyncio.sleep(0.2)
    return text


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        (signal.SIGINT, "aggregator ready"),
        (signal.SIGINT, "first sum rates"),
        (signal.SIGTERM, "first sum rates"),
        (signal.SIGHUP, "aggregator ready"),
    ],
)
async def test_a_signal_ends_everything(demo: Demo, number: signal.Signals, moment: str) -> None:
    await demo.start()
    await demo.seen(moment)
    assert demo.process is not None
    began = time.perf_counter()
    demo.process.send_signal(number)
    await demo.ends_with(0)
    assert time.perf_counter() - began <= END_S
    assert leaves_nothing(demo)


async def test_interrupted_before_its_time_it_says_so_and_sums_up(demo: Demo) -> None:
    await demo.start("--seconds", "600", "--json")
    await demo.seen("2 s: ")
    assert demo.process is not None
    demo.process.send_signal(signal.SIGINT)
    await demo.ends_with(130)
    assert json.loads(demo.stdout)["balanced"] is True


async def test_killed_it_leaves_no_process(demo: Demo) -> None:
    await demo.start()
    await demo.seen("12 agents started")
    assert len(processes(demo.folder)) == len(FLEET) + 3
    assert demo.process is not None
    demo.process.kill()
    await demo.ended()
    assert await until(lambda: not processes(demo.folder), 2 * END_S)


async def test_a_part_that_ends_is_told_with_its_log(demo: Demo) -> None:
    await demo.start()
    await demo.seen("first sum rates")
    (victim,) = processes(demo.folder, naming="aggregator.yaml")
    os.kill(victim, signal.SIGKILL)
    await demo.ends_with(1)
    assert "Error: aggregator ended with status -9" in demo.output.decode()
    assert await until(lambda: leaves_nothing(demo), 5)  # its readers were no children of the demo


@pytest.mark.parametrize("option", ["--port", "--status-port"])
async def test_a_port_that_is_taken_is_one_line(demo: Demo, option: str) -> None:
    port = demo.port if option == "--port" else demo.status_port
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        await demo.start()
        await demo.ends_with(1)
    assert demo.lines == [f"Error: port {port}: address already in use; choose another with {option}"]


async def test_a_fault_that_cannot_be_is_told_before_anything_starts(demo: Demo) -> None:
    await demo.start("--break", "region=eu-west-9")
    await demo.ends_with(2)
    assert "the demo has no region 'eu-west-9'; did you mean \"eu-west-1\"?" in demo.lines[-1]
    assert leaves_nothing(demo)
