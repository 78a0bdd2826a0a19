"""What the engine answers to those who read it: rates of groups, agents. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class AgentStatus(StrEnum):
    """An agent's life as the aggregator sees it. It decides no fate."""

    ALIVE = "alive"
    GOODBYE = "goodbye"
    MISSING = "missing"
    SET_ASIDE = "set_aside"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class GroupRates:
    """Per-second counts of the series that share `labels`.

    The lists run along `slots` (ascending, settled ones only). `fates` holds a row per slot with the
    columns of `Fate`, which add up to `expected`; `unknown` a row per slot with the columns of
    `UnknownReason`, which add up to the fate `unknown`. `received` is the sum rate: distinct datapoints
    that arrived in time, whatever their fate.
    """

    labels: dict[str, str]
    slots: list[int]
    expected: list[int]
    received: list[int]
    fates: list[list[int]]
    unknown: list[list[int]]


@dataclass(frozen=True, slots=True)
class AgentView:
    """One agent as it stands.

    `last_slot` is the newest slot that it reported, None before the first report; `impaired` what its
    newest impaired slot said, () once it has been well for 60 s. `offset_s` is its clock's offset
    (positive: behind ours), None where nothing recent tells. `endpoints` is the number of series
    expected of it now. `unknown_60s` maps the labels of `UnknownReason` to counts over the last 60
    settled slots, reasons that did not occur left out; `expected_60s` and `received_60s` are over the
    same slots. `note` says why it is set aside or missing, else it is empty.
    """

    agent: str
    location: str
    region: str
    zone: str
    host: str
    boot: str
    version: str
    status: AgentStatus
    last_slot: int | None
    impaired: tuple[str, ...]
    offset_s: float | None
    endpoints: int
    expected_60s: int
    received_60s: int
    unknown_60s: dict[str, int]
    note: str = ""
