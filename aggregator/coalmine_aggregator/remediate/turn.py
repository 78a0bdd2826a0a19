"""What decisions are made of, and what comes of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from coalmine_aggregator.model.findings import Finding
from coalmine_aggregator.model.node_view import NodeView
from coalmine_aggregator.model.pin import Pin
from coalmine_aggregator.model.remediation_event import RemediationEvent
from coalmine_aggregator.model.withdrawal import Wanted


class Controls(NamedTuple):
    """What people and the pair say. `holder`: this aggregator holds the lease of the two. `stopped_by`
    is who pulled the big switch, empty where nobody did; `stopped_why` is their reason."""

    holder: bool = True
    stopped_by: str = ""
    stopped_why: str = ""
    pins: tuple[Pin, ...] = ()


class Balanced(NamedTuple):
    """What the balanced series of a service (those that lead to no single node) did in the last second
    that settled: datapoints judged, and bad."""

    judged: int
    bad: int


class Situation(NamedTuple):
    """One service at one tick. `nodes` is the roster with its verdicts, None where it is not known
    (the aggregator has only just begun, or nobody leads to any node); `losses` are the open findings of
    class loss, of this service, `apart` the handles of those in whose scopes no series leads to any
    node of the roster; `slot` the newest settled one, None before the first."""

    service: str
    now: float
    slot: int | None
    nodes: Sequence[NodeView] | None
    losses: Sequence[Finding]
    balanced: Balanced
    apart: frozenset[str] = frozenset()


class Turn(NamedTuple):
    """What a tick decided: `wanted` by service, complete (see `Wanted`: a service without is no news);
    `events` for log and incidents; `findings` are freezes and reverts, as what people are paged for."""

    wanted: Mapping[str, Wanted]
    events: Sequence[RemediationEvent]
    findings: Sequence[Finding]


NO_TURN = Turn({}, (), ())
