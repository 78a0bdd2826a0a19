"""All silences and maintenance windows that are not over. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from coalmine_aggregator.model.alerts import Alert
from coalmine_aggregator.paging.silence import MAX_WHO, Silence

MAX_SILENCES: Final = 1_000
"""That hold, or will."""


class Silences:
    """By id."""

    def __init__(self, silences: Iterable[Silence], now: float) -> None:
        self._silences = {silence.id: silence for silence in silences if now < silence.over_at}
        self._of_service: dict[str, list[Silence]] = {}  # of the services that were asked about

    def put(self, silence: Silence, now: float) -> None:
        """Adds one, or replaces the one of its id. Raises ValueError for one that cannot be, is over
        already, or is one too many."""
        silence.check()
        if silence.over_at <= now:
            raise ValueError("ends_at: is over already")
        self._silences = {each.id: each for each in self.standing(now)}
        if silence.id not in self._silences and len(self._silences) >= MAX_SILENCES:
            raise ValueError(f"there are {MAX_SILENCES} silences already; end some")
        self._silences[silence.id] = silence
        self._of_service.clear()

    def end(self, id_: str, who: str, now: float) -> Silence:
        """Ends one by hand and returns it as it is now. Raises KeyError where there is none, ValueError
        for a name that is empty or too long."""
        if not who.strip() or len(who) > MAX_WHO:
            raise ValueError(f"who: must have 1 to {MAX_WHO} characters")
        silence = self._silences[id_]
        if silence.over_at <= now:
            raise KeyError(id_)
        del self._silences[id_]
        self._of_service.clear()
        return silence._replace(ended_at=now, ended_by=who)

    def standing(self, now: float) -> list[Silence]:
        """Those that hold, or will, in the order in which they came."""
        return [silence for silence in self._silences.values() if now < silence.over_at]

    def taking(self, alert: Alert) -> list[Silence]:
        """Those that are about an alert, whenever they hold."""
        mine = self._of_service.get(alert.service)
        if mine is None:
            every = self._silences.values()
            mine = [silence for silence in every if silence.match.takes_service(alert.service)]
            self._of_service[alert.service] = mine
        return [silence for silence in mine if silence.match.takes(alert)]
