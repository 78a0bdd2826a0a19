"""Links: when agents can be heard, and what is said when they cannot, or can again. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from coalmine_aggregator.replay.damage import Prepared
from coalmine_aggregator.replay.effects import Effect


class Absence(NamedTuple):
    """One agent is not heard in the slots from `start` to before `end`; the will leaves at `will_at`,
    None where it is back before."""

    agent: int
    start: int
    end: int
    will_at: float | None


def absences(
    faults: Iterable[Prepared], keepalive_s: float, effects: tuple[Effect, ...]
) -> list[Absence]:
    """Faults of these effects as absences of single agents, those that touch made one."""
    spans: dict[int, list[tuple[int, int, float]]] = {}
    for prepared in faults:
        fault, slots = prepared.fault, prepared.slots
        if fault.effect in effects:
            wait_s = keepalive_s if fault.keepalive is None else fault.keepalive
            for agent in prepared.targets.tolist():
                spans.setdefault(agent, []).append((slots.start, slots.stop, wait_s))
    return [
        absence for agent, each in sorted(spans.items()) for absence in _joined(agent, sorted(each))
    ]


def _joined(agent: int, spans: list[tuple[int, int, float]]) -> list[Absence]:
    joined: list[tuple[int, int, float]] = []
    for start, end, wait_s in spans:
        if joined and start <= joined[-1][1]:
            before = joined[-1]
            joined[-1] = (before[0], max(before[1], end), before[2])
        else:
            joined.append((start, end, wait_s))
    return [
        Absence(agent, start, end, start + wait_s if start + wait_s < end else None)
        for start, end, wait_s in joined
    ]
