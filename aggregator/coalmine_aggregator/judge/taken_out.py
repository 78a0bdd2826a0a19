"""Losses that ended since their nodes were withdrawn, and what began with them. Pure.

Who comes to the service through a load balancer suffers by a broken node, too, and both are told with
one page. With the node taken out that page is over; what began with it is about to be, and needs no
page of its own unless it lasts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from coalmine_aggregator.judge.open_cause import OpenCause

TOGETHER_S = 2
"""Losses that began so close to each other have one cause, as far as a page is concerned."""

FEW_S = 15
"""Of a loss of few datapoints it is not known so exactly when it began: so much later it may seem."""

LASTS_S = 60
"""Slots after the withdrawal in which a loss that began with the node's must be over."""

MOST = 16


class TakenOut:
    """The newest `MOST` of one service."""

    def __init__(self) -> None:
        self._ended: deque[tuple[int, int]] = deque(maxlen=MOST)  # since when, and its last slot

    def add(self, cause: OpenCause, last: int) -> None:
        """One that is over; nothing unless its nodes were withdrawn."""
        if cause.withdrawn:
            self._ended.append((cause.since, last))

    def clear(self) -> None:
        """Forgets everything."""
        self._ended.clear()

    def began_with(self, since: int, still: Iterable[OpenCause]) -> bool:
        """Whether one of them, or of those that are open `still`, began in this slot, or nearly."""
        return any(_together(began, since) for began, _ in self._ended) or any(
            abs(cause.since - since) <= TOGETHER_S for cause in still
        )

    def outlasted(self, since: int, slot: int) -> bool:
        """Whether a loss that began with one of them should be over by a slot."""
        return any(_together(began, since) and slot - last >= LASTS_S for began, last in self._ended)


def _together(began: int, since: int) -> bool:
    return -TOGETHER_S <= since - began <= FEW_S
