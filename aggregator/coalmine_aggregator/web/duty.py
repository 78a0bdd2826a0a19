"""The seam at which people on duty act: acknowledging, answering, silencing, and who is on call.

What changes something returns once it is on disk, so that whoever is told that it was done may go back
to sleep. Times are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from coalmine_aggregator.model.alerts import Alert
from coalmine_aggregator.paging.rota import Rota
from coalmine_aggregator.paging.silence import Silence


class NotKeptError(Exception):
    """It is done, but the store has not written it yet: a restart now would forget it."""


class Duty(Protocol):
    """What people on duty look at and do."""

    async def find(self, ref: str) -> Alert | None:
        """The alert of a number, or the newest one of an id; None without one."""

    async def acknowledge(self, number: int, by: str) -> Alert:
        """Somebody works on an open alert; whoever was first stays. Returns it as it stands now.
        Raises KeyError for an alert that is not open, `NotKeptError`."""

    async def answer(self, alert: Alert, actionable: bool) -> Alert:
        """Whether there was anything to do about a closed alert; returns it as it stands now. Raises
        `NotKeptError`."""

    def silences(self, now: float) -> Sequence[Silence]:
        """Those that hold, or will."""

    async def ended_silences(self, since: float, now: float, limit: int) -> Sequence[Silence]:
        """At most `limit` of those that were over between the two, as they began."""

    async def put_silence(self, silence: Silence, now: float) -> None:
        """From now on it holds what it is about. Raises ValueError that begins with the field which
        cannot be, `NotKeptError`."""

    async def end_silence(self, id_: str, who: str, now: float) -> Silence:
        """Ends one by hand, and returns it as it is then. Raises KeyError where there is none,
        `NotKeptError`."""

    def rotas(self) -> Mapping[str, Rota]:
        """The rotas, by name."""
