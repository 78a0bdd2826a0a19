"""What became of nodes over a replay: what a check compares. Pure.

In a dry run no node is withdrawn: one that would have been is held, by `DRY_RUN`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from coalmine_aggregator.model.remediation_event import RemediationEvent, RemediationKind

DRY_RUN = "dry_run"
"""The rail of rails: nobody said that it shall act."""

_ONLY_DONE = frozenset({RemediationKind.RESTORED, RemediationKind.VERIFIED, RemediationKind.REVERTED})
"""What can only become of a node that was withdrawn."""


class Became(NamedTuple):
    """What ever became of nodes: those withdrawn, returned, returned since it had not helped, and those
    that each rail held, in their order; and whether nobody could be withdrawn since many looked bad."""

    withdrawn: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()
    reverted: tuple[str, ...] = ()
    held: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    frozen: bool = False


NOTHING = Became()


class NodeCourses:
    """Everything that remediation said so far."""

    def __init__(self) -> None:
        self._nodes: dict[RemediationKind, dict[str, None]] = {}
        self._held: dict[str, dict[str, None]] = {}

    def take(self, events: Sequence[RemediationEvent]) -> Iterator[RemediationEvent]:
        """More of it; gives back the same as it happened: in a dry run nothing was done."""
        for event in events:
            if event.dry_run:
                if event.kind in _ONLY_DONE:
                    continue
                if event.kind is RemediationKind.WITHDRAWN:
                    event = event._replace(kind=RemediationKind.HELD, rail=DRY_RUN)
            if event.kind is RemediationKind.HELD:
                self._held.setdefault(event.rail, {})[event.node] = None
            self._nodes.setdefault(event.kind, {})[event.node] = None
            yield event

    def became(self) -> Became:
        """What it came to."""
        kinds = (RemediationKind.WITHDRAWN, RemediationKind.RESTORED, RemediationKind.REVERTED)
        withdrawn, restored, reverted = (tuple(self._nodes.get(kind, ())) for kind in kinds)
        held = {rail: tuple(nodes) for rail, nodes in self._held.items()}
        return Became(withdrawn, restored, reverted, held, RemediationKind.FROZEN in self._nodes)
