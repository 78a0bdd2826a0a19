"""A question about counts, and the bounds of what one may ask. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

from coalmine_aggregator.model.scopes import Leaf
from coalmine_aggregator.reading.frames import RefusedError

STEPS_S: Final = (1, 10, 60, 300, 900, 3600, 21_600, 86_400)
"""Lengths of buckets, in seconds. Buckets begin at multiples of their length."""

AUTO_BUCKETS: Final = 1_200
"""Where no step is asked for, the shortest is taken that makes no more buckets."""

MAX_BUCKETS: Final = 21_600
"""Of one answer: six hours by the second."""

MAX_POINTS: Final = 500_000
"""Buckets times groups of one answer."""

MAX_RANGE_S: Final = 3_660 * 86_400
"""Ten years."""

MAX_BY_HOST_S: Final = 31 * 86_400
"""What lies below the leaves, hosts and nodes, is asked of so many seconds at once."""


TOTAL_STEP_S: Final = 3600 << 30
"""A step so long that everything lies in one: for sums over a whole range."""


class Question(msgspec.Struct, frozen=True):
    """Sums by labels and by `step_s` of the slots from `first` to `last`, both included, of the series
    that carry what `where` says (exact values or globs, see `LabelFilter`)."""

    by: tuple[str, ...]
    where: dict[str, str]
    first: int
    last: int
    step_s: int

    @property
    def below_leaves(self) -> bool:
        """Whether it names labels that sums by leaf do not have."""
        return not {*self.by, *self.where} <= set(Leaf._fields)

    @property
    def buckets(self) -> int:
        """How many buckets its slots lie in."""
        return buckets_of(self.first, self.last, self.step_s)


def buckets_of(first: int, last: int, step_s: int) -> int:
    """How many buckets the slots from `first` to `last` lie in."""
    return max(0, last // step_s - first // step_s + 1)


def step_for(first: int, last: int, buckets: int = AUTO_BUCKETS) -> int:
    """The shortest step that makes at most so many buckets, or the longest there is."""
    fitting = (step for step in STEPS_S if buckets_of(first, last, step) <= buckets)
    return next(fitting, STEPS_S[-1])


def check_points(buckets: int, groups: int, step_s: int, most: int = MAX_POINTS) -> None:
    """Raises `RefusedError` for more than so many points."""
    if buckets * groups > most:
        longer = [step for step in STEPS_S if step > step_s]
        raise RefusedError.of(
            400,
            "answer-too-large",
            f"{groups:,} groups in {buckets:,} steps of time make {buckets * groups:,} counts; "
            f"one answer holds {most:,}.",
            hint="group by fewer labels, filter"
            + (f", or take a longer step such as {longer[0]}" if longer else ""),
        )
