"""What is broken on a game day, one act after the other, and what has to come of it. Pure."""

from __future__ import annotations

from typing import NamedTuple

from coalmine_aggregator.demo.faults import FaultError
from coalmine_aggregator.demo.pool.layout import NAMES
from coalmine_runtime.config_error import nearest

_HOWS = {"kill": ("is killed", "are killed"), "udp": ("drops UDP", "drop UDP")}


class Act(NamedTuple):
    """Nodes that break together, and how: `kill` ends the process, `udp` loses all datagrams without a
    word. One node is to be withdrawn; of more nobody is, and one page tells of it."""

    nodes: tuple[str, ...]
    how: str

    def __str__(self) -> str:
        return f"{','.join(self.nodes)}:{self.how}"

    @property
    def single(self) -> bool:
        """Whether it is one node that breaks."""
        return len(self.nodes) == 1

    @property
    def words(self) -> str:
        """What is done, for people."""
        return f"{' and '.join(self.nodes)} {_HOWS[self.how][not self.single]}"


PLAY = (Act(("ingest02",), "kill"), Act(("ingest03",), "udp"), Act(("ingest01", "ingest04"), "kill"))
"""What is played where nothing else is asked for."""


def parse_act(text: str) -> Act:
    """The act of `ingest02:kill` or `ingest01,ingest03:udp`. Raises `FaultError`."""
    target, colon, how = text.strip().partition(":")
    if not colon or how not in _HOWS:
        raise FaultError(
            f"{text!r}: on a game day nodes break, for example ingest02:kill or ingest02:udp"
        )
    nodes = tuple(name.strip() for name in target.split(","))
    for name in nodes:
        if name not in NAMES:
            raise FaultError(f"the pool has no node {name!r}{nearest(name, NAMES)}")
        if nodes.count(name) > 1:
            raise FaultError(f"{text!r} names {name} twice")
    return Act(nodes, how)
