"""Counts by fate: what is added up everywhere, and never averaged. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from coalmine_aggregator.model.fates import BAD, FATES, NEITHER, Fate


class Counts(NamedTuple):
    """Datapoints of a group over some slots.

    `received` counts distinct datapoints that arrived in time, whatever else is known of them: the
    sum rate. `fates` is indexed by `Fate` and adds up to `expected`.
    """

    received: int
    fates: tuple[int, ...]

    @property
    def expected(self) -> int:
        """Datapoints that were scheduled."""
        return sum(self.fates)

    @property
    def bad(self) -> int:
        """Failed, abandoned, lost and late ones."""
        return sum(self.fates[fate] for fate in BAD)

    @property
    def judged(self) -> int:
        """The denominator: expected less those that are neither good nor bad."""
        return self.expected - sum(self.fates[fate] for fate in NEITHER)

    @property
    def loss(self) -> float | None:
        """The bad fraction of what can be judged; None where nothing can."""
        return self.bad / self.judged if self.judged else None

    def by_fate(self) -> dict[str, int]:
        """The counts under their fates' names."""
        return {fate.label: self.fates[fate] for fate in Fate}

    def less(self, part: Counts) -> Counts:
        """What is left without a part."""
        fates = tuple(a - b for a, b in zip(self.fates, part.fates, strict=True))
        return Counts(self.received - part.received, fates)

    def __add__(self, other: object) -> Counts:
        if not isinstance(other, Counts):
            return NotImplemented
        fates = tuple(a + b for a, b in zip(self.fates, other.fates, strict=True))
        return Counts(self.received + other.received, fates)


NOTHING = Counts(0, (0,) * FATES)
"""The neutral element."""


def summed(counts: Iterable[Counts]) -> Counts:
    """Their sum."""
    rows = [(each.received, *each.fates) for each in counts]
    if not rows:
        return NOTHING
    received, *fates = (sum(column) for column in zip(*rows, strict=True))
    return Counts(received, tuple(fates))
