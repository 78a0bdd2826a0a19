"""One round: every endpoint gets one datapoint in one slot, as from a running agent. No reports."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import uvloop

from coalmine_agent.plan import EndpointPlan
from coalmine_agent.resolver import Resolver
from coalmine_agent.runner import Runner
from coalmine_runtime import clock
from coalmine_runtime.daemon_threads import DaemonThreads
from coalmine_runtime.printable import printable
from coalmine_wire.control import Choice
from coalmine_wire.reports import Outcome, SlotReport, Step, Verdict

_HEADINGS = (
    "SERVICE",
    "ENDPOINT",
    "ADDRESS",
    "VERDICT",
    *(step.name for step in Step),
    "TOTAL",
    "ERROR",
)
_FIRST_NUMBER = 4


class Round(NamedTuple):
    """How it went: outcomes number `plans`; `expiries` are ends of certificates, in epoch seconds."""

    plans: Sequence[EndpointPlan]
    report: SlotReport
    expiries: dict[int, int]
    withheld: int = 0
    """Of a control agent: lost on purpose, though their outcomes say sent."""

    @property
    def good(self) -> bool:
        """Whether everything was sent, by an agent that was fit to."""
        sent = all(outcome.verdict is Verdict.SENT for outcome in self.report.outcomes)
        return sent and len(self.report.outcomes) == len(self.plans)


def run_round(plans: Sequence[EndpointPlan], control: Choice | None = None) -> Round:
    """Takes up to 3 s: to the next second, through it, and to the last deadline.

    What `control` chooses is withheld here, too: the aggregator would take it for a fault of its own.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_round(plans, control))


async def _round(plans: Sequence[EndpointPlan], control: Choice | None) -> Round:
    asyncio.get_running_loop().set_default_executor(DaemonThreads())
    ended: dict[int, SlotReport] = {}
    resolver = Resolver()

    def on_slot(revision: int, report: SlotReport) -> None:
        ended[report.slot] = report

    runner = Runner(plans, on_slot=on_slot, resolver=resolver, control=control)
    slot = runner.start()
    phases_ms = [plan.phase_ms for plan in plans]
    # Between the last start of this slot and the first of the next, which must not be sent.
    finish_s = (max(phases_ms) + 1000 + min(phases_ms)) / 2000
    await asyncio.sleep(max(slot + finish_s - clock.wall(), 0))
    await runner.finish()
    await resolver.close()
    report = ended.get(slot, SlotReport(slot))
    withheld = runner.counters.withheld
    return Round(plans, report, runner.expiries(runner.revision), withheld)


def table(round_: Round, now: float) -> list[str]:
    """The round as aligned lines; times in milliseconds. The last lines say how it went in all."""
    outcomes = {outcome.endpoint: outcome for outcome in round_.report.outcomes}
    rows = [list(_HEADINGS)]
    for index, plan in enumerate(round_.plans):
        cells = _row(plan, outcomes.get(index), round_.expiries.get(index), now)
        rows.append([printable(cell) for cell in cells])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if _FIRST_NUMBER <= i < len(row) - 1 else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    sent = sum(outcome.verdict is Verdict.SENT for outcome in outcomes.values())
    lines.append(f"{sent} of {len(round_.plans)} sent; times in ms")
    if round_.withheld:
        lines.append(f"{round_.withheld} of these withheld, on purpose: this is a control agent")
    if round_.report.impaired:
        lines.append(f"this agent was impaired: {', '.join(round_.report.impaired)}")
    return lines


def _row(plan: EndpointPlan, outcome: Outcome | None, expiry: int | None, now: float) -> list[str]:
    endpoint = f"{plan.protocol}-{plan.variant}" if plan.variant else str(plan.protocol)
    start = [plan.service, endpoint, plan.address]
    if outcome is None:
        return [*start, "-", *("-" for _ in Step), "-", "no outcome"]
    taken = dict(zip(Step, outcome.steps_us, strict=False))
    times = [_ms(taken.get(step, -1)) for step in Step]
    total = _ms(sum(micros for micros in taken.values() if micros >= 0))
    notes = [outcome.error] if outcome.error else []
    if outcome.step is not None:
        notes.insert(0, f"in {outcome.step.name.lower()}:")
    if expiry:
        notes.append(f"[certificate: {(expiry - now) / 86400:.0f} days]")
    return [*start, outcome.verdict.name.lower(), *times, total, " ".join(notes)]


def _ms(micros: int) -> str:
    return f"{micros / 1000:.1f}" if micros >= 0 else "-"
