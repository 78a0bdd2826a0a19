"""What the agent counts about its own work, by protocol: attempts, steps, slots. Pure.

It is fed once a slot, so counting must cost next to nothing: lists of whole numbers, and histogram
bounds that are powers of two, which `int.bit_length` finds.
"""

from __future__ import annotations

from collections.abc import Sequence

from coalmine_agent.exposition import Exposition
from coalmine_agent.plan import EndpointPlan
from coalmine_wire.protocols import Protocol
from coalmine_wire.reports import SlotReport, Step, Verdict

_LOW, _HIGH = 6, 20
BOUNDS_US = tuple(1 << power for power in range(_LOW, _HIGH + 1))
"""Upper bounds of the step times: from 64 us to 1.05 s, a little more than the deadline."""

_BUCKETS = len(BOUNDS_US) + 1
_BY_BITS = tuple(min(max(bits - _LOW, 0), _BUCKETS - 1) for bits in range(64))
_VERDICTS = max(Verdict) + 1
_SKIPPED = Verdict.SKIPPED
_STEPS = len(Step)
_PROTOCOLS = {protocol: number for number, protocol in enumerate(Protocol)}

IMPAIRMENTS = ("null_sink", "loop_lag", "overrun", "clock_step", "suspended", "other")


def bucket(micros: int) -> int:
    """The index of the first bound that is not below `micros`; one past the last where none is."""
    return _BY_BITS[(micros - 1).bit_length()] if micros > 0 else 0


class Telemetry:
    """Counts since the agent started."""

    def __init__(self) -> None:
        protocols, steps = len(Protocol), len(Step)
        self._attempts = [0] * (protocols * _VERDICTS)
        self._step_counts = [0] * (protocols * steps * _BUCKETS)
        self._step_sums_us = [0] * (protocols * steps)
        self._impaired = dict.fromkeys(IMPAIRMENTS, 0)
        self.slots = 0
        self.last_slot: int | None = None
        """The last in which datapoints went out."""

    def slot(self, plans: Sequence[EndpointPlan], report: SlotReport) -> bool:
        """Counts a slot that ended; its outcomes number `plans`. True if datapoints went out in it."""
        attempts, counts, sums = self._attempts, self._step_counts, self._step_sums_us
        went_out = False
        for outcome in report.outcomes:
            protocol = _PROTOCOLS[plans[outcome.endpoint].protocol]
            verdict = outcome.verdict
            attempts[protocol * _VERDICTS + verdict] += 1
            if verdict is _SKIPPED:
                continue
            went_out = True
            series = protocol * _STEPS
            for micros in outcome.steps_us:
                if micros >= 0:
                    counts[series * _BUCKETS + bucket(micros)] += 1
                    sums[series] += micros
                series += 1
        for reason in report.impaired:
            self._impaired[reason if reason in self._impaired else "other"] += 1
        self.slots += 1
        if went_out:
            self.last_slot = report.slot  # below the one before it where the clock was set back
        return went_out

    def expose(self, out: Exposition) -> None:
        """Adds the families to an exposition; protocols without attempts are left out."""
        seen = [
            (protocol, number)
            for protocol, number in _PROTOCOLS.items()
            if any(self._attempts[number * _VERDICTS : (number + 1) * _VERDICTS])
        ]
        out.counter(
            "coalmine_agent_attempts_total",
            "Datapoints by how their attempt ended.",
            *(
                (
                    {"protocol": protocol.value, "verdict": verdict.name.lower()},
                    self._attempts[number * _VERDICTS + verdict],
                )
                for protocol, number in seen
                for verdict in Verdict
            ),
        )
        out.histogram(
            "coalmine_agent_step_seconds",
            "Time that each step of an attempt took.",
            [bound / 1e6 for bound in BOUNDS_US],
            *(
                (
                    {"protocol": protocol.value, "step": step.name.lower()},
                    counts,
                    self._step_sums_us[number * len(Step) + step] / 1e6,
                )
                for protocol, number in seen
                for step in Step
                if any(counts := self._steps(number, step))
            ),
        )
        out.counter("coalmine_agent_slots_total", "Slots that ended.", ({}, self.slots))
        out.counter(
            "coalmine_agent_slots_impaired_total",
            "Slots in which the agent itself was not fit to judge, by reason.",
            *(({"reason": reason}, count) for reason, count in self._impaired.items()),
        )
        out.gauge(
            "coalmine_agent_last_slot_seconds",
            "The last slot in which datapoints went out, as seconds since the epoch.",
            ({}, self.last_slot or 0),
        )

    def _steps(self, protocol: int, step: Step) -> list[int]:
        start = (protocol * len(Step) + step) * _BUCKETS
        return self._step_counts[start : start + _BUCKETS]
