"""Machines: hosts and nodes, and when a label of theirs says more than another. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.model.growing_column import GrowingColumn

Codes = NDArray[np.int64]


class Machines:
    """By code of a machine, which is a host, a node, or both; 0 is none."""

    def __init__(self) -> None:
        self._place = GrowingColumn(np.int32)  # of its first agent, plus one
        self._shared = GrowingColumn(np.bool_)
        self._own = GrowingColumn(np.bool_)  # hosts cells that lead to itself
        self._guest = GrowingColumn(np.bool_)  # hosts cells that lead elsewhere
        self._visited = GrowingColumn(np.bool_)  # cells of other hosts lead to it
        self._apart = GrowingColumn(np.bool_)

    @property
    def shared(self) -> NDArray[np.bool_]:
        """By machine: agents in several places bear its name."""
        return self._shared.values

    @property
    def apart(self) -> NDArray[np.bool_]:
        """By machine: the cells that lead to it are others than those that it hosts."""
        return self._apart.values

    @property
    def own(self) -> NDArray[np.bool_]:
        """By machine: it hosts cells that lead to itself."""
        return self._own.values

    def note(self, host: Codes, node: Codes, place: Codes) -> tuple[Codes, Codes]:
        """Takes in cells. The answer: machines that became shared, and those that became apart."""
        top = int(max(host.max(), node.max())) + 1
        for column in (self._place, self._shared, self._own, self._guest, self._visited, self._apart):
            column.reach(top)
        first = self._place.values
        unknown = first[host] == 0
        if unknown.any():
            first[host[unknown]] = place[unknown] + 1
        differs = (first[host] != place + 1) & (host > 0)
        newly_shared = _risen(self._shared, host[differs])
        own = host == node
        self._own.values[host[own]] = True
        self._guest.values[host[~own]] = True
        visited = node[~own]
        self._visited.values[visited] = True
        touched = np.concatenate((host, visited))
        state = self._visited.values[touched] | (
            self._own.values[touched] & self._guest.values[touched]
        )
        return newly_shared, _risen(self._apart, touched[state & (touched > 0)])


def _risen(column: GrowingColumn[np.bool_], codes: Codes) -> Codes:
    """Sets a flag for machines; the answer is those of which it was not set before."""
    if not len(codes):
        return codes
    new = np.unique(codes[~column.values[codes]])
    column.values[new] = True
    return new
