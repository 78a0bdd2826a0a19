"""What the engine answers to those who read it: rates of groups, agents, objectives, noise. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray


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


class GroupSums(NamedTuple):
    """Counts by slot and group: `slots` ascend, `labels` are the groups' by number, `sums` int32[slots,
    groups, COLUMNS]."""

    slots: list[int]
    labels: list[tuple[str, ...]]
    sums: NDArray[np.int32]


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


class SloView(Protocol):
    """A service's objective and what is left of its error budget, over the window that ends now."""

    @property
    def objective(self) -> float:
        """The fraction of datapoints to be delivered."""

    @property
    def window_s(self) -> int:
        """Seconds of the window."""

    @property
    def judged(self) -> int:
        """Datapoints in the window that can be judged."""

    @property
    def bad(self) -> int:
        """Those of them that went bad."""

    @property
    def allowed(self) -> float:
        """Those of them that were allowed to."""

    @property
    def left(self) -> float:
        """The fraction of the budget that is left: 1 if nothing was judged, negative if overspent."""

    @property
    def burn(self) -> Mapping[str, float | None]:
        """Burn rates by name of their window: 1 spends the budget over exactly the objective's window.
        None where nothing can be said."""


class NoiseView(NamedTuple):
    """What was learned of a healthy service, and what follows from it.

    `rho` is the dispersion of its loss (0: independent), `loss` the healthy loss rate, `burst_loss` the
    99th percentile of the loss in a burst, `burst_span` the slots that a burst spans. `q` and `c` are
    the limits of what one slot may move a statistic by: `c`, and more only beyond a loss of `q`. All of
    it from `learned_slots` slots. `threshold` is what a statistic must reach, for `patterns` patterns.
    """

    rho: float
    loss: float
    burst_loss: float
    burst_span: float
    q: float
    c: float
    learned_slots: int
    threshold: float
    patterns: int
