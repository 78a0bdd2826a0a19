"""What a control agent's endpoints are started with: their own target, or one that sends nothing."""

from __future__ import annotations

from collections.abc import Sequence

from coalmine_agent.plan import EndpointPlan
from coalmine_agent.senders.withheld import Withheld
from coalmine_agent.target import Target
from coalmine_wire.control import Choice


class Withholding:
    """Of one revision: for each of its endpoints a target whose sender is `Withheld`."""

    def __init__(self, choice: Choice, plans: Sequence[EndpointPlan]) -> None:
        self._choice = choice
        self._names = [plan.series_name for plan in plans]
        self._senders = [Withheld(plan.protocol) for plan in plans]
        self._targets = [
            Target(index, plan, sender)
            for index, (plan, sender) in enumerate(zip(plans, self._senders, strict=True))
        ]

    def stand_in(self, index: int, slot: int) -> Target | None:
        """The target that takes the endpoint's place in a slot whose datapoint is withheld, or None."""
        if self._choice.withholds(self._names[index], slot):
            return self._targets[index]
        return None

    def sent(self, index: int, steps_us: tuple[int, ...]) -> None:
        """A datapoint of the endpoint was sent with these times, or seemed to be."""
        self._senders[index].steps_us = steps_us
