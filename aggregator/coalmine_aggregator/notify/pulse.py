"""Whether this aggregator counts, for those who tell the world that it does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from coalmine_aggregator.model.findings import Finding
from coalmine_aggregator.model.progress import Counting, Progress
from coalmine_runtime import clock

STOPPED_S: Final = 10.0
"""Without a word of the settle loop for so long, nobody counts."""

PROVEN_S: Final = 30.0
"""For so long a proof is good."""


class Pulse:
    """Beats once a second while the settle loop runs. `monotonic` is a clock in seconds."""

    def __init__(self, monotonic: Callable[[], float] = clock.monotonic) -> None:
        self._monotonic = monotonic
        self._progress: Progress | None = None
        self._beat_at = self._right_at = float("-inf")

    def look(self, progress: Progress) -> Sequence[Finding]:
        """Beats; see `Watcher`."""
        self.beat(progress)
        return ()

    def beat(self, progress: Progress) -> None:
        """The settle loop goes on."""
        self._progress = progress
        self._beat_at = self._monotonic()
        if progress.counting is Counting.RIGHT and progress.is_in_time:
            self._right_at = self._beat_at

    def counts(self) -> bool:
        """Whether slots settle in time, and nothing shows that they are counted wrong."""
        return self._in_time() and not self.is_wrong

    def proves(self) -> bool:
        """Whether slots settle in time, and were lately proven to be counted right."""
        return self._in_time() and self._monotonic() - self._right_at <= PROVEN_S

    @property
    def is_wrong(self) -> bool:
        """Whether control agents show that the counting is wrong."""
        return self._progress is not None and self._progress.counting is Counting.WRONG

    def _in_time(self) -> bool:
        progress = self._progress
        if progress is None or not progress.is_in_time:
            return False
        return self._monotonic() - self._beat_at <= STOPPED_S
