"""The null sender of control agents: the datapoint ends as sent, and nobody is given it.

It stands in for the endpoint's own sender, after the look-up of its name, so that all the rest of the
agent treats the datapoint like any other. Its times are those of the endpoint's newest datapoint.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from coalmine_wire.protocols import Protocol
from coalmine_wire.reports import Step

if TYPE_CHECKING:
    from coalmine_agent.attempt import Attempt, Until
    from coalmine_agent.target import Address, Target

_GUESS_US = 300
"""For each step while nothing was sent yet."""


class Withheld:
    """One endpoint's. `steps_us` are the times of its newest datapoint that was sent."""

    __slots__ = ("steps_us",)

    def __init__(self, protocol: Protocol) -> None:
        taken = {Step.SEND}
        if protocol is not Protocol.UDP:
            taken.add(Step.CONNECT)
        if protocol.over_tls:
            taken.add(Step.TLS)
        if protocol is Protocol.HTTPS:
            taken.add(Step.RESPONSE)
        self.steps_us = tuple(_GUESS_US if step in taken else -1 for step in Step)

    def __call__(
        self, attempt: Attempt, target: Target, address: Address, slot: int
    ) -> Generator[Until, None, None]:
        """Steps: those of the endpoint's protocol."""
        attempt.repeat(self.steps_us)
        yield from ()
