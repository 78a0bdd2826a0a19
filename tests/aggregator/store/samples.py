"""Alerts, births and counts to put into a store."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from coalmine_aggregator.model.alerts import Alert, AlertClass, Change, Severity, Transition
from coalmine_aggregator.model.counts import Counts
from coalmine_aggregator.model.explanation import Explanation, ScopeScore, Statistic
from coalmine_aggregator.model.fates import FATES, Fate
from coalmine_aggregator.model.scopes import Leaf
from coalmine_aggregator.model.slot_counts import SlotCounts
from coalmine_wire.protocols import Protocol
from coalmine_wire.reports import Birth, Endpoint, Life, State
from coalmine_wire.series import Location

START = 1_763_000_000

PROTOCOLS = ("tcp", "tls", "udp", "https")
ZONES = (("eu-west-1", "eu-west-1a"), ("eu-west-1", "eu-west-1b"), ("us-east-1", "us-east-1a"))

WHY = Explanation(
    first_slot=START,
    last_slot=START + 1,
    statistics=(Statistic("cusum", (("protocol", "udp"),), 41.5, 26.2, 0.99, 44, 44),),
    candidates=(
        ScopeScore(((("protocol", "udp"),),), 201.25),
        ScopeScore(((("protocol", "udp"), ("zone", "eu-west-1a")), ()), 180.5),
    ),
    facts=(("cause", "nothing arrives by udp any more"),),
)


def leaves(service: str = "ingest", protocols: Iterable[str] = PROTOCOLS) -> tuple[Leaf, ...]:
    """Every combination of protocols and `ZONES`, seen from outside."""
    return tuple(
        Leaf(service, protocol, "", "external", region, zone)
        for protocol in protocols
        for region, zone in ZONES
    )


def second(slot: int, of: tuple[Leaf, ...], agents: int = 4, fate: Fate = Fate.DELIVERED) -> SlotCounts:
    """One slot: `agents` datapoints a leaf, all of one fate."""
    fates = np.zeros((len(of), FATES), dtype=np.int32)
    fates[:, fate] = agents
    return SlotCounts(slot, of, fates[:, Fate.DELIVERED].copy(), fates)


def alert(number: int = 1, service: str = "ingest", closed_at: float | None = None) -> Alert:
    """All udp lost."""
    return Alert(
        number=number,
        fleet="prod",
        service=service,
        alert_class=AlertClass.LOSS,
        ordinal=1,
        severity=Severity.PAGE,
        scope=(("protocol", "udp"),),
        since=START,
        opened_at=START + 4.2,
        closed_at=closed_at,
        counts=Counts(0, (0, 0, 0, 44, 0, 0, 0)),
        beside=Counts(220, (220, 0, 0, 0, 0, 0, 2)),
        window_s=2,
        acceptable_loss=0.001,
        owner="ingest-oncall",
        playbook="https://wiki.example/ingest",
    )


def opened(number: int = 1, service: str = "ingest", at: float = START + 4.2) -> Transition:
    """It begins."""
    return Transition(Change.OPENED, at, alert(number, service)._replace(opened_at=at))


def changed(number: int = 1, service: str = "ingest", at: float = START + 9.0) -> Transition:
    """All protocols now."""
    return Transition(Change.CHANGED, at, alert(number, service)._replace(scope=()))


def closed(number: int = 1, service: str = "ingest", at: float = START + 30.0) -> Transition:
    """It is over."""
    return Transition(Change.CLOSED, at, alert(number, service, closed_at=at))


def birth(agent: str = "a1", boot: str = "b1", revision: int = 1) -> Birth:
    """An agent with one endpoint."""
    return Birth(
        agent=agent,
        boot=boot,
        revision=revision,
        first_slot=START,
        location=Location.EXTERNAL,
        region="eu-west-1",
        zone="eu-west-1a",
        host=agent,
        endpoints=[Endpoint("ingest", Protocol.UDP, 120)],
    )


def state(agent: str = "a1", boot: str = "b1", life: Life = Life.ALIVE) -> State:
    """What it says of itself."""
    return State(agent, boot, life, at=START)
