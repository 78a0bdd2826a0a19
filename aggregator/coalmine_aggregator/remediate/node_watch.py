"""The nodes of one service: from settled slots to a verdict on each. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.ledger.series import AllSeries
from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.model.node_view import NodeView
from coalmine_aggregator.model.remediation_policy import RemediationPolicy
from coalmine_aggregator.model.slot_cells import ABSENT, Revision, SlotCells
from coalmine_aggregator.remediate.node_views import Held, NodeViews
from coalmine_aggregator.remediate.quorum import agreement, discredited, outdated
from coalmine_aggregator.remediate.turn import Balanced
from coalmine_aggregator.remediate.vantage_detector import NEVER, NONE, VantageDetector
from coalmine_aggregator.remediate.vantages import Ints, Mask, Vantages, vantages_of
from coalmine_aggregator.remediate.verdicts import Verdicts
from coalmine_aggregator.remediate.window import Window

MOST_WINDOW_S: Final = 60
"""Slots over which evidence is summed up, where it stays fresh for longer."""


class NodeWatch:
    """Takes the slots of one service in their order.

    Its nodes are those to which series lead that were expected in the newest slot: what the roster
    does not have any more is forgotten with that slot.
    """

    def __init__(self, service: str, acceptable_loss: float, policy: RemediationPolicy) -> None:
        """Raises ValueError for an acceptable loss outside [0, 1)."""
        self._service, self._acceptable_loss, self._policy = service, acceptable_loss, policy
        self._window_s = max(1, min(math.ceil(policy.stale_s), MOST_WINDOW_S))
        self._series: AllSeries | None = None
        self._learned = 0
        self._of_nodes: Ints = np.zeros(0, dtype=np.int64)
        self._of_none: Ints = np.zeros(0, dtype=np.int64)
        self._forget()

    def _forget(self) -> None:
        self._slot: int | None = None
        self._judged = NEVER  # the slot of the verdicts
        self._expected: object = None
        self._vantages: Vantages | None = None
        self._balanced = np.zeros(0, dtype=np.uint8)  # fates of `_of_none` in the newest slot

    def learn(self, series: AllSeries) -> None:
        """Takes in the series that came since it was last called."""
        first, self._learned, self._series = self._learned, len(series), series
        if first == self._learned:
            return
        code = series.code_of("service", self._service)
        fresh = first + np.flatnonzero(
            series.codes("service")[first:] == (-1 if code is None else code)
        )
        nowhere = series.code_of("node", "")
        leads = series.codes("node")[fresh] != (-1 if nowhere is None else nowhere)
        self._of_nodes = np.concatenate([self._of_nodes, fresh[leads]])
        self._of_none = np.concatenate([self._of_none, fresh[~leads]])

    def settle(self, slot: SlotCells) -> None:
        """One settled slot. Where time went back, what is known lies in the future and is forgotten."""
        if self._slot is not None and slot.slot <= self._slot:
            self._forget()
        elif self._vantages is not None and self._slot is not None and self._judged < self._slot:
            self._judge(self._vantages, self._slot)  # nobody asked, but verdicts tell their first slots
        self._slot = slot.slot
        self._balanced = _taken(slot.fates, self._of_none)
        if slot.expected is not self._expected or self._expected is None:
            self._follow(slot)
        if self._vantages is None:
            return
        judged, bad = _evidence(_taken(slot.fates, self._vantages.ids))
        self._window.add(slot.slot, *self._detector.step(slot.slot, judged, bad))

    def revise(self, revision: Revision) -> None:
        """Late evidence of a slot that is fresh still counts, now that it is known."""
        v, slot = self._vantages, revision.after.slot
        if (
            v is None
            or self._slot is None
            or not self._slot - self._policy.stale_s <= slot <= self._slot
        ):
            return
        before, after = (_taken(each.fates, v.ids) for each in (revision.before, revision.after))
        (had, was_bad), (judged, bad) = _evidence(before), _evidence(after)
        changed = (had != judged) | (was_bad != bad)
        if not changed.any():
            return
        self._window.add(
            slot,
            *(
                -np.add.reduceat(each & changed, v.first_series, dtype=np.int64)
                for each in (had, was_bad)
            ),
        )
        self._window.add(slot, *self._detector.step(slot, judged & changed, bad & changed))

    def views(self, slot: int) -> Sequence[NodeView] | None:
        """What is held of each node in a slot, by name; None while no node is known.

        `slot` is the newest one that settled, or a later one where none did for a while.
        """
        v = self._vantages
        if v is None:
            return None
        self._judge(v, slot)
        detector = self._detector
        held = Held(
            slot,
            self._opinions,
            self._window.sums(slot),
            self._window_s,
            detector.failing(slot, self._window_s),
            detector.heard(),
            self._aside,
        )
        return self._told.tell(held, self._verdicts)

    def _judge(self, v: Vantages, slot: int) -> None:
        detector, verdicts = self._detector, self._verdicts
        opinions, heard = detector.opinions(slot), detector.heard()
        late = outdated(v, opinions, heard, detector.dark_since(), self._policy.quorum)
        if late.any():
            opinions = np.where(late, np.int8(NONE), opinions)
        hosts = discredited(v, opinions, self._policy.most_out(len(v.nodes)))
        aside = np.zeros(len(v.keys), dtype=np.bool_)
        if hosts.size:
            # Where a node has failed before, they are heard on: it is not to come back for their sake.
            aside = np.isin(v.host_codes, hosts) & ~v.own & ~verdicts.to_recover[v.node_of]
            aside &= opinions != NONE
            opinions = np.where(aside, np.int8(NONE), opinions)
        verdicts.judge(slot, agreement(v, opinions, self._policy.quorum), opinions, detector.clean)
        self._opinions, self._aside, self._judged = opinions, aside, slot

    def balanced(self, without: NDArray[np.int32] | None = None) -> Balanced:
        """What series that lead to no single node did in the newest slot; `without` are the ids of
        some that are not to count."""
        fates = self._balanced
        if without is not None and without.size:
            fates = fates[~np.isin(self._of_none[: len(fates)], without)]
        judged, bad = _evidence(fates)
        return Balanced(int(np.count_nonzero(judged)), int(np.count_nonzero(bad)))

    def leads(self, ids: NDArray[np.int32]) -> bool:
        """Whether any of these series leads to a node of the roster."""
        return self._vantages is not None and bool(np.isin(self._vantages.ids, ids).any())

    def _follow(self, slot: SlotCells) -> None:
        """Another set of series is expected: maybe others of this service lead to nodes."""
        self._expected = slot.expected
        present = self._of_nodes[_taken(slot.fates, self._of_nodes) != ABSENT]
        known = self._vantages
        if known is not None and np.array_equal(np.sort(known.ids), present):
            return
        if self._series is None or not present.size:
            self._vantages = None
            return
        self._vantages = new = vantages_of(self._series, present)
        if known is None:
            self._detector = VantageDetector(new, self._acceptable_loss, self._policy.stale_s)
            self._verdicts = Verdicts(new, self._policy)
            self._window = Window(len(new.keys), self._window_s)
        else:
            self._detector = self._detector.moved(new)
            self._verdicts = self._verdicts.moved(new)
            self._window = self._window.moved(known.keys, new.keys)
        self._told = NodeViews(self._service, new)


def _taken(fates: NDArray[np.uint8], ids: Ints) -> NDArray[np.uint8]:
    """The fates of series, `ABSENT` for those that the slot does not know."""
    if not ids.size or ids.max() < len(fates):
        return fates[ids]
    taken = np.full(len(ids), ABSENT, dtype=np.uint8)
    fit = ids < len(fates)
    taken[fit] = fates[ids[fit]]
    return taken


def _evidence(fates: NDArray[np.uint8]) -> tuple[Mask, Mask]:
    """What says anything, and what of that was bad: the fates from failed to late, in their order."""
    judged = fates <= Fate.LATE
    return judged, judged & (fates != Fate.DELIVERED)
