"""What the balanced series of a service lose: whether a withdrawal has helped. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from coalmine_aggregator.remediate.turn import Balanced

WINDOW_S: Final = 10
"""Slots that are looked at together."""

ENOUGH: Final = 20
"""Judged datapoints without which nothing is said."""

Slots = tuple[tuple[int, int, int], ...]
"""(slot, judged, bad), ascending."""

_LEAST_S = (
    3  # slots: a node is rarely withdrawn sooner after it failed, and they may be all that is bad
)
_LEAST_LOSS = 0.02
_TIMES = 5.0


def with_slot(slots: Slots, slot: int, balanced: Balanced) -> Slots:
    """The newest `WINDOW_S` slots, this one among them. Time that went back begins anew."""
    before = slots if not slots or slots[-1][0] < slot else ()
    return (*before[1 - WINDOW_S :], (slot, balanced.judged, balanced.bad))


def loss_of(slots: Sequence[tuple[int, int, int]]) -> float | None:
    """The bad fraction of all of them; None where too little was judged."""
    judged = sum(each[1] for each in slots)
    return sum(each[2] for each in slots) / judged if judged >= ENOUGH else None


def significant(slots: Slots, acceptable_loss: float) -> float | None:
    """What is lost in front of a withdrawal, if that is significant: more than five times what is
    acceptable and than 2 %, of all slots. The fraction is that of the worst of the newest slots: the
    node may have failed within them. None where it is not significant."""
    whole = loss_of(slots)
    if whole is None or whole <= max(_TIMES * acceptable_loss, _LEAST_LOSS):
        return None
    newest = (loss_of(slots[-count:]) for count in range(_LEAST_S, len(slots)))
    return max([whole, *(each for each in newest if each is not None)])


def after(slots: Slots, since: float) -> Sequence[tuple[int, int, int]]:
    """Those slots that began after `since`, seconds since the epoch."""
    return [each for each in slots if each[0] >= since]


def still_accepted(before: float, others: int) -> float:
    """The loss at which a withdrawal counts as having helped: half of its share is gone. `others` nodes
    that failed as well still serve; each has a share like its own."""
    return before * (1.0 - 0.5 / (1 + others))
