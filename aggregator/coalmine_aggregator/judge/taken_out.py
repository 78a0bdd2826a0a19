"""Losses that ended since their nodes were withdrawn, and what began with them. Pure.

Who comes to the service through a load balancer suffers by a broken node, too, and both are told with
one page. With the node taken out that page is over; what began with it is about to be, and needs no
page of its own unless it lasts, or more is lost than went to the nodes: that is another matter, such as
what the other nodes do when they get the traffic of those that are gone.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable

from coalmine_aggregator.judge.open_cause import OpenCause

TOGETHER_S = 2
"""Losses that began so close to each other have one cause, as far as a page is concerned."""

FEW_S = 15
"""Of a loss of few datapoints it is not known so exactly when it began: so much later it may seem."""

LASTS_S = 60
"""Slots after the withdrawal in which a loss that began with the node's must be over."""

SHARE = 2.0
"""A node gets its part of the traffic, or a little more."""

SIGMAS = 3.0
"""By so much a count of few datapoints may be beyond its mean."""

MOST = 16


class TakenOut:
    """The newest `MOST` of one service."""

    def __init__(self) -> None:
        # Since when, the last slot, and the fraction of the service's nodes that it was.
        self._ended: deque[tuple[int, int, float]] = deque(maxlen=MOST)

    def add(self, cause: OpenCause, last: int, nodes: int) -> None:
        """One that is over, of a service of so many nodes; nothing unless its nodes were withdrawn."""
        if cause.withdrawn:
            self._ended.append((cause.since, last, len(cause.withdrawn) / max(nodes, 1)))

    def clear(self) -> None:
        """Forgets everything."""
        self._ended.clear()

    def began_with(self, since: int, judged: int, bad: int, still: Iterable[OpenCause]) -> bool:
        """Whether a loss since this slot, of so many datapoints, needs no page: one of them began then
        and may be all there is to it, or one of those that are open `still` began with it."""
        share = self._share(since)
        return (share is not None and not _is_more(judged, bad, share)) or any(
            abs(cause.since - since) <= TOGETHER_S for cause in still
        )

    def outgrown(self, cause: OpenCause, slot: int) -> bool:
        """Whether a loss that began with one of them should be over by a slot, or is more than that."""
        share, counts = self._share(cause.since), cause.counts
        if share is None:
            return False
        return _is_more(counts.judged, counts.bad, share) or any(
            _together(began, cause.since) and slot - last >= LASTS_S for began, last, _ in self._ended
        )

    def _share(self, since: int) -> float | None:
        """The fraction of the nodes that were lost by then and withdrawn; None if none was."""
        shares = [share for began, _, share in self._ended if _together(began, since)]
        return min(sum(shares), 1.0) if shares else None


def _together(began: int, since: int) -> bool:
    return -TOGETHER_S <= since - began <= FEW_S


def _is_more(judged: int, bad: int, share: float) -> bool:
    """Whether more is bad than what goes to this fraction of the nodes."""
    most = min(SHARE * share, (1.0 + share) / 2) * judged
    return bad > most + SIGMAS * math.sqrt(most)
