"""The runner in real time: slots, deadlines, reloads, the end, and what makes a slot impaired."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket

import pytest

from coalmine_agent.null_sink import NullSink
from coalmine_agent.reactor import Reactor
from coalmine_runtime import clock
from coalmine_wire.protocols import Protocol
from coalmine_wire.reports import Step, Verdict
from tests.agent.attempts import black_hole, closed_port, listener, plan_for
from tests.agent.slots import running


async def test_each_slot_is_sent_and_told_once() -> None:
    """Where the machine held the agent up, the slot says so, and is no part of the proof."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        async with listener() as served:
            plans = [
                plan_for(Protocol.TCP, served.port, phase_ms=900),
                plan_for(Protocol.UDP, sock.getsockname()[1], phase_ms=100),
                plan_for(Protocol.PICKLE, served.port, phase_ms=100),
            ]
            async with running(plans) as (slots, first):
                assert first == int(clock.wall()) + 1
                unhindered = [await slots.until_unhindered(first)]
                unhindered.append(await slots.until_unhindered(unhindered[0].slot + 1))
                last = await slots.runner.finish()
            lines = [served.received.get_nowait() for _ in range(served.received.qsize())]
    assert slots.slots == list(range(first, last + 1))
    for report in unhindered:
        assert [outcome.endpoint for outcome in report.outcomes] == [0, 1, 2]
        assert {outcome.verdict for outcome in report.outcomes} == {Verdict.SENT}
        assert sum(line.endswith(f" 1 {report.slot}\n".encode()) for line in lines) == 1


async def test_a_black_hole_is_abandoned_on_the_dot_and_delays_nothing() -> None:
    with black_hole() as hole:
        async with listener() as served:
            plans = [
                plan_for(Protocol.TCP, hole, phase_ms=200),
                plan_for(Protocol.TCP, served.port, phase_ms=210),
            ]
            async with running(plans) as (slots, first):
                reports = [await slots.until(first + i) for i in range(2)]
    for report in reports:
        held, other = report.outcomes
        assert held.verdict is Verdict.ABANDONED
        assert held.step is Step.CONNECT
        assert held.steps_us[Step.CONNECT] == pytest.approx(1_000_000, abs=50_000)
        assert other.verdict is Verdict.SENT
        assert sum(us for us in other.steps_us if us > 0) < 500_000


async def test_new_plans_take_over_without_a_missed_slot() -> None:
    async with listener() as served:
        old = [plan_for(Protocol.TCP, served.port, phase_ms=phase) for phase in (100, 800)]
        new = [plan_for(Protocol.PICKLE, served.port, phase_ms=400)]
        async with running(old) as (slots, first):
            await slots.until(first)
            takes_over = slots.runner.replace(new)
            assert slots.runner.revision == 2
            await slots.until(takes_over)
            last = await slots.runner.finish()
    assert slots.slots == list(range(first, last + 1))
    for revision, report in slots.told:
        assert revision == (2 if report.slot >= takes_over else 1)
        assert len(report.outcomes) == (1 if revision == 2 else 2)
    assert slots.runner.counters.missed == 0


async def test_the_end_lets_the_slot_under_way_end_in_time() -> None:
    """Black holes over the whole second: what would start too late is not attempted."""
    with black_hole() as hole:
        plans = [plan_for(Protocol.TCP, hole, phase_ms=phase) for phase in range(0, 1000, 100)]
        async with running(plans) as (slots, first):
            under_way = asyncio.Event()
            asyncio.get_running_loop().call_later(first + 0.25 - clock.wall(), under_way.set)
            await under_way.wait()
            began = clock.monotonic()
            last = await slots.runner.finish()
            took_s = clock.monotonic() - began
    assert last == first
    assert took_s <= 1.5
    (report,) = [report for _, report in slots.told]
    verdicts = [outcome.verdict for outcome in report.outcomes]
    assert verdicts[:3] == [Verdict.ABANDONED] * 3
    assert verdicts[-2:] == [Verdict.SKIPPED] * 2
    assert report.outcomes[-1].error == "shutdown"
    assert clock.wall() < first + 3


async def test_a_loop_that_is_held_up_makes_its_slot_impaired() -> None:
    async with listener() as served:
        plans = [plan_for(Protocol.TCP, served.port, phase_ms=500)]
        async with running(plans) as (slots, first):
            asyncio.get_running_loop().call_later(
                max(first + 0.49 - clock.wall(), 0), _hold_up, first + 0.6
            )
            report = await slots.until(first)
            after = await slots.until(first + 1)
    assert report.impaired == ["loop_lag"]
    assert report.outcomes[0].verdict is Verdict.SENT  # late, under its own slot
    assert after.impaired == []


async def test_a_start_that_comes_too_late_is_not_made_up_for() -> None:
    async with listener() as served:
        plans = [plan_for(Protocol.TCP, served.port, phase_ms=100)]
        async with running(plans) as (slots, first):
            asyncio.get_running_loop().call_later(
                max(first + 0.05 - clock.wall(), 0), _hold_up, first + 0.6
            )
            report = await slots.until(first)
        assert report.outcomes[0].verdict is Verdict.SKIPPED
        assert report.outcomes[0].error == "loop_lag"
        lines = [served.received.get_nowait() for _ in range(served.received.qsize())]
    assert not any(line.endswith(f" {first}\n".encode()) for line in lines)


async def test_missed_slots_are_told_one_by_one() -> None:
    async with listener() as served:
        plans = [plan_for(Protocol.TCP, served.port, phase_ms=0)]
        async with running(plans) as (slots, first):
            asyncio.get_running_loop().call_later(
                max(first - 0.05 - clock.wall(), 0), _hold_up, first + 2.5
            )
            await slots.until(first + 3)
    for slot in (first, first + 1, first + 2):
        (report,) = [report for _, report in slots.told if report.slot == slot]
        assert [outcome.verdict for outcome in report.outcomes] == [Verdict.SKIPPED]
    assert slots.runner.counters.missed >= 2


async def test_what_the_agents_own_host_lacks_is_nobody_elses_fault() -> None:
    """Without descriptors no attempt can be made, and the null sink says so too."""
    async with listener() as served:
        plans = [plan_for(Protocol.TCP, served.port, phase_ms=300)]
        async with running(plans) as (slots, first):
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
            try:
                report = await slots.until(first)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            after = await slots.until(first + 1)
    assert report.outcomes[0].verdict is Verdict.SKIPPED
    assert "too many open files" in report.outcomes[0].error
    assert report.impaired == ["null_sink"]
    assert after.impaired == []
    assert after.outcomes[0].verdict is Verdict.SENT


async def test_a_failure_beside_a_healthy_null_sink_stands() -> None:
    plans = [
        plan_for(Protocol.TCP, closed_port(), phase_ms=100),
        plan_for(Protocol.UDP, closed_port(socket.SOCK_DGRAM), phase_ms=100),
    ]
    async with running(plans) as (slots, first):
        report = await slots.until(first)
    assert [outcome.verdict for outcome in report.outcomes] == [Verdict.FAILED] * 2
    assert report.impaired == []


async def test_a_refusal_is_told_long_before_its_slot_ends() -> None:
    """Beside a datagram, which is sent only when its deadline has passed without a refusal."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        plans = [
            *(plan_for(Protocol.TCP, closed_port(), phase_ms=100 + 10 * i) for i in range(20)),
            plan_for(Protocol.UDP, sock.getsockname()[1], phase_ms=300),
        ]
        async with running(plans) as (slots, first):
            report = await slots.until(first)
            ended = clock.wall()
    assert len(report.outcomes) == 21  # the slot's report is whole
    assert ended >= first + 1.3
    ahead = [(at, each.outcomes) for at, each in slots.ahead if each.slot == first]
    told = [outcome.endpoint for _, outcomes in ahead for outcome in outcomes]
    assert sorted(told) == list(range(20))
    assert 1 <= len(ahead) <= 3
    assert all(outcome.verdict is Verdict.FAILED for _, outcomes in ahead for outcome in outcomes)
    assert ahead[0][0] < first + 0.6
    assert ahead[-1][0] < first + 0.9


async def test_nothing_is_told_ahead_while_all_is_well_or_the_agent_is_not() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        plans = [
            plan_for(Protocol.UDP, sock.getsockname()[1], phase_ms=100),
            plan_for(Protocol.TCP, closed_port(), phase_ms=200),
        ]
        async with running(plans[:1]) as (slots, first):
            await slots.until(first)
        assert slots.ahead == []
        async with running(plans) as (slots, first):
            # Right after the refusal the loop is held up: the agent's word is not worth much then.
            begin_s = max(first + 0.21 - clock.wall(), 0)
            asyncio.get_running_loop().call_later(begin_s, _hold_up, first + 0.4)
            report = await slots.until(first)
        assert report.impaired == ["loop_lag"]
        assert report.outcomes[1].verdict is Verdict.FAILED
        assert [each for _, each in slots.ahead if each.slot == first] == []


async def test_an_agent_without_endpoints_runs_and_ends() -> None:
    async with running([]) as (slots, _):
        await slots.runner.finish()
    assert slots.told == []


async def test_the_null_sink_hears_only_its_own_lines() -> None:
    reactor = Reactor(asyncio.get_running_loop())
    heard: list[tuple[Protocol, int]] = []
    news = asyncio.Event()

    def hear(protocol: Protocol, slot: int) -> None:
        heard.append((protocol, slot))
        news.set()

    sink = NullSink(reactor, udp=True, heard=hear)
    tcp, udp = (target.plan.port for target in sink.targets)
    for data in (b"canary.else 1 7\n", b"\xff\xfe", b"x" * 10_000, b"canary.null 1 x\n"):
        _, writer = await asyncio.open_connection("127.0.0.1", tcp)
        writer.write(data)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"noise", ("127.0.0.1", udp))
        sock.sendto(b"canary.null 1 8\n", ("127.0.0.1", udp))
    await news.wait()
    assert heard == [(Protocol.UDP, 8)]
    news.clear()
    _, writer = await asyncio.open_connection("127.0.0.1", tcp)
    writer.write(b"canary.null 1 9\n")
    await news.wait()
    assert heard[1:] == [(Protocol.TCP, 9)]
    writer.close()
    await writer.wait_closed()
    sink.close()
    assert reactor.watched == 0
    reactor.close()


def _hold_up(until_wall: float) -> None:
    while clock.wall() < until_wall:
        pass


async def test_a_slot_that_is_held_up_to_its_end_is_impaired() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        plans = [plan_for(Protocol.UDP, sock.getsockname()[1], phase_ms=100)]
        async with running(plans) as (slots, first):
            begin_s = max(first + 0.3 - clock.wall(), 0)
            asyncio.get_running_loop().call_later(begin_s, _hold_up, first + 2.05)
            report = await slots.until(first)
    assert report.impaired


@pytest.mark.parametrize("protocol", [Protocol.UDP, Protocol.TCP])
async def test_a_server_on_one_family_is_reached_in_the_first_slot(protocol: Protocol) -> None:
    kind = socket.SOCK_DGRAM if protocol is Protocol.UDP else socket.SOCK_STREAM
    for family, where in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family, kind) as sock:
            sock.bind((where, 0))
            if protocol is Protocol.TCP:
                sock.listen()
            plans = [plan_for(protocol, sock.getsockname()[1], host="localhost", phase_ms=100)]
            async with running(plans) as (slots, first):
                report = await slots.until(first)
        assert [outcome.verdict for outcome in report.outcomes] == [Verdict.SENT], where
