"""Slowness: datapoints that arrive and take much longer than they used to, and where they do. Pure.

A datapoint is slow if its steps together take more than its leaf's baseline allows (`step_times`). Of a
healthy leaf 5 % are taken to be slow, which is many; a CUSUM for each group of leaves (a service, its
protocols, its locations, its leaves) looks for 25 % and 80 %, a tenth of the threshold a slot at most:
slowness is worth a ticket, and a ticket can wait for ten seconds to see whether it was a hiccup.

When one of them is over, the groups that explain the slow datapoints are named one after the other:
each time the one that is likeliest, given its own share of slow ones. Their leaves are watched for the
end of it from then on. What was slow for a day is what the service is like now: it is learned.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.detect.step_times import STEPS, StepTimes
from coalmine_aggregator.model.scopes import Leaf, Scope, scope_of

P0: Final = 0.05
P1S: Final = (0.25, 0.8)
FEWEST_SLOTS: Final = 10
CLOSED: Final = 13.8
"""Nats for "as healthy as before" against half of the slowness: a wrong end in a million."""

SAMPLE: Final = 20_000
"""Of more attempts in a slot only about so many are looked at, each in its turn."""

REMEMBERED: Final = 2_000
"""Of a slot's attempts so many are kept for what is told of a finding, and then learned."""

LAG_SLOTS: Final = 60
"""Attempts are learned that much later, unless their service was unwell since."""

LESSON_SLOTS: Final = 10
ACCEPT_S: Final = 86_400
GONE_S: Final = 600
"""A finding without any datapoint for so long ends."""

MOST: Final = 4
"""Findings of a service at once."""

STEP_NAMES: Final = ("resolve", "connect", "tls", "send", "response")

_WINDOW_KEEPS: Final = 0.93  # of the counts that the groups are chosen by: about 14 slots
_NOW_SLOTS: Final = 30
_A1 = np.array([[math.log(p1 * (1 - P0) / (P0 * (1 - p1)))] for p1 in P1S])
_A0 = np.array([[math.log((1 - p1) / (1 - P0))] for p1 in P1S])

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]


class Slowness(NamedTuple):
    """A group that is slow, or was. `scope` names it within `service`; known by both while it lasts.

    `since` is the slot in which its statistic began to rise. The baseline's median and 95th percentile
    stand beside those of the newest 30 s, in milliseconds. `step` is the one whose usual time rose most
    (empty where none is told). `judged` and `slow` count the datapoints since then, of those that are
    looked at.
    """

    service: str
    scope: Scope
    since: int
    open: bool
    baseline_p50_ms: float
    baseline_p95_ms: float
    p50_ms: float
    p95_ms: float
    step: str
    judged: int
    slow: int
    statistic: float
    threshold: float


@dataclass(slots=True)
class _Open:
    """A finding under way. `share` is the slow share that its end is measured against."""

    group: int
    leaves: Numbers
    told: Slowness
    share: float
    last_judged: int
    closing: float = 0.0


class _Remembered(NamedTuple):
    slot: int
    leaf: NDArray[np.int32]
    total_us: NDArray[np.float32]
    steps_us: NDArray[np.int32]


_NOTHING: Final = _Remembered(
    0,
    np.zeros(0, dtype=np.int32),
    np.zeros(0, dtype=np.float32),
    np.zeros((0, STEPS), dtype=np.int32),
)


class Slow:
    """Leaves are numbered in the order in which they are added."""

    def __init__(self) -> None:
        self.times = StepTimes()
        self._services: dict[str, int] = {}
        self._groups: dict[tuple[str, Scope], int] = {}
        self._names: list[tuple[str, Scope]] = []
        self._service_of = np.zeros(0, dtype=np.int64)  # of each leaf
        self._groups_of: Numbers = np.zeros((4, 0), dtype=np.int64)  # of each leaf, the widest first
        self._free: Floats = np.zeros(0)  # 1: no finding has the leaf
        self._judged: Floats = np.zeros(0)
        self._bad: Floats = np.zeros(0)
        self._statistic: Floats = np.zeros((len(P1S), 0))
        self._since: Numbers = np.zeros(0, dtype=np.int64)
        self._unwell: Numbers = np.zeros(0, dtype=np.int64)  # of each service, the newest such slot
        self._open: list[_Open] = []
        self._recent: deque[_Remembered] = deque()
        self._slot = -1
        self._refreshed = 0

    def add(self, leaves: Sequence[Leaf]) -> None:
        """More leaves, with the next numbers."""
        columns = []
        for leaf in leaves:
            service = self._services.setdefault(leaf.service, len(self._services))
            columns.append((service, *(self._group(leaf.service, scope) for scope in _scopes(leaf))))
        if not columns:
            return
        added = np.array(columns, dtype=np.int64).T
        self._service_of = np.concatenate((self._service_of, added[0]))
        self._groups_of = np.concatenate((self._groups_of, added[1:]), axis=1)
        zeros = np.zeros(len(leaves))
        self._free = np.concatenate((self._free, zeros + 1))
        self._judged = np.concatenate((self._judged, zeros))
        self._bad = np.concatenate((self._bad, zeros))
        more = np.zeros((len(P1S), len(self._names) - self._statistic.shape[1]))
        self._statistic = np.concatenate((self._statistic, more), axis=1)
        self._since = np.concatenate((self._since, np.zeros(more.shape[1], dtype=np.int64)))
        unwell = np.full(len(self._services) - len(self._unwell), -1, dtype=np.int64)
        self._unwell = np.concatenate((self._unwell, unwell))
        self.times.add(leaves)

    @property
    def groups(self) -> int:
        """How many groups are watched: the patterns of the threshold, with a bank of two."""
        return len(self._names)

    @property
    def open(self) -> list[Slowness]:
        """The findings that hold, as they stand."""
        return [finding.told for finding in self._open]

    def step(
        self,
        slot: int,
        leaf: NDArray[np.int32],
        steps_us: NDArray[np.int32],
        *,
        threshold: float,
        unhealthy: Collection[str] = (),
    ) -> list[Slowness]:
        """Takes the attempts of a settled slot that were sent; the findings that it opens and closes.

        leaf[n] are numbers of leaves, steps_us[n, 5] microseconds, -1 for a step that was not taken; an
        attempt without times does not count. Services in `unhealthy` teach nothing. `threshold` is in
        nats. A slot that is not newer than the newest changes nothing. Raises ValueError for a leaf
        that was not added, and shapes that do not fit.
        """
        if steps_us.shape != (len(leaf), STEPS):
            raise ValueError(f"{len(leaf)} leaves and step times of shape {steps_us.shape}")
        if len(leaf) and not 0 <= int(leaf.min()) <= int(leaf.max()) < len(self._free):
            raise ValueError(f"a leaf outside of the {len(self._free)} that were added")
        if slot <= self._slot:
            return []
        if self._slot >= 0 and slot - self._slot > LAG_SLOTS:
            self._statistic[:] = 0
            self._judged[:] = self._bad[:] = 0
        self._slot = slot
        for service in unhealthy:
            if (number := self._services.get(service)) is not None:
                self._unwell[number] = slot
        leaf, total_us, steps_us = _sampled(slot, leaf, steps_us)
        self._remember(slot, leaf, total_us, steps_us)
        judged, bad = self._count(leaf, total_us)
        closed = self._watch(slot, judged, bad) if self._open else []
        return closed + self._accumulate(slot, judged, bad, threshold)

    def to_dict(self) -> dict[str, Any]:
        """What was learned, JSON-able. Findings under way are not in it: they are found again."""
        return self.times.to_dict()

    def restore(self, kept: Mapping[str, Any]) -> None:
        """Takes up what `to_dict` gave, before or after leaves are added; unsound parts are dropped."""
        self.times.restore(kept)

    def _group(self, service: str, scope: Scope) -> int:
        number = self._groups.setdefault((service, scope), len(self._names))
        if number == len(self._names):
            self._names.append((service, scope))
        return number

    # Counting.

    def _count(
        self, leaf: NDArray[np.int32], total_us: NDArray[np.float32]
    ) -> tuple[Floats, Floats | None]:
        """By leaf: the datapoints that a baseline judges, and the slow ones; None without any."""
        leaves = len(self._free)
        judged = np.where(self.times.ready, np.bincount(leaf, minlength=leaves), 0.0)
        slow = leaf[total_us > self.times.slow_from_us[leaf]]
        bad = np.bincount(slow, minlength=leaves).astype(np.float64) if len(slow) else None
        self._judged *= _WINDOW_KEEPS
        self._judged += judged
        self._bad *= _WINDOW_KEEPS
        if bad is not None:
            self._bad += bad
        return judged, bad

    def _accumulate(
        self, slot: int, judged: Floats, bad: Floats | None, threshold: float
    ) -> list[Slowness]:
        statistic = self._statistic
        rising = statistic[0] > 0
        if bad is None and not rising.any():
            return []
        groups, flat = len(self._names), self._groups_of.reshape(-1)
        n = np.bincount(flat, np.tile(judged * self._free, 4), groups)
        step = n * _A0
        if bad is not None:
            step += np.bincount(flat, np.tile(bad * self._free, 4), groups) * _A1
        np.minimum(step, threshold / FEWEST_SLOTS, out=step)
        statistic += step
        np.maximum(statistic, 0, out=statistic)
        self._since[~rising & (statistic[0] > 0)] = slot
        over = np.flatnonzero(statistic.max(axis=0) >= threshold)
        opened: list[Slowness] = []
        for service in dict.fromkeys(self._names[group][0] for group in over.tolist()):
            opened += self._name(slot, service, threshold)
        return opened

    # Findings.

    def _name(self, slot: int, service: str, threshold: float) -> list[Slowness]:
        """Opens the groups that explain what is slow in a service by now."""
        number = self._services[service]
        opened: list[Slowness] = []
        best = self._statistic.max(axis=0)
        while len([each for each in self._open if each.told.service == service]) < MOST:
            group, gain = self._likeliest(number)
            if group < 0 or (opened and gain < threshold):
                break
            leaves = np.flatnonzero((self._groups_of == group).any(axis=0) & (self._free > 0))
            wider = np.flatnonzero((self._groups_of == group).any(axis=0))
            # What lies in a wider group that is slow now is told by it.
            inside = [each for each in self._open if np.isin(each.leaves, wider).all()]
            for narrow in inside:
                self._open.remove(narrow)
                leaves = np.union1d(leaves, narrow.leaves)
                opened.append(narrow.told._replace(open=False))
            self._free[leaves] = 0
            finding = self._opened(slot, group, leaves, float(best[group]), threshold)
            self._open.append(finding)
            opened.append(finding.told)
        of_service = self._groups_of[:, self._service_of == number]
        self._statistic[:, of_service.reshape(-1)] = 0
        return opened

    def _likeliest(self, service: int) -> tuple[int, float]:
        """The group of free leaves that explains most, -1 if none does, and its log likelihood gain."""
        leaves = np.flatnonzero((self._service_of == service) & (self._free > 0) & (self._judged > 0))
        if not len(leaves):
            return -1, 0.0
        groups = self._groups_of[:, leaves].reshape(-1)
        n = np.bincount(groups, np.tile(self._judged[leaves], 4), len(self._names))
        k = np.bincount(groups, np.tile(self._bad[leaves], 4), len(self._names))
        gain = _gain(n.astype(np.float64), k.astype(np.float64))
        # In the order of width: of equals it is the widest.
        order = np.fromiter(dict.fromkeys(groups.tolist()), np.int64)
        best = int(order[np.argmax(np.round(gain[order], 6))])
        if gain[best] <= 0:
            return -1, 0.0
        return best, float(gain[best])

    def _opened(
        self, slot: int, group: int, leaves: Numbers, statistic: float, threshold: float
    ) -> _Open:
        service, scope = self._names[group]
        since = int(self._since[group]) if statistic > 0 else slot
        told = Slowness(service, scope, since, True, 0.0, 0.0, 0.0, 0.0, "", 0, 0, statistic, threshold)
        leaf, total_us, _ = self._newest(leaves, since)
        judged = int(self.times.ready[leaf].sum())
        slow = int((total_us > self.times.slow_from_us[leaf]).sum())
        told = self._measured(told._replace(judged=judged, slow=slow), leaves)
        return _Open(group, leaves, told, max(slow / max(judged, 1), P1S[0]), slot)

    def _newest(
        self, leaves: Numbers, since: int
    ) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.int32]]:
        """Of the attempts that are remembered those of `leaves` since a slot, of the newest 30 s."""
        mask = np.zeros(len(self._free), dtype=np.bool_)
        mask[leaves] = True
        first = max(since, self._slot - _NOW_SLOTS + 1)
        newest = [each for each in self._recent if each.slot >= first] or [_NOTHING]
        chosen = [mask[each.leaf] for each in newest]
        leaf, total_us, steps_us = (
            np.concatenate([column[rows] for column, rows in zip(columns, chosen, strict=True)])
            for columns in zip(*(each[1:] for each in newest), strict=True)
        )
        return leaf, total_us, steps_us

    def _measured(self, told: Slowness, leaves: Numbers) -> Slowness:
        """The finding with the times of the newest slots beside the baseline's."""
        leaf, total_us, steps_us = self._newest(leaves, told.since)
        p50, p95 = self.times.quantiles_us(leaves, 0.5, 0.95)
        told = told._replace(baseline_p50_ms=p50 / 1000, baseline_p95_ms=p95 / 1000)
        if not len(leaf):
            return told
        now50, now95 = np.quantile(total_us, (0.5, 0.95))
        slow = total_us > self.times.slow_from_us[leaf]
        step = self._slower(leaf[slow], steps_us[slow]) or told.step
        return told._replace(p50_ms=float(now50) / 1000, p95_ms=float(now95) / 1000, step=step)

    def _slower(self, leaf: NDArray[np.int32], steps_us: NDArray[np.int32]) -> str:
        """The step whose median is above what is usual by most; empty without attempts."""
        if not len(leaf):
            return ""
        more = np.where(steps_us >= 0, steps_us - self.times.usual_us(leaf), 0)
        rise = np.median(more, axis=0)
        worst = int(np.argmax(rise))
        return STEP_NAMES[worst] if rise[worst] > 0 else ""

    def _watch(self, slot: int, judged: Floats, bad: Floats | None) -> list[Slowness]:
        """Counts on what is open, and closes what has ended."""
        closed: list[Slowness] = []
        for finding in list(self._open):
            n = float(judged[finding.leaves].sum())
            k = float(bad[finding.leaves].sum()) if bad is not None else 0.0
            told = finding.told
            if n:
                finding.last_judged = slot
                half = finding.share / 2
                step = k * math.log(P0 / half) + (n - k) * math.log((1 - P0) / (1 - half))
                finding.closing += min(step, CLOSED / FEWEST_SLOTS)
                finding.closing = max(finding.closing, 0.0)
                finding.told = told._replace(judged=told.judged + int(n), slow=told.slow + int(k))
            ended = finding.closing >= CLOSED or slot - finding.last_judged >= GONE_S
            if ended or slot % LESSON_SLOTS == 0:
                finding.told = self._measured(finding.told, finding.leaves)
            if slot - told.since < ACCEPT_S:
                self._unwell[self._services[told.service]] = slot
            if ended:
                self._open.remove(finding)
                self._free[finding.leaves] = 1
                self._judged[finding.leaves] = self._bad[finding.leaves] = 0
                closed.append(finding.told._replace(open=False))
        return closed

    # Learning.

    def _remember(
        self,
        slot: int,
        leaf: NDArray[np.int32],
        total_us: NDArray[np.float32],
        steps_us: NDArray[np.int32],
    ) -> None:
        stride = max(-(-len(leaf) // REMEMBERED), 1)
        rows = slice(slot % stride, None, stride)
        # Copies: a view would keep the whole slot alive.
        kept = (leaf[rows].copy(), total_us[rows].copy(), steps_us[rows].copy())
        self._recent.append(_Remembered(slot, *kept))
        if len(self._recent) >= LAG_SLOTS + LESSON_SLOTS:
            self._learn([self._recent.popleft() for _ in range(LESSON_SLOTS)])

    def _learn(self, lesson: Sequence[_Remembered]) -> None:
        """Only what is older than the newest slot in which its service was unwell by so much."""
        slots = np.repeat([each.slot for each in lesson], [len(each.leaf) for each in lesson])
        leaf, total_us, steps_us = (
            np.concatenate(column) for column in zip(*(each[1:] for each in lesson), strict=True)
        )
        well = slots > self._unwell[self._service_of[leaf]]
        if not well.all():
            leaf, total_us, steps_us = leaf[well], total_us[well], steps_us[well]
        self.times.learn(lesson[-1].slot, leaf, total_us, steps_us)
        if self._slot - self._refreshed >= LAG_SLOTS:
            self._refreshed = self._slot
            self.times.refresh()


def _scopes(leaf: Leaf) -> tuple[Scope, ...]:
    labels = {label: value for label, value in leaf._asdict().items() if label != "service" and value}
    return (
        (),
        scope_of({"protocol": leaf.protocol}),
        scope_of({"location": leaf.location}),
        scope_of(labels),
    )


def _sampled(
    slot: int, leaf: NDArray[np.int32], steps_us: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.int32]]:
    """A slot's attempts, or a sample of them, with the sums of their steps; none without times."""
    stride = max(-(-len(leaf) // SAMPLE), 1)
    if stride > 1:
        rows = slice(slot % stride, None, stride)
        leaf, steps_us = leaf[rows], steps_us[rows]
    total_us = np.maximum(steps_us, 0).sum(axis=1, dtype=np.float32)
    timed = total_us > 0
    if not timed.all():
        leaf, total_us, steps_us = leaf[timed], total_us[timed], steps_us[timed]
    return leaf, total_us, steps_us


def _gain(n: Floats, k: Floats) -> Floats:
    """n kl(k/n || P0) where k/n is above P0, else 0: how much likelier k is with a share of its own."""
    share = np.clip(k / np.maximum(n, 1e-9), 1e-12, 1 - 1e-12)
    kl = share * np.log(share / P0) + (1 - share) * np.log((1 - share) / (1 - P0))
    gain: Floats = np.where(share > P0, n * kl, 0.0)
    return gain
