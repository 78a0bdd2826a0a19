"""What a service delivered, by the minute: what its objective is held against. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

MINUTE_S: Final = 60

MAX_WINDOW_S: Final = 90 * 86_400
"""The longest window of an objective; what is older is kept nowhere."""


class MinuteSums(NamedTuple):
    """Sums over the slots of one minute (slot // 60) of one service.

    `outside_judged` and `outside_bad` are those outside the scope and time of every loss alert. Bit s
    of `slots` is set if something was judged in second s of the minute.
    """

    judged: int
    bad: int
    outside_judged: int
    outside_bad: int
    slots: int


MINUTE_COLUMNS: Final = 1 + len(MinuteSums._fields)
"""The columns of int64[n, 6] in which many minutes are handed around: the minute, then the fields of
`MinuteSums`; the rows ascend by minute."""
