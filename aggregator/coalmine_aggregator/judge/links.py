"""Which receipt sources have lost the connection that they usually hold. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from coalmine_aggregator.judge.fault import Sources

STEADY = 0.95
"""A source that had a connection at so many of the looks is one that keeps it; others are called by
short connections, whose absence says nothing."""

ENOUGH = 60
"""Looks before anything is said."""

MEMORY = 3_600
"""Looks that the share is over, about."""


class Links:
    """`look` once a second; `sources` at any time."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._share = [0.0] * len(self._names)
        self._looks = [0] * len(self._names)
        self._connected = [True] * len(self._names)
        self._sources = Sources(self._names, ())

    def look(self, connections: Sequence[int]) -> None:
        """Open connections of each source now."""
        for index, number in enumerate(connections[: len(self._names)]):
            self._connected[index] = number > 0
            self._looks[index] = min(self._looks[index] + 1, MEMORY)
            weight = 1.0 / self._looks[index]
            self._share[index] += weight * ((number > 0) - self._share[index])
        silent = tuple(
            name
            for name, share, looks, connected in zip(
                self._names, self._share, self._looks, self._connected, strict=True
            )
            if not connected and looks >= ENOUGH and share >= STEADY
        )
        self._sources = Sources(self._names, silent)

    def sources(self) -> Sources:
        """The sources as they are."""
        return self._sources
