"""Escalation: who else is told, until somebody acknowledges or it is over. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

from coalmine_aggregator.paging.target import Target

MAX_STEPS: Final = 20
"""Steps of one policy."""

MAX_TIMES: Final = 100
"""How often one step is told."""

SHORTEST_EVERY_S: Final = 30.0
"""A telephone that rings more often than this is switched off."""

LONGEST_AFTER_S: Final = 7 * 86_400.0


class Step(NamedTuple):
    """`targets` are told `after_s` seconds after the first notice, and again every `every_s` until they
    were told `times` times in all."""

    after_s: float
    targets: tuple[Target, ...]
    every_s: float | None = None
    times: int = 1


class Policy(NamedTuple):
    """The steps, the earliest first."""

    steps: tuple[Step, ...]

    def check(self) -> None:
        """Raises ValueError that begins with the place which cannot be, such as `[1].every`."""
        if not 1 <= len(self.steps) <= MAX_STEPS:
            raise ValueError(f"has {len(self.steps)} steps; there may be 1 to {MAX_STEPS}")
        before = 0.0
        for place, step in enumerate(self.steps):
            if not before <= step.after_s <= LONGEST_AFTER_S:
                raise ValueError(
                    f"[{place}].after: must be {before:g} to {LONGEST_AFTER_S:g} s; it counts from the "
                    "first notice, not from the step before"
                )
            before = step.after_s
            if not step.targets:
                raise ValueError(f"[{place}].to: is empty")
            if not 1 <= step.times <= MAX_TIMES:
                raise ValueError(f"[{place}].times: must be 1 to {MAX_TIMES}")
            if step.times > 1 and step.every_s is None:
                raise ValueError(f"[{place}].every: is needed where times is more than 1")
            if step.times == 1 and step.every_s is not None:
                raise ValueError(f"[{place}].times: is 1, so that every says nothing")
            if step.every_s is not None and not SHORTEST_EVERY_S <= step.every_s <= LONGEST_AFTER_S:
                raise ValueError(
                    f"[{place}].every: must be {SHORTEST_EVERY_S:g} to {LONGEST_AFTER_S:g} s"
                )


class Call(NamedTuple):
    """A step that is due, by its place in the policy, and how often it was due before."""

    place: int
    repeat: int


class Due(NamedTuple):
    """`calls` are due now; the next will be at `next_at`, inf for none."""

    calls: tuple[Call, ...]
    next_at: float


def due(
    policy: Policy, began: float, stopped: float | None, now: float, done: Mapping[int, int]
) -> Due:
    """The steps that are due.

    `began` is when the first notice was made; from `stopped` on (acknowledged, closed), None for not
    yet, nothing is due. `done` has, by place of a step, the highest repeat that was told. Of repeats
    that were missed, as nobody asked, only the newest is due: one call says as much as five at once.
    """
    if stopped is not None and now >= stopped:
        return Due((), math.inf)
    calls: list[Call] = []
    next_at = math.inf
    for place, step in enumerate(policy.steps):
        told = done.get(place, -1)
        repeat = _newest(step, began, now)
        if repeat > told:
            calls.append(Call(place, repeat))
            told = repeat
        if told + 1 < step.times:
            next_at = min(next_at, _time_of(step, began, told + 1))
    return Due(tuple(calls), next_at)


def _time_of(step: Step, began: float, repeat: int) -> float:
    return began + step.after_s + repeat * (step.every_s or 0.0)


def _newest(step: Step, began: float, now: float) -> int:
    """The last repeat whose time has come; -1 before the first."""
    if now < began + step.after_s:
        return -1
    if step.every_s is None:
        return 0
    newest = min(step.times - 1, math.floor((now - began - step.after_s) / step.every_s))
    # The division rounds; whether a time has come must be the same however it is asked.
    if newest + 1 < step.times and _time_of(step, began, newest + 1) <= now:
        return newest + 1
    return newest if _time_of(step, began, newest) <= now else newest - 1
