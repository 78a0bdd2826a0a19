"""Outcomes as reports carry them, made once and shared. Pure."""

from __future__ import annotations

import itertools
from typing import Final

from coalmine_aggregator.replay.damage import SENT
from coalmine_aggregator.replay.fleet import SimulatedFleet
from coalmine_wire.reports import Outcome, Step, Verdict

MAX_LISTS: Final = 50_000
"""Lists kept; past them it begins anew."""


class Outcomes:
    """Lists of outcomes by how attempts end. Nobody may change a list."""

    def __init__(self, fleet: SimulatedFleet) -> None:
        bounds = fleet.first.tolist()
        self._bounds = list(itertools.pairwise(bounds))
        self._lists: dict[bytes, list[Outcome]] = {}
        self._single: dict[tuple[int, int], Outcome] = {}
        self._skipped: dict[int, list[Outcome]] = {}
        self.well = [self._of(bytes([SENT]) * (end - begin)) for begin, end in self._bounds]
        """By agent: everything was sent."""

    def of(self, agent: int, ends: bytes | None) -> list[Outcome]:
        """How the attempts of an agent ended; `ends` is a byte of `damage` for each series."""
        if ends is None:
            return self.well[agent]
        begin, end = self._bounds[agent]
        own = ends[begin:end]
        return self._lists.get(own) or self._of(own)

    def skipped(self, agent: int) -> list[Outcome]:
        """No attempt was made."""
        begin, end = self._bounds[agent]
        size = end - begin
        if size not in self._skipped:
            self._skipped[size] = [Outcome(each, Verdict.SKIPPED) for each in range(size)]
        return self._skipped[size]

    def _of(self, own: bytes) -> list[Outcome]:
        if len(self._lists) >= MAX_LISTS:
            self._lists.clear()
        single = self._single
        outcomes: list[Outcome] = []
        for at, end in enumerate(own):
            outcome = single.get((at, end))
            if outcome is None:
                outcome = single[at, end] = _outcome(at, end)
            outcomes.append(outcome)
        self._lists[own] = outcomes
        return outcomes


def _outcome(endpoint: int, end: int) -> Outcome:
    if end == SENT:
        return Outcome(endpoint, Verdict.SENT)
    verdict = Verdict.ABANDONED if end % 2 else Verdict.FAILED
    return Outcome(endpoint, verdict, Step(end // 2))
