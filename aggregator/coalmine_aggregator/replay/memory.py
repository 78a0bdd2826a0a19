"""What a store would have kept of an aggregator that was killed. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.engine import Engine, Tick
from coalmine_aggregator.judge.judge import Kept
from coalmine_aggregator.model.restored import Restored
from coalmine_aggregator.model.slo_minutes import MINUTE_COLUMNS, MinuteSums
from coalmine_aggregator.model.slot_counts import SlotCounts
from coalmine_wire.reports import Birth, State
from coalmine_wire.slots import REVISABLE_S

COMMIT_S = 0.5
"""What is younger is lost when the aggregator is killed."""

RECENT_S = 600
"""Counts that a start takes over."""


class Memory:
    """Keeps what ticks hand out, as the store does; nothing at all unless `needed`.

    `last_slot` is the newest slot that was settled before any tick: a fleet has a past."""

    def __init__(self, *, needed: bool, last_slot: int) -> None:
        self._needed = needed
        self._last_slot = last_slot
        self._births: dict[str, Birth] = {}
        self._states: dict[tuple[str, str], State] = {}
        self._exceptions: dict[int, bytes] = {}
        self._recent: dict[int, SlotCounts] = {}
        self._minutes: dict[str, dict[int, MinuteSums]] = {}
        self._learned: dict[str, str] = {}
        self._uncommitted: deque[tuple[float, Tick]] = deque()

    def birth(self, birth: Birth) -> None:
        """A birth was heard."""
        self._births[birth.agent] = birth

    def state(self, state: State) -> None:
        """A state was heard."""
        self._states[state.agent, state.boot] = state

    def tick(self, tick: Tick, now: float) -> None:
        """What a tick handed out at `now`."""
        if not self._needed:
            return
        self._commit(now)
        if tick.settled or tick.revised or tick.exceptions:
            self._uncommitted.append((now, tick))

    def keep(self, kept: Kept) -> None:
        """What the judge wants kept, changed since it was last asked."""
        if self._needed:
            self._learned.update(kept.learned)
            for name, minute, sums in kept.minutes:
                self._minutes.setdefault(name, {})[minute] = sums

    def restored(self, killed_at: float, engine: Engine, next_number: int) -> Restored:
        """What a start finds after a kill."""
        self._commit(killed_at)
        self._uncommitted.clear()
        self.keep(engine.kept())
        return Restored(
            births=tuple(self._births.values()),
            states=tuple(self._states.values()),
            last_slot=max(self._recent, default=self._last_slot),
            open_alerts=tuple(engine.open_alerts()),
            closed_alerts=tuple(engine.closed_alerts()),
            next_number=next_number,
            exceptions=tuple(sorted(self._exceptions.items())),
            recent=tuple(counts for _, counts in sorted(self._recent.items())),
            slo={name: _rows(minutes) for name, minutes in self._minutes.items()},
            learned=dict(self._learned),
        )

    def _commit(self, now: float) -> None:
        while self._uncommitted and self._uncommitted[0][0] <= now - COMMIT_S:
            _, tick = self._uncommitted.popleft()
            self._exceptions.update(tick.exceptions)
            for counts in tick.settled:
                self._recent[counts.slot] = counts
            for counts in tick.revised:
                if counts.slot in self._recent:
                    self._recent[counts.slot] = counts
            self._forget()

    def _forget(self) -> None:
        newest = next(reversed(self._recent), 0)
        while self._recent and next(iter(self._recent)) <= newest - RECENT_S:
            del self._recent[next(iter(self._recent))]
        while self._exceptions and next(iter(self._exceptions)) < newest - REVISABLE_S:
            del self._exceptions[next(iter(self._exceptions))]


def _rows(minutes: Mapping[int, MinuteSums]) -> NDArray[np.int64]:
    """int64[n, MINUTE_COLUMNS], ascending."""
    rows = [(minute, *sums) for minute, sums in sorted(minutes.items())]
    return np.array(rows, dtype=np.int64).reshape(-1, MINUTE_COLUMNS)
