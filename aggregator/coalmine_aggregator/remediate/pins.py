"""Pins of two aggregators: of two words on a node the newer one stands. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from coalmine_aggregator.model.pin import Pin, PinChange

MAX_PINS = 1_000
"""Nodes that anybody has said anything of."""

REMEMBER_S = 7 * 86_400.0
"""A release is told to the other for so long: it may have been away."""

MAX_AHEAD_S = 60.0
"""A word that is further ahead than this would outlive all that people say: it is not taken over."""


class Pins:
    """Merging the same words in any order gives the same."""

    def __init__(self, changes: Iterable[PinChange] = ()) -> None:
        self._changes: dict[tuple[str, str], PinChange] = {}
        for change in changes:
            self._changes[change.service, change.node] = change

    @property
    def standing(self) -> tuple[Pin, ...]:
        """The pins that stand, by service and node."""
        found = (self._changes[key].pin for key in sorted(self._changes))
        return tuple(pin for pin in found if pin is not None)

    @property
    def changes(self) -> tuple[PinChange, ...]:
        """The newest word on every node: what the other aggregator is told."""
        return tuple(self._changes[key] for key in sorted(self._changes))

    def find(self, service: str, node: str) -> Pin | None:
        """The pin of a node; None where there is none."""
        change = self._changes.get((service, node))
        return None if change is None else change.pin

    def say(self, change: PinChange) -> PinChange:
        """A person's word, which stands even where the other aggregator's clock was ahead; returns it
        as it is kept. Raises ValueError where there are too many."""
        key = change.service, change.node
        before = self._changes.get(key)
        if before is None and len(self._changes) >= MAX_PINS:
            raise ValueError(
                f"node: {MAX_PINS} nodes are pinned, or were within a week; no more are kept"
            )
        if before is not None and before.at >= change.at:
            change = change._replace(at=before.at + 0.001)
        self._changes[key] = change
        return change

    def merge(self, theirs: Iterable[PinChange], now: float) -> list[PinChange]:
        """Takes over what is newer; returns that."""
        taken = []
        for change in theirs:
            key = change.service, change.node
            before = self._changes.get(key)
            if change.at > now + MAX_AHEAD_S or (before is None and len(self._changes) >= MAX_PINS):
                continue
            if before is None and change.state is None and change.at <= now - REMEMBER_S:
                continue
            if before is None or _rank(change) > _rank(before):
                self._changes[key] = change
                taken.append(change)
        return taken

    def forget(self, now: float) -> None:
        """Old releases need no telling any more."""
        for key, change in list(self._changes.items()):
            if change.state is None and change.at <= now - REMEMBER_S:
                del self._changes[key]


def _rank(change: PinChange) -> tuple[float, str, str, str]:
    """Newer stands; of two at the same time both aggregators must take the same one."""
    return change.at, str(change.state or ""), change.by, change.why
