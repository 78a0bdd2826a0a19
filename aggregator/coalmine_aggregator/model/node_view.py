"""What is held of a node, and by whose eyes. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Opinion(StrEnum):
    """What one vantage holds of a node."""

    GOOD = "good"
    DOUBTFUL = "doubtful"  # something was bad of late, not enough to be sure
    BAD = "bad"
    NONE = "none"  # silent, impaired, or its evidence is stale: it abstains


class Verdict(StrEnum):
    """What a quorum of vantages holds of a node."""

    HEALTHY = "healthy"
    SUSPECT = "suspect"  # somebody doubts; no quorum
    FAILED = "failed"
    RECOVERING = "recovering"  # had failed; good again, not for long enough
    UNKNOWN = "unknown"  # too few have an opinion


class Sight(NamedTuple):
    """One vantage: the host from which series lead to the node. `own` is the node's own on-machine
    agent. `judged` and `bad` count datapoints of the last `window_s` slots, `failing` names the
    endpoints (`udp`, `tcp-ipv6`) that it holds to be bad. `slot` is the newest slot with evidence, None
    without."""

    host: str
    own: bool
    opinion: Opinion
    judged: int
    bad: int
    window_s: int
    failing: tuple[str, ...] = ()
    slot: int | None = None


class NodeView(NamedTuple):
    """One node of a service. `since` is the first slot of the verdict; `good_since` the slot from which
    on a quorum saw nothing bad, None while somebody does or nobody looks. `region` and `zone` are those
    of its own agent; empty where it has none. `text` says in one sentence why."""

    service: str
    node: str
    region: str
    zone: str
    verdict: Verdict
    since: int
    good_since: int | None
    sights: tuple[Sight, ...]
    text: str
