"""The watch over one service's bad datapoints: from the CUSUM bank to causes with scopes. Pure.

Every settled slot moves the bank; several times a second the open slots are looked at on top of it.
A pattern over the threshold sets off the localiser, over the slots since that pattern's change point.
What it names is a cause, and from then on the cells of its scope are left out of the bank: the bank
looks for what the open causes do not explain, and a scope that has to grow shows as loss outside of it.

While causes are open the localiser is asked again; a scope moves only where another set of scopes is
better by `STEADY` in log likelihood, so that it does not follow the noise. A scope is corrected, never
paged a second time: what was inside a scope that was told before is quiet, and of causes that come to
lie within each other the oldest goes on with the widest scope. What a cause that is over has lost
counts no more: neither bank nor localiser nor change point look back on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.detect.bank import Bank, Look
from coalmine_aggregator.detect.likelihood import P1S
from coalmine_aggregator.detect.noise import Noise
from coalmine_aggregator.judge.cells import ServiceCells
from coalmine_aggregator.judge.expected import Expected
from coalmine_aggregator.judge.history import Sums
from coalmine_aggregator.judge.lookback import Lookback
from coalmine_aggregator.judge.nesting import are_nested, within
from coalmine_aggregator.judge.open_cause import OpenCause, Shown
from coalmine_aggregator.judge.service_slots import Cells, Now
from coalmine_aggregator.judge.taken_out import TakenOut
from coalmine_aggregator.localise.localiser import MOST_NAMED
from coalmine_aggregator.localise.verdict import CauseScope, Verdict
from coalmine_aggregator.model.explanation import Explanation, ScopeScore, Statistic
from coalmine_aggregator.model.lattice import SMALL_CELLS
from coalmine_aggregator.model.scopes import Scope

Mask = NDArray[np.bool_]
Ids = NDArray[np.int64]

STEADY = 10.0
"""Log likelihood by which another set of scopes must be better to replace those that were told."""

FOLLOW_S = 60
"""The newest slots by which scopes are corrected."""

OFTEN_S = 5
SELDOM_S = 5
"""Scopes are looked at anew in each of the first `OFTEN_S` slots, then every `SELDOM_S`."""

ENDING = 2.0
"""Nats of the closing rule from which on a cause may be about to end: less than one clear slot."""

MANY = 20_000
"""Bad cells in one slot from which on the wide patterns are looked at first."""

STILL_S = 5
"""A part of a scope is told by itself if it was lost in these newest slots, too."""

MOST_CAUSES = 16
"""Causes open at once in one service; what comes on top is told as the whole service."""


class Seed(NamedTuple):
    """The pattern that is over the threshold: its statistic, and the loss that this speaks for."""

    pattern: int
    statistic: float
    loss: float


class Watch:
    """Looks for loss above `p0` over all patterns of a service."""

    def __init__(self, cells: ServiceCells, p0: float, noise: Noise) -> None:
        self.cells = cells
        self.p0 = p0
        self.noise = noise
        self.bank = Bank(p0, noise)
        self._lookback = Lookback(cells, p0)
        self.taken_out = TakenOut()
        self.history = self._lookback.history
        self.causes: list[OpenCause] = []
        self.threshold = np.inf
        self._number = 0
        self._seen: object = None
        self._looked_at = Expected()
        self._masked: Mask | None = None
        self._expected: Mask = np.zeros(0, dtype=np.bool_)
        # The first and the last slot of the evidence by which a cause last opened or grew.
        self._opened = self._known = 0
        self.absorbed: list[tuple[OpenCause, OpenCause]] = []
        """Causes that others took in since this was last emptied, each with the one that did."""

    @property
    def masked(self) -> Mask | None:
        """The cells of what is open, as of the last slot; None if there is nothing."""
        return self._masked

    @property
    def patterns(self) -> int:
        """Patterns of which anything is expected: what the threshold is shared by."""
        return int(np.count_nonzero(self._looked_at.base))

    def set_noise(self, noise: Noise) -> None:
        """What was learned since."""
        self.noise = noise
        self.bank.set_noise(noise)

    def restore(self, cause: OpenCause) -> None:
        """Takes over a cause of an earlier run."""
        self.causes.append(cause)
        self._seen = None

    def rewind(self, slot: int) -> None:
        """Time went back: from `slot` on, slots are settled anew."""
        self._lookback.clear()
        self.taken_out.clear()
        self.bank.clear()
        self._opened = self._known = 0
        for cause in self.causes:
            cause.since = min(cause.since, slot)
            cause.former.clear()

    # Slots.

    def settle(self, now: Cells, expected_is: object) -> list[OpenCause]:
        """One settled slot; `expected_is` changes its identity with `now.expected`. The causes that are
        new or have moved."""
        if now.slot <= self.history.last:
            self.rewind(now.slot)
        self._fit(now.expected, expected_is)
        # Not `now.expected`, which is equal but another object in every slot.
        self.history.add(now.slot, self._expected, now.bad, now.neither)
        changed = self._over_many((now,), ()) if _many(now.bad) else []
        touched, judged, bad = self._touched(self._outside(now), now)
        self.bank.settle(touched, judged, bad)
        return changed or self._over(self.bank.over(self.threshold), None, ())

    def revise(self, before: Cells, after: Cells, lost: Mask | None = None) -> None:
        """A settled slot is known otherwise now; as evidence it counts from here on, but for the cells
        that were `lost` to a cause in that slot."""
        self._grow()
        more_bad = after.bad.astype(np.int32) - before.bad
        more_judged = before.neither.astype(np.int32) - after.neither
        # Good ones that become unknown are evidence of nothing: the bank would take back more than they
        # had said, since no statistic falls below 0.
        changed = (more_bad != 0) | (more_judged > 0)
        if self._masked is not None:
            changed &= ~self._masked
        if lost is not None:
            changed &= ~lost
        ids = np.flatnonzero(changed).astype(np.int32)
        if ids.size:
            self.bank.resize(self.cells.lattice.patterns)
            patterns, judged, bad = self.cells.lattice.touched(ids, more_judged[ids], more_bad[ids])
            self.bank.revise(patterns, judged.astype(np.int32), bad.astype(np.int32))
        self.history.revise(after.slot, after.bad, after.neither)

    def look(self, slots: Sequence[Now]) -> list[OpenCause]:
        """The open slots on top of what is settled. The causes that are new or have moved.

        An open slot shows a part of what is wrong in it: what was refused shows before what got lost.
        So it opens one cause at a time, and no further one before that one's first slot is settled and
        shows all of it: one broken machine behind several protocols is told once.
        """
        if any(cause.since > self.history.last for cause in self.causes):
            return []
        self._grow()
        # What the newest settled slot did not expect has to wait until it is settled.
        inside = self._looked_at.inside
        cells = [
            Cells(each.slot, each.expected, each.bad & inside, each.neither & inside) for each in slots
        ]
        if any(_many(each.bad) for each in slots) or any(_most(each.bad) for each in cells):
            return self._over_many(cells, slots)
        looks = [self._touched(self._outside(each), each) for each in cells]
        look = self.bank.look(looks)
        return self._over(look.patterns[look.statistic >= self.threshold], look, slots)

    def _over_many(self, cells: Sequence[Cells], slots: Sequence[Now]) -> list[OpenCause]:
        """Looks at the patterns without host and node only, which are few: a loss of so many cells is
        over the threshold in one of them at once, and the hundreds of thousands of others, which it
        would be over in as well, need not be touched before it is explained."""
        look = self.bank.look([self._touched_wide(self._outside(each), each) for each in cells])
        return self._over(look.patterns[look.statistic >= self.threshold], look, slots)

    def _over(self, patterns: Ids, look: Look | None, slots: Sequence[Now]) -> list[OpenCause]:
        """Opens or moves causes where any pattern is over the threshold."""
        if not patterns.size:
            return []
        if look is None:
            values, alternatives = self.bank.best(patterns)
        else:
            at = np.flatnonzero(look.statistic >= self.threshold)
            values, alternatives = look.statistic[at], look.alternative[at]
        worst = int(np.argmax(values))
        seed = Seed(int(patterns[worst]), float(values[worst]), P1S[int(alternatives[worst])])
        return self._open(seed, slots)

    # Causes.

    def close(self, cause: OpenCause, nodes: int = 0) -> None:
        """It is over; `nodes` is how many there are, where its own were withdrawn."""
        self._grow()
        self.causes.remove(cause)
        self._lookback.end(cause.scope)
        self.taken_out.add(cause, self.history.last, nodes)
        self._expect(explained=True)

    def follow(self) -> list[OpenCause]:
        """Corrects the scopes of what is open by the slots settled since; those that moved."""
        # Where a loss is about to be over, its last seconds would be held against its scope.
        if not self.causes or any(cause.closing.statistic > ENDING for cause in self.causes):
            return []
        if len(self.causes) > MOST_NAMED:
            return []
        last = self.history.last
        if last < self._known:  # less is settled than the open slots have shown
            return []
        newest = max(cause.since for cause in self.causes)
        if last - newest > OFTEN_S and last % SELDOM_S:
            return []
        sums = self._lookback.sums(max(newest, self._opened, last - FOLLOW_S + 1))
        if not sums.bad.any():
            return []
        verdict = self._localise(sums)
        named = verdict.named_score
        if named is not None and verdict.score < named + STEADY:
            return []
        return self._adopt(verdict, sums, (), None)

    def _open(self, seed: Seed, slots: Sequence[Now]) -> list[OpenCause]:
        scope = self.cells.lattice.scope(seed.pattern)
        members = self.cells.lattice.members(scope)
        if self._masked is not None:
            members = members & ~self._masked
        sums = self._lookback.since_began(members, seed.loss, slots)
        self._opened, self._known = sums.first, sums.last
        statistic = Statistic(
            "cusum",
            scope,
            seed.statistic,
            float(self.threshold),
            seed.loss,
            int(sums.judged[members].sum()),
            int(sums.bad[members].sum()),
        )
        most = 1 if slots else MOST_CAUSES
        return self._adopt(self._localise(sums), sums, (statistic,), scope, most)

    def _adopt(
        self,
        verdict: Verdict,
        sums: Sums,
        statistics: tuple[Statistic, ...],
        seed: Scope | None,
        most: int = MOST_CAUSES,
    ) -> list[OpenCause]:
        """Matches what the localiser names with what is open. Where a pattern (`seed`) is over the
        threshold, it is explained by a cause afterwards, whatever the localiser says."""
        lattice = self.cells.lattice
        named = [(each, lattice.members(each.scope)) for each in verdict.causes]
        fates = self._pair(named, sums.bad)
        explanation = Explanation(
            sums.first,
            sums.last,
            statistics,
            (
                ScopeScore(tuple(each.scope for each in verdict.causes), verdict.score),
                *(ScopeScore(each.scopes, each.score) for each in verdict.candidates),
            ),
        )
        changed: list[OpenCause] = []
        for index, cause in fates.items():
            each, members = named[index]
            cause.explanation = explanation if cause.scope != each.scope else cause.explanation
            if cause.scope != each.scope:
                cause.move(each.scope, each.equivalents, members, sums.last)
                changed.append(cause)
            else:
                cause.equivalents = each.equivalents
        fresh = [index for index in range(len(named)) if index not in fates]
        first = not self.causes
        # What is cut off here is not what is open already: that would be taken for the rest.
        for index in fresh[:most]:
            each, members = named[index]
            strong = each.gain >= self.threshold or (first and index == fresh[0])
            if not strong or any(within(members, cause.members) for cause in self.causes):
                continue
            if seed is None and not self._still(members, each.loss):
                continue
            changed.append(self._begin(each, members, sums, explanation))
        if seed is not None:
            members = lattice.members(seed)
            if not any((cause.members & members).any() for cause in changed) and not any(
                within(members, each.members) for each in self.causes
            ):
                weak = [named[index] for index in fresh[:most]]
                changed.append(self._explain(seed, members, weak, sums, explanation))
        changed = self._merged(changed, sums.last)
        if changed:
            self._expect(explained=True)
        return changed

    def _still(self, members: Mask, loss: float) -> bool:
        """Whether some cells lost in the newest slots what they lost before, more or less."""
        _, judged, bad = self.history.of(members, STILL_S)
        return bool(bad.any()) and int(bad.sum()) >= loss / 4 * int(judged.sum())

    def _explain(
        self,
        seed: Scope,
        members: Mask,
        weak: Sequence[tuple[CauseScope, Mask]],
        sums: Sums,
        explanation: Explanation,
    ) -> OpenCause:
        """A pattern is over the threshold, and the localiser names nothing that would do to explain it:
        it is the best of what was named too weakly, or the growth of what is open, or itself."""
        outside = members & self._looked_at.inside
        for each, cells in weak:
            if (cells & outside).any() and not any(within(cells, one.members) for one in self.causes):
                return self._begin(each, cells, sums, explanation)
        for cause in self.causes:
            if cause.members.any() and within(cause.members, members):
                cause.explanation = explanation
                cause.move(seed, (), members, sums.last)
                return cause
        judged, bad = int(sums.judged[members].sum()), int(sums.bad[members].sum())
        loss = bad / judged if judged else 1.0
        fallback = CauseScope(seed, (), judged, bad, loss, self.threshold)
        return self._begin(fallback, members, sums, explanation)

    def _merged(self, changed: Sequence[OpenCause], slot: int) -> list[OpenCause]:
        """Of causes that lie within each other, the oldest goes on with the widest scope. Of those that
        are left, those that have changed."""
        if not changed:
            return []
        moved = list(changed)
        kept: list[OpenCause] = []
        for cause in self.causes:
            nested = [each for each in kept if are_nested(each.members, cause.members)]
            if not nested:
                kept.append(cause)
                continue
            oldest = nested[0]
            if not within(cause.members, oldest.members):
                oldest.explanation = cause.explanation
                oldest.move(cause.scope, cause.equivalents, cause.members, slot)
                moved.append(oldest)
            for each in (*nested[1:], cause):
                self.absorbed.append((each, oldest))
            kept = [each for each in kept if not any(each is gone for gone in nested[1:])]
        self.causes = kept
        return [cause for cause in kept if any(cause is each for each in moved)]

    def _begin(
        self, each: CauseScope, members: Mask, sums: Sums, explanation: Explanation
    ) -> OpenCause:
        if len(self.causes) >= MOST_CAUSES:
            each = each._replace(scope=(), equivalents=())
            members = np.ones(len(self.cells), dtype=np.bool_)
        # What began together is told together: one page, and its parts as tickets.
        judged, bad = (int(each[members[: len(each)]].sum()) for each in (sums.judged, sums.bad))
        quiet = self.taken_out.began_with(sums.first, judged, bad, self.causes) or any(
            sums.first <= until and within(members, self.cells.lattice.members(scope))
            for cause in self.causes
            for scope, until in cause.former
        )
        self._number += 1
        cause = OpenCause(
            handle=f"{sums.last}.{self._number}",
            scope=each.scope,
            equivalents=each.equivalents,
            members=members,
            since=sums.first,
            quiet=quiet,
            shown=Shown(each.loss),
            explanation=explanation,
        )
        self.causes.append(cause)
        return cause

    def _pair(
        self, named: Sequence[tuple[CauseScope, Mask]], bad: NDArray[np.int32]
    ) -> dict[int, OpenCause]:
        """Which open cause each named scope is, by the bad datapoints that they share."""
        shared = [
            (int(bad[members & cause.members].sum()), -index, order)
            for index, (_, members) in enumerate(named)
            for order, cause in enumerate(self.causes)
        ]
        pairs: dict[int, OpenCause] = {}
        taken: set[int] = set()
        for count, index, order in sorted(shared, reverse=True):
            if count and -index not in pairs and order not in taken:
                pairs[-index] = self.causes[order]
                taken.add(order)
        return pairs

    def _localise(self, sums: Sums) -> Verdict:
        return self.cells.localiser.localise(
            sums.judged,
            sums.bad,
            self.p0,
            rho=self.noise.rho,
            named=tuple(cause.scope for cause in self.causes[:MOST_NAMED]),
        )

    # The bank.

    def _fit(self, expected: Mask, expected_is: object) -> None:
        """Tells the bank what to expect, if that changed."""
        if expected_is is self._seen and len(expected) == len(self._expected):
            return
        self._seen, self._expected = expected_is, expected
        self._expect()

    def _grow(self) -> None:
        """Makes room for series that came since the newest slot; they are not expected yet."""
        count = len(self.cells)
        masks = (self._looked_at.inside, *(cause.members for cause in self.causes))
        if any(len(mask) != count for mask in masks):
            self._expect()

    def _expect(self, explained: bool = False) -> None:
        """The bank looks at what is expected outside of what is open. With `explained`, what patterns
        brought of which it looks at other cells now counts no more: causes came, moved or went."""
        count = len(self.cells)
        mask = np.zeros(count, dtype=np.bool_)
        for cause in self.causes:
            if len(cause.members) < count:
                cause.members = self.cells.lattice.members(cause.scope)
            mask |= cause.members
        self._masked = mask if mask.any() else None
        inside = np.zeros(count, dtype=np.bool_)
        inside[: len(self._expected)] = self._expected
        inside &= ~mask
        moved = self._looked_at.move(self.cells.lattice, inside)
        self.bank.resize(self.cells.lattice.patterns)
        if explained:
            self.bank.clear(moved)
        self.bank.expect(self._looked_at.base)

    def _outside(self, now: Cells) -> Mask:
        """The cells that did not just deliver, outside of what is open."""
        exceptional = now.bad | now.neither
        if self._masked is not None:
            exceptional &= ~self._masked
        return exceptional

    def _touched_wide(
        self, exceptional: Mask, now: Cells
    ) -> tuple[Ids, NDArray[np.int32], NDArray[np.int32]]:
        lattice = self.cells.lattice
        leaf = lattice.leaf_of_cell[: len(exceptional)]
        leaves = np.flatnonzero(np.bincount(leaf[exceptional]))
        if not leaves.size:
            return _NONE
        counts = [
            np.bincount(leaf[exceptional & each], minlength=int(leaves[-1]) + 1)[leaves]
            for each in (now.bad, now.neither)
        ]
        patterns, (bad, neither) = lattice.cube.touched(leaves.astype(np.int32), counts)
        judged = (self._looked_at.base[patterns] - neither).astype(np.int32)
        return patterns, judged, bad.astype(np.int32)

    def _touched(
        self, exceptional: Mask, now: Cells
    ) -> tuple[Ids, NDArray[np.int32], NDArray[np.int32]]:
        ids = np.flatnonzero(exceptional).astype(np.int32)
        if not ids.size:
            return _NONE
        patterns, bad, neither = self.cells.lattice.touched(
            ids, now.bad[ids].astype(np.int32), now.neither[ids].astype(np.int32)
        )
        judged = (self._looked_at.base[patterns] - neither).astype(np.int32)
        return patterns, judged, bad.astype(np.int32)


def _many(bad: Mask) -> bool:
    """Whether so much is bad that the wide patterns alone must show it."""
    return int(np.count_nonzero(bad)) > MANY


def _most(bad: Mask) -> bool:
    """The same for a large share of a service that is not small."""
    return len(bad) > SMALL_CELLS and 2 * int(np.count_nonzero(bad)) > len(bad)


_NONE = (
    np.zeros(0, dtype=np.int64),
    np.zeros(0, dtype=np.int32),
    np.zeros(0, dtype=np.int32),
)
