"""Alerts, births and slots to put into a store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from types import MappingProxyType

import numpy as np

from coalmine_aggregator.ledger.series import CONTROL, MARK
from coalmine_aggregator.ledger.windows import Expected, expected_of
from coalmine_aggregator.model.alerts import Alert, AlertClass, Change, Severity, Transition
from coalmine_aggregator.model.counts import Counts
from coalmine_aggregator.model.endings import PLAIN_ENDING, ending_of, fate_of_ending, is_received
from coalmine_aggregator.model.explanation import Explanation, ScopeScore, Statistic
from coalmine_aggregator.model.fates import FATES, Fate
from coalmine_aggregator.model.scopes import Leaf, leaf_of
from coalmine_aggregator.model.settled_slot import SettledSlot
from coalmine_aggregator.model.slot_counts import SlotCounts
from coalmine_aggregator.paging.order import Order, Recipients
from coalmine_runtime import clock
from coalmine_wire.protocols import Protocol
from coalmine_wire.reports import Birth, Endpoint, Life, State
from coalmine_wire.series import Location, parse_name

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


def names(service: str = "ingest", protocols: Iterable[str] = PROTOCOLS, agents: int = 4) -> list[str]:
    """Full names of series: `agents` in each of `leaves`."""
    return [
        f"canary.{leaf.service}.{leaf.location}.{leaf.region}.{leaf.zone}.h{agent}.{leaf.protocol}"
        for agent in range(agents)
        for leaf in leaves(service, protocols)
    ]


LOST = ending_of(Fate.LOST, 0)
_NONE: Mapping[int, int] = MappingProxyType({})


def expecting(ids: Iterable[int]) -> Expected:
    """A slot expects these."""
    ids = list(ids)
    mask = np.zeros(max(ids, default=-1) + 1, dtype=np.bool_)
    mask[ids] = True
    return expected_of(mask)


def settled(
    slot: int, expected: Expected, unusual: Mapping[int, int] = _NONE, usual: int = PLAIN_ENDING
) -> SettledSlot:
    """A slot in which all that was expected ended as `usual`, but for `unusual`, endings by id."""
    ids = sorted(unusual)
    endings = np.array([unusual[each] for each in ids], dtype=np.uint8)
    return SettledSlot(slot, expected, usual, np.array(ids, dtype=np.int32), endings)


def counted(slot: SettledSlot, full_names: Sequence[str]) -> dict[Leaf, Counts]:
    """The counts by leaf of a slot, one datapoint after the other."""
    unusual = dict(zip(slot.ids.tolist(), slot.endings.tolist(), strict=True))
    counts: defaultdict[Leaf, list[int]] = defaultdict(lambda: [0] * (FATES + 1))
    for each in np.flatnonzero(slot.expected.mask()).tolist():
        leaf = _leaf(full_names[each])
        ending = unusual.get(each, slot.usual)
        counts[leaf][fate_of_ending(ending)] += 1
        counts[leaf][FATES] += is_received(ending)
    return {leaf: Counts(row[FATES], tuple(row[:FATES])) for leaf, row in counts.items()}


@cache
def _leaf(name: str) -> Leaf:
    leaf = leaf_of(parse_name(name.removeprefix(MARK)))
    return leaf._replace(service=CONTROL) if name.startswith(MARK) else leaf


def told(counts: SlotCounts) -> dict[Leaf, Counts]:
    """The same of counts as they are read back; leaves that count nothing are left out."""
    each = {leaf: counts.counts(row) for row, leaf in enumerate(counts.leaves)}
    return {leaf: found for leaf, found in each.items() if found.expected}


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


def acknowledged(number: int = 1, service: str = "ingest", at: float = START + 9.0) -> Transition:
    """Anna works on it."""
    taken = alert(number, service)._replace(acknowledged_at=at, acknowledged_by="anna")
    return Transition(Change.ACKNOWLEDGED, at, taken)


def closed(number: int = 1, service: str = "ingest", at: float = START + 30.0) -> Transition:
    """It is over."""
    return Transition(Change.CLOSED, at, alert(number, service, closed_at=at))


def just_now(transition: Transition) -> Transition:
    """The same, just now: some, as Alertmanager, decide by their own clock what is over."""
    at = clock.wall()
    moved = transition.alert._replace(since=int(at) - 3, opened_at=at - 1)
    if moved.closed_at is not None:
        moved = moved._replace(closed_at=at)
    return Transition(transition.change, at, moved)


def routed(transition: Transition, *receivers: str) -> Recipients:
    """A transition that these are to hear of."""
    return Recipients(transition, tuple(Order(transition, receiver) for receiver in receivers))


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
