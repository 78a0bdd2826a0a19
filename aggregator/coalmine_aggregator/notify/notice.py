"""What is put on its way to one receiver."""

from __future__ import annotations

from typing import NamedTuple

from coalmine_aggregator.model.alerts import Transition
from coalmine_aggregator.notify.links import Links


class Notice(NamedTuple):
    """`transitions` are told together, the oldest first: one, unless the receiver takes groups.

    `contact` is the address of the person it goes to, of the field that the receiver names; empty
    where it needs none. `step` and `repeat` are those of an escalation: the same transition told at
    another step, or once more at the same, is another message.
    """

    transitions: tuple[Transition, ...]
    contact: str = ""
    links: Links = Links()
    step: int = 0
    repeat: int = 0

    @property
    def transition(self) -> Transition:
        """The newest one: the only one, unless the receiver takes groups."""
        return self.transitions[-1]
