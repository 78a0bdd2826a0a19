"""Hosts whose agents are silent, in which slots. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from coalmine_aggregator.model.presence import Presence

_NOBODY: frozenset[str] = frozenset()


class Silence:
    """Who is silent now, and who was until lately: slots settle later than agents are heard again."""

    def __init__(self) -> None:
        self._agents: Sequence[Presence] = ()
        self._now = _NOBODY
        self._until: dict[
            str, int
        ] = {}  # of those heard again, the last slot in which they were silent
        self._told = _NOBODY

    def look(self, agents: Sequence[Presence], slot: int) -> None:
        """`agents` is everybody at a time in `slot`, the same object while nobody's presence changes;
        empty while nobody is missing."""
        if agents is self._agents:
            return
        self._agents = agents
        now = frozenset(each.host for each in agents if each.silent_since is not None)
        for host in self._now - now:
            self._until[host] = slot
        for host in now:
            self._until.pop(host, None)
        self._now = now
        self._told = now | self._until.keys()

    def hosts(self, slot: int) -> frozenset[str]:
        """Those silent in a slot that settles now: the same object while nobody comes or goes."""
        over = [host for host, until in self._until.items() if not slot <= until < slot + 3_600]
        if over:
            for host in over:
                del self._until[host]
            self._told = self._now | self._until.keys()
        return self._told
