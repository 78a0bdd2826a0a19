"""A control agent's runner: what the key chooses is told as sent and never sent, all else is both."""

from __future__ import annotations

import dataclasses

import pytest

from coalmine_agent.plan import EndpointPlan
from coalmine_agent.senders.withheld import Withheld
from coalmine_agent.withholding import Withholding
from coalmine_wire.control import Choice
from coalmine_wire.protocols import Protocol
from coalmine_wire.reports import Step, Verdict
from tests.agent.attempts import NAME, SLOT, Served, attempt, listener, plan_for
from tests.agent.slots import running

KEY = b"a key of 16 bytes"
HALF = Choice(KEY, 0.5)


def plans_for(port: int, count: int, host: str = "127.0.0.1") -> list[EndpointPlan]:
    """Endpoints with series names of their own."""
    plan = plan_for(Protocol.TCP, port, host=host)
    return [
        dataclasses.replace(plan, series_name=f"{NAME}{index}", phase_ms=10 * index)
        for index in range(count)
    ]


async def received(served: Served, count: int) -> list[tuple[str, int]]:
    """Series name and slot of the `count` datapoints that are coming in, and of any more."""
    lines = [await served.received.get() for _ in range(count)]
    lines += [served.received.get_nowait() for _ in range(served.received.qsize())]
    return [(name.decode(), int(slot)) for name, _, slot in map(bytes.split, lines)]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_exactly_what_the_key_chooses_is_not_sent(host: str) -> None:
    async with listener() as served:
        plans = plans_for(served.port, 12, host)
        async with running(plans, control=HALF) as (slots, first):
            reports = [await slots.until(slot) for slot in (first, first + 1)]
            last = await slots.runner.finish()
        arrived = await received(served, slots.runner.counters.sent - slots.runner.counters.withheld)
    told = {
        (plans[outcome.endpoint].series_name, report.slot)
        for _, report in slots.told
        for outcome in report.outcomes
        if outcome.verdict is Verdict.SENT
    }
    assert told == {(plan.series_name, slot) for plan in plans for slot in range(first, last + 1)}
    withheld = {(name, slot) for name, slot in told if HALF.withholds(name, slot)}
    assert set(arrived) == told - withheld
    assert slots.runner.counters.withheld == len(withheld) > 0
    for report in reports:
        assert report.impaired == []
        for outcome in report.outcomes:
            resolve, connect, tls, send, response = outcome.steps_us
            assert connect >= 0
            assert send >= 0
            assert (resolve >= 0) == (host == "localhost")
            assert tls == response == -1


async def test_a_revision_may_end_or_change_it() -> None:
    async with listener() as served:
        plans = plans_for(served.port, 8)
        async with running(plans, control=HALF) as (slots, first):
            await slots.until(first)
            ends = slots.runner.replace(plans, None)
            await slots.until(ends)
            last = await slots.runner.finish()
        arrived = await received(served, slots.runner.counters.sent - slots.runner.counters.withheld)
    for slot in range(first, last + 1):
        kept = [plan for plan in plans if slot >= ends or not HALF.withholds(plan.series_name, slot)]
        assert {name for name, at in arrived if at == slot} == {plan.series_name for plan in kept}


@pytest.mark.parametrize(
    ("protocol", "steps"),
    [
        (Protocol.TCP, {Step.CONNECT, Step.SEND}),
        (Protocol.UDP, {Step.SEND}),
        (Protocol.TLS, {Step.CONNECT, Step.TLS, Step.SEND}),
        (Protocol.PICKLE, {Step.CONNECT, Step.SEND}),
        (Protocol.PICKLE_TLS, {Step.CONNECT, Step.TLS, Step.SEND}),
        (Protocol.HTTPS, {Step.CONNECT, Step.TLS, Step.SEND, Step.RESPONSE}),
    ],
)
def test_the_first_one_takes_the_steps_of_its_protocol(protocol: Protocol, steps: set[Step]) -> None:
    assert {step for step in Step if Withheld(protocol).steps_us[step] >= 0} == steps


async def test_a_withheld_datapoint_takes_as_long_as_the_one_before() -> None:
    plans = plans_for(9, 1)
    withholding = Withholding(HALF, plans)
    slot = next(slot for slot in range(SLOT, SLOT + 100) if HALF.withholds(f"{NAME}0", slot))
    assert withholding.stand_in(0, slot) is not None
    kept = next(slot for slot in range(SLOT, SLOT + 100) if not HALF.withholds(f"{NAME}0", slot))
    assert withholding.stand_in(0, kept) is None
    withholding.sent(0, (-1, 1234, -1, 567, -1))
    target = withholding.stand_in(0, slot)
    assert target is not None
    ended = await attempt(plans[0], target=target)
    assert ended.outcome.verdict is Verdict.SENT
    assert ended.outcome.steps_us == (-1, 1234, -1, 567, -1)
    assert ended.outcome.error == ""
