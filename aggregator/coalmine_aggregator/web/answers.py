"""The API's answers as types; their JSON is what `/api/v1` promises. Pure.

Counts are datapoints, times seconds since the epoch, fractions plain numbers from 0 to 1. Fields are
added, never renamed or removed, while the path says `v1`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec

from coalmine_aggregator.model.counts import Counts
from coalmine_aggregator.model.fates import FATES, Fate
from coalmine_aggregator.model.unknown import UnknownReason
from coalmine_aggregator.model.views import AgentStatus, AgentView, GroupRates


class Answer(msgspec.Struct, forbid_unknown_fields=True):
    """What every answer is made of."""


class SlotFates(Answer):
    """Counts by fate; every list has one number a slot."""

    delivered: list[int]
    failed: list[int]
    abandoned: list[int]
    lost: list[int]
    late: list[int]
    not_attempted: list[int]
    unknown: list[int]


class SumFates(Answer):
    """Counts by fate, added up."""

    delivered: int
    failed: int
    abandoned: int
    lost: int
    late: int
    not_attempted: int
    unknown: int


class RateGroup(Answer):
    """One group's counts by step; all lists are as long as `slots`, the first slot of each step.

    `received` is the sum rate, in datapoints a second where a step is a second. `expected` is the sum
    of the fates.
    """

    labels: dict[str, str]
    slots: list[int]
    expected: list[int]
    received: list[int]
    fates: SlotFates


class Rates(Answer):
    """`/api/v1/rates`: slots from `first` to `last`, both included; `settled` is the newest one.

    Counts are sums over `step` seconds from each slot on, fewer at the end; `seen` says of each slot of
    the groups, which all have the same, in how many of these seconds anything is known.
    """

    first: int
    last: int
    settled: int
    step: int
    by: list[str]
    where: dict[str, str]
    seen: list[int]
    groups: list[RateGroup]


class Sums(Answer):
    """Counts over some slots. `bad` are failed, abandoned, lost and late; `judged` is the
    denominator: expected less not attempted and unknown. `loss` is bad / judged, None without any.
    """

    expected: int
    received: int
    bad: int
    judged: int
    loss: float | None
    fates: SumFates


class FateGroup(Answer):
    """One group's sums. `unknown_by_reason` splits the fate unknown; reasons without any are left out.
    `balanced` says that the fates add up to what was scheduled, and the reasons to the unknown, in
    every single slot.
    """

    labels: dict[str, str]
    sums: Sums
    unknown_by_reason: dict[str, int]
    balanced: bool


class Fates(Answer):
    """`/api/v1/fates`. `total` covers all groups; `oddities` are receipts apart from every sum,
    since the aggregator started.
    """

    first: int
    last: int
    settled: int
    by: list[str]
    where: dict[str, str]
    total: Sums
    balanced: bool
    groups: list[FateGroup]
    oddities: dict[str, int]


class AgentItem(Answer):
    """One agent. `last_slot` is the newest slot it reported; `offset_s` its clock's offset (positive:
    behind ours). The `_60s` counts are over the newest 60 settled slots; `unknown_60s` is by reason.
    `impaired` says what is wrong with the agent itself, `note` why it is missing or set aside.
    """

    agent: str
    status: str
    location: str
    region: str
    zone: str
    host: str
    version: str
    boot: str
    endpoints: int
    last_slot: int | None
    impaired: list[str]
    offset_s: float | None
    expected_60s: int
    received_60s: int
    unknown_60s: dict[str, int]
    note: str


class Agents(Answer):
    """`/api/v1/agents`, by name. `next` is what to give as `after` for more, None at the end."""

    now: float
    total: int
    by_status: dict[str, int]
    agents: list[AgentItem]
    next: str | None


def sums_of(counts: Counts) -> Sums:
    """The sums with what follows from them."""
    return Sums(
        expected=counts.expected,
        received=counts.received,
        bad=counts.bad,
        judged=counts.judged,
        loss=counts.loss,
        fates=SumFates(**counts.by_fate()),
    )


def finite(number: float) -> float | None:
    """The number; None for infinity and what is no number, which JSON cannot say."""
    return number if math.isfinite(number) else None


def slot_fates(rows: list[list[int]]) -> SlotFates:
    """Fates by slot (rows of `FATES` columns) as one list a fate."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * FATES
    return SlotFates(**{fate.label: list(columns[fate]) for fate in Fate})


def total_of(group: GroupRates) -> Counts:
    """A group's counts, added up over its slots."""
    rows = [sum(column) for column in zip(*group.fates, strict=True)] or [0] * FATES
    return Counts(sum(group.received), tuple(rows))


def is_balanced(group: GroupRates) -> bool:
    """Whether the fates add up to what was scheduled, and reasons to unknown, in every single slot."""
    rows = zip(group.expected, group.fates, group.unknown, strict=True)
    return all(
        expected == sum(fates) and fates[Fate.UNKNOWN] == sum(reasons)
        for expected, fates, reasons in rows
    )


def fate_group(group: GroupRates) -> FateGroup:
    """The group's sums, and whether its ledger is closed."""
    reasons = {reason.label: sum(row[reason] for row in group.unknown) for reason in UnknownReason}
    return FateGroup(
        labels=group.labels,
        sums=sums_of(total_of(group)),
        unknown_by_reason={label: count for label, count in reasons.items() if count},
        balanced=is_balanced(group),
    )


def rate_group(group: GroupRates) -> RateGroup:
    """The group's counts by slot."""
    return RateGroup(
        labels=group.labels,
        slots=group.slots,
        expected=group.expected,
        received=group.received,
        fates=slot_fates(group.fates),
    )


def agent_items(agents: Iterable[AgentView]) -> list[AgentItem]:
    """The agents as they are told, by name."""
    items = [
        AgentItem(
            agent=agent.agent,
            status=str(agent.status),
            location=agent.location,
            region=agent.region,
            zone=agent.zone,
            host=agent.host,
            version=agent.version,
            boot=agent.boot,
            endpoints=agent.endpoints,
            last_slot=agent.last_slot,
            impaired=list(agent.impaired),
            offset_s=agent.offset_s,
            expected_60s=agent.expected_60s,
            received_60s=agent.received_60s,
            unknown_60s=agent.unknown_60s,
            note=agent.note,
        )
        for agent in agents
    ]
    items.sort(key=lambda item: item.agent)
    return items


def count_status(agents: Iterable[AgentItem]) -> dict[str, int]:
    """How many agents are in each status; every status is named."""
    counts = {str(status): 0 for status in AgentStatus}
    for agent in agents:
        counts[agent.status] += 1
    return counts
