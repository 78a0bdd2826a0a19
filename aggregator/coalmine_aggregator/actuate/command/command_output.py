"""Runs a program of the operator's with the full state: status 0 has taken it."""

from __future__ import annotations

from collections.abc import Mapping

from coalmine_aggregator.actuate.command.program import Program
from coalmine_aggregator.actuate.command.settings import CommandSettings
from coalmine_aggregator.actuate.output import Standing
from coalmine_aggregator.actuate.telling import Telling
from coalmine_aggregator.model.withdrawal import Wanted


class CommandOutput:
    """One program, one run at a time; see `Output`. `fleet` stands in the state."""

    name = "command"

    def __init__(self, settings: CommandSettings, fleet: str) -> None:
        self._program = Program(settings.argv, settings.timeout)
        self._telling = Telling(self.name, fleet, settings.every, self._program.run)

    def show(self, wanted: Mapping[str, Wanted]) -> None:
        """See `Output.show`."""
        self._telling.show(wanted)

    async def run(self) -> None:
        """See `Output.run`. A program that runs when this is cancelled is killed."""
        await self._telling.run()

    async def clear(self) -> None:
        """See `Output.clear`: a run with a state in which every withdrawal is over."""
        await self._telling.clear()

    def standing(self) -> Standing:
        """See `Output.standing`."""
        return self._telling.standing()
