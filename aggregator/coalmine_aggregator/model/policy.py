"""What a service's owners ask for: the acceptable loss and what a page about it must carry. Pure."""

from __future__ import annotations

from typing import NamedTuple

WINDOW_S = 10
"""Seconds over which loss is judged, unless a service says otherwise."""

MIN_LOST = 5
"""Bad datapoints that an alert takes at least, unless a service says otherwise."""


class ServicePolicy(NamedTuple):
    """One service's rules.

    `acceptable_loss` is a fraction in [0, 1): loss above it, over `window_s` seconds of settled
    slots, is an alert once at least `min_lost` datapoints were bad. `owner` and `playbook` (a link)
    may be empty; they are carried to the page.
    """

    name: str
    acceptable_loss: float
    window_s: int = WINDOW_S
    min_lost: int = MIN_LOST
    owner: str = ""
    playbook: str = ""
