"""Which nodes get new work: what a balancer makes of the words of its agent-checks. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from coalmine_wire.agent_check import is_down


class Rotation:
    """All nodes are in until a check says otherwise; as with HAProxy a word holds until the next."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._out: set[str] = set()

    def hear(self, name: str, word: str) -> bool:
        """Takes in what a node's check said; whether that changes who is in."""
        before = len(self._out)
        if is_down(word.strip()):
            self._out.add(name)
        else:
            self._out.discard(name)
        return len(self._out) != before

    @property
    def out(self) -> tuple[str, ...]:
        """Who gets no new work."""
        return tuple(name for name in self._names if name in self._out)

    @property
    def serving(self) -> tuple[str, ...]:
        """Who gets new work; nobody where all are out."""
        return tuple(name for name in self._names if name not in self._out)
