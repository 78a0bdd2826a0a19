"""Agents as they stand, for pages and the API. Pure."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.ledger.agents import Agent, seat_of, view_of
from coalmine_aggregator.ledger.fate_table import ENDING_OF
from coalmine_aggregator.ledger.ledger import Ledger
from coalmine_aggregator.ledger.roster import Roster
from coalmine_aggregator.model.endings import ENDINGS, OUTCOMES, RECEIVED, sums_of
from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.model.unknown import REASONS, UnknownReason
from coalmine_aggregator.model.views import AgentStatus, AgentView

OVER_S = 60
"""Settled slots that counts are summed over."""

_Counts = NDArray[np.int32]


class AgentViews:
    """Counts by seat are made once for each settled slot, when somebody looks."""

    def __init__(self, ledger: Ledger, roster: Roster) -> None:
        self._ledger = ledger
        self._roster = roster
        self._by_slot: dict[int, tuple[int, _Counts]] = {}

    def all(self, now: float) -> list[AgentView]:
        """Every agent of the roster and those set aside, by name."""
        sums = self._sums().tolist()
        offsets = self._ledger.clocks.offsets().tolist()
        views = [self._view(agent, now, sums, offsets) for agent in self._roster.agents.values()]
        views += [
            view_of(aside.birth, seat_of(aside.birth), AgentStatus.SET_ASIDE, aside.why)
            for aside in self._roster.aside.values()
        ]
        return sorted(views, key=lambda view: (view.agent, view.boot))

    def _view(self, agent: Agent, now: float, sums: list[list[int]], offsets: list[float]) -> AgentView:
        seat = agent.current.seat
        expected, received, *unknown = (0,) * (2 + REASONS)
        if not agent.replaced:
            expected, received, *unknown = sums[seat]
        status, note = AgentStatus.ALIVE, ""
        if agent.retired:
            status, note = AgentStatus.RETIRED, agent.retired
        elif agent.on_leave(now):
            status = AgentStatus.GOODBYE
        elif agent.silent(now):
            status, note = AgentStatus.MISSING, f"silent for {now - agent.heard:.0f} s"
        well = agent.impaired_slot < now - OVER_S
        return replace(
            view_of(agent.birth, agent.seat, status, note),
            last_slot=agent.last_slot,
            impaired=() if well else agent.impaired,
            offset_s=offsets[seat] if math.isfinite(offsets[seat]) else None,
            endpoints=0 if agent.retired else len(agent.current.ids),
            expected_60s=expected,
            received_60s=received,
            unknown_60s={
                reason.label: count
                for reason, count in zip(UnknownReason, unknown, strict=True)
                if count
            },
        )

    def _sums(self) -> _Counts:
        """int32[seats, 2 + REASONS]: expected, received and the reasons for unknown."""
        newest = self._ledger.next - 1
        wanted = range(newest - OVER_S + 1, newest + 1)
        seats = self._roster.seats()
        sums = np.zeros((seats, 2 + REASONS), dtype=np.int32)
        fresh: dict[int, tuple[int, _Counts]] = {}
        for slot in wanted:
            table = self._ledger.tables.get(slot)
            if table is None:
                continue
            held = self._by_slot.get(slot)
            if held is None or held[0] != id(table):
                held = (id(table), self._count(slot, seats))
            fresh[slot] = held
            sums[: len(held[1])] += held[1]
        self._by_slot = fresh
        return sums

    def _count(self, slot: int, seats: int) -> _Counts:
        expected = self._ledger.expected_at(slot)
        if expected is None:
            return np.zeros((0, 2 + REASONS), dtype=np.int32)
        known = self._ledger.ring.known(slot, len(expected))[expected]
        seat = self._ledger.clocks.seat_of(len(expected))[expected].astype(np.int64)
        table = np.bincount(seat * ENDINGS + ENDING_OF[known], minlength=seats * ENDINGS)
        sums = sums_of(table.reshape(seats, ENDINGS))
        counts = np.empty((seats, 2 + REASONS), dtype=np.int32)
        counts[:, 0] = sums[:, :OUTCOMES].sum(axis=1)
        counts[:, 1] = sums[:, RECEIVED]
        counts[:, 2:] = sums[:, Fate.UNKNOWN : OUTCOMES]
        return counts
