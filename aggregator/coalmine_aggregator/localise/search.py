"""The search for the set of patterns that explains counts best. Pure.

Beam search over sets of a growing number of patterns; then backward pruning and swaps. What keeps it
short is a bound: no fit can beat the likelihood of every class at its own loss, so that only sets are
fitted of which that bound, less the penalties, is above the best score so far.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.localise.atoms import Atoms
from coalmine_aggregator.localise.likelihood import Base, Floats, base_loss, bound, fit, likelihood
from coalmine_aggregator.localise.product import combined, product

TIE = 2.0
"""Log likelihood that a narrower scope may cost."""

Chosen = tuple[int, ...]
"""Rows of the pool, ascending."""

SINGLES = 12
"""Single patterns that pairs are built on."""

BEAM = 8
"""Larger sets that further patterns are added to."""

FITTED = 96
"""Sets that are fitted at most at each size."""

PER_PARENT = 12
"""Additions to one set that are fitted at most."""


class _Growth(NamedTuple):
    """Parents with every pattern added: counts and bounds.

    `outside` and `within` are the judged and the bad by (parent, class, pattern), `bounds` what the
    score cannot exceed by (parent, pattern), minus infinity for a pattern that is in the parent.
    """

    outside: tuple[Floats, Floats]
    within: tuple[Floats, Floats]
    bounds: Floats


class Search:
    """One search on some atoms.

    `penalty` is the log likelihood that each pattern of a set has to bring, `limit` how many patterns
    a set has at most. `scores` are those of all sets fitted so far: log likelihood over that of no
    cause at all, less penalties.
    """

    def __init__(self, atoms: Atoms, base: Base, penalty: float, limit: int) -> None:
        self._inside, self._judged, self._bad = _merged(atoms)
        self._sizes = product(self._judged[None, :], self._inside)[0]
        self._base, self._penalty, self._limit = base, penalty, limit
        total = np.array([self._judged.sum()]), np.array([self._bad.sum()])
        self._nothing = float(likelihood(*total, base_loss(*total, base))[0])
        self.scores: dict[Chosen, float] = {(): 0.0}
        self._strengths: dict[Chosen, Floats] = {}

    @property
    def best(self) -> Chosen:
        """The set with the highest score."""
        return max(self.scores, key=self.scores.__getitem__)

    def run(self, seeds: Iterable[Chosen] = ()) -> Chosen:
        """Searches from single patterns on, and from the sets in `seeds`; returns the best set."""
        seeds = [seed for seed in seeds if 0 < len(seed) <= self._limit]
        for seed in seeds:
            self.score(seed)
        if self._limit >= 1 and len(self._judged):
            beam = self._singles()
            for size in range(1, self._limit):
                grown = self._grow(beam) if beam else []
                if not grown:
                    break
                grown.sort(key=self.scores.__getitem__, reverse=True)
                beam = grown[:BEAM] + [s for s in seeds if len(s) == size + 1 and s not in grown[:BEAM]]
        return self.improve(self.best)

    def improve(self, chosen: Chosen) -> Chosen:
        """From a set on, adds, leaves out and swaps patterns as long as that helps; the best set."""
        self.score(chosen)
        for _ in range(2 * self._limit):
            best = self.best
            self.without(best)
            if len(best) > 1:
                self._grow([tuple(other for other in best if other != left) for left in best])
            if len(best) < self._limit and len(self._inside):
                self._grow([best])
            if self.best == best:
                break
        return self.best

    def narrowed(self, best: Chosen, labels: NDArray[np.uint8]) -> Chosen:
        """The best set, with narrower patterns in place of others where that costs at most `TIE`.

        What only the wider one holds may be lost anyway to another cause: then little tells them apart,
        and a scope that is too wide does more harm than one that is too narrow. Only where all of that
        is lost, so that nothing can tell, the one with fewer `labels` (by row) is taken.
        """
        top = self.score(best)
        for row in best:
            rest = tuple(other for other in best if other != row)
            beyond = product((self._judged * (1.0 - self._inside[row]))[None, :], self._inside)[0]
            rows = np.flatnonzero(
                (beyond == 0.0) & (self._sizes > 0.0) & (self._sizes < self._sizes[row])
            )
            if not len(rows):
                continue
            rows = rows[np.argsort(self._sizes[rows], kind="stable")]
            growth = self._growth([rest])
            rows = rows[growth.bounds[0, rows] >= top - TIE][:FITTED]
            children = {_with(rest, other): (0, other) for other in rows.tolist() if other not in rest}
            self._fit_children(growth, children)
            for child, (_, other) in children.items():
                lost = top - self.scores[child]
                if lost <= TIE and (labels[other] <= labels[row] or not self._dark(row, other)):
                    return self.narrowed(child, labels) if lost <= 0.01 else child
        return best

    def score(self, chosen: Chosen) -> float:
        """The score of one set."""
        if chosen not in self.scores:
            self._note([chosen], *self._classes(chosen))
        return self.scores[chosen]

    def without(self, chosen: Chosen) -> list[float]:
        """The scores of a set less each of its patterns, in order."""
        less = [tuple(other for other in chosen if other != left) for left in chosen]
        new = [rest for rest in less if rest not in self.scores]
        if new:
            counts = [self._classes(rest) for rest in new]
            judged, bad = (np.concatenate([each[i] for each in counts]) for i in (0, 1))
            self._note(new, judged, bad)
        return [self.scores[rest] for rest in less]

    def strengths(self, chosen: Chosen) -> Floats:
        """The strengths of a set's patterns."""
        known = self._strengths.get(chosen)
        if known is None:
            judged, bad = self._classes(chosen)
            known = self._strengths[chosen] = np.asarray(fit(judged, bad, self._base).strengths[0])
        return known

    def base(self, chosen: Chosen) -> float:
        """The base loss beside a set's patterns."""
        judged, bad = self._classes(chosen)
        return float(base_loss(judged[:, 0], bad[:, 0], self._base)[0])

    def _singles(self) -> list[Chosen]:
        if not len(self._inside):
            return []
        within = product(np.stack((self._judged, self._bad)), self._inside)
        judged = np.stack((self._judged.sum() - within[0], within[0]), axis=1)
        bad = np.stack((self._bad.sum() - within[1], within[1]), axis=1)
        scores = fit(judged, bad, self._base).likelihoods - self._nothing - self._penalty
        for row, score in enumerate(scores.tolist()):
            self.scores[(row,)] = score
        order = np.argsort(-scores, kind="stable")[:SINGLES]
        return [(row,) for row in order.tolist()]

    def _dark(self, wider: int, narrower: int) -> bool:
        """Whether everything is lost that only the wider of two patterns holds."""
        beyond = (self._inside[wider] > 0.0) & (self._inside[narrower] == 0.0)
        return bool(self._bad[beyond].sum() == self._judged[beyond].sum())

    def _grow(self, parents: Sequence[Chosen]) -> list[Chosen]:
        """Adds to sets of one size what may beat the best; returns the fitted children."""
        growth = self._growth(parents)
        scores = growth.bounds
        keep = min(PER_PARENT, scores.shape[1])
        top = np.argpartition(-scores, keep - 1, axis=1)[:, :keep]
        rows, added = np.repeat(np.arange(len(parents)), keep), top.ravel()
        floor = self.scores[self.best]
        children: dict[Chosen, tuple[int, int]] = {}
        for i in np.argsort(-scores[rows, added], kind="stable").tolist():
            row, pattern = int(rows[i]), int(added[i])
            if scores[row, pattern] <= floor or len(children) == FITTED:
                break
            children.setdefault(_with(parents[row], pattern), (row, pattern))
        self._fit_children(growth, children)
        return list(children)

    def _growth(self, parents: Sequence[Chosen]) -> _Growth:
        outside, within = self._split(parents)
        bounds = (bound(*outside, self._base.least) + bound(*within, self._base.least)).sum(axis=1)
        bounds -= self._nothing + self._penalty * (len(parents[0]) + 1)
        for row, parent in enumerate(parents):
            bounds[row, list(parent)] = -np.inf
        return _Growth(outside, within, bounds)

    def _fit_children(self, growth: _Growth, children: Mapping[Chosen, tuple[int, int]]) -> None:
        """Scores the children by their parent's row and the row of what is added."""
        new = {child: at for child, at in children.items() if child not in self.scores}
        if new:
            row, added = np.array(list(new.values())).T
            sides = growth.outside, growth.within
            judged, bad = (
                np.concatenate([side[i][row, :, added] for side in sides], axis=1) for i in (0, 1)
            )
            self._note(list(new), judged, bad)

    def _note(self, sets: Sequence[Chosen], judged: Floats, bad: Floats) -> None:
        """Fits sets of one size to their classes' counts and keeps the scores."""
        taken = self._nothing + self._penalty * len(sets[0])
        scores = fit(judged, bad, self._base).likelihoods - taken
        self.scores.update(zip(sets, scores.tolist(), strict=True))

    def _split(self, parents: Sequence[Chosen]) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
        """Counts (parents, classes, patterns) outside of each pattern, and within it."""
        classes = 1 << len(parents[0])
        of_atom = np.stack([self._class_of(parent) for parent in parents])
        mask = of_atom[:, None, :] == np.arange(classes)[None, :, None]
        outside, within = [], []
        for counts in (self._judged, self._bad):
            weighted = (mask * counts).reshape(len(parents) * classes, -1)
            inside = product(weighted, self._inside).reshape(len(parents), classes, -1)
            within.append(inside)
            outside.append(weighted.sum(axis=1).reshape(len(parents), classes, 1) - inside)
        return (outside[0], outside[1]), (within[0], within[1])

    def _class_of(self, chosen: Chosen) -> NDArray[np.int64]:
        weights = np.ldexp(1.0, np.arange(len(chosen)))
        return combined(self._inside[list(chosen)], weights).astype(np.int64)

    def _classes(self, chosen: Chosen) -> tuple[Floats, Floats]:
        of_atom, classes = self._class_of(chosen), 1 << len(chosen)
        judged = np.bincount(of_atom, self._judged, minlength=classes)
        bad = np.bincount(of_atom, self._bad, minlength=classes)
        return np.asarray(judged[None, :], dtype=np.float64), np.asarray(bad[None, :], dtype=np.float64)


def _merged(atoms: Atoms) -> tuple[Floats, Floats, Floats]:
    """What lies in which pattern, and the counts, of atoms that differ in it and were judged."""
    held = np.flatnonzero(atoms.judged > 0)
    names = np.random.default_rng(0).integers(1 << 44, size=len(atoms.inside)).astype(np.float64)
    # Exact, in whatever order: equal where all patterns are the same.
    sums = product(names[None, :], atoms.inside.T)[0][held]
    _, first, group = np.unique(sums, return_index=True, return_inverse=True)
    group = group.reshape(-1)
    judged, bad = (
        np.bincount(group, counts[held], minlength=len(first)).astype(np.float64)
        for counts in (atoms.judged, atoms.bad)
    )
    return atoms.inside.take(held[first], axis=1), judged, bad


def _with(chosen: Chosen, added: int) -> Chosen:
    return tuple(sorted((*chosen, added)))
