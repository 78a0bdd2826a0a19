"""The search for the set of patterns that explains counts best. Pure.

Beam search over sets of a growing number of patterns; then backward pruning and swaps. What keeps it
short is a bound: no fit can beat the likelihood of every class at its own loss, so that only sets are
fitted of which that bound, less the penalties, is above the best score so far.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.localise.atoms import Atoms
from coalmine_aggregator.localise.likelihood import Base, Floats, base_loss, bound, fit, likelihood
from coalmine_aggregator.localise.product import combined, product

Chosen = tuple[int, ...]
"""Rows of the pool, ascending."""

SINGLES = 24
"""Single patterns that pairs are built on."""

BEAM = 8
"""Larger sets that further patterns are added to."""

FITTED = 96
"""Sets that are fitted at most at each size."""

PER_PARENT = 12
"""Additions to one set that are fitted at most."""


class Search:
    """One search on some atoms.

    `penalty` is the log likelihood that each pattern of a set has to bring, `limit` how many patterns
    a set has at most. `scores` are those of all sets fitted so far: log likelihood over that of no
    cause at all, less penalties.
    """

    def __init__(self, atoms: Atoms, base: Base, penalty: float, limit: int) -> None:
        held = atoms.judged > 0
        self._inside: Floats = np.ascontiguousarray(atoms.inside[:, held])
        self._judged, self._bad = atoms.judged[held], atoms.bad[held]
        self._base, self._penalty, self._limit = base, penalty, limit
        total = np.array([self._judged.sum()]), np.array([self._bad.sum()])
        self._nothing = float(likelihood(*total, base_loss(*total, base))[0])
        self.scores: dict[Chosen, float] = {(): 0.0}

    @property
    def best(self) -> Chosen:
        """The set with the highest score."""
        return max(self.scores, key=self.scores.__getitem__)

    def run(self, seeds: Iterable[Chosen] = ()) -> Chosen:
        """Searches, also from the sets in `seeds`, and returns the best set."""
        seeds = [seed for seed in seeds if len(seed) <= self._limit]
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
            self._polish()
        return self.best

    def score(self, chosen: Chosen) -> float:
        """The score of one set."""
        known = self.scores.get(chosen)
        if known is None:
            known = self._fitted([chosen])[0]
        return known

    def strengths(self, chosen: Chosen) -> Floats:
        """The strengths of a set's patterns."""
        judged, bad = self._classes(chosen)
        return np.asarray(fit(judged, bad, self._base).strengths[0])

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

    def _grow(self, parents: Sequence[Chosen]) -> list[Chosen]:
        """Adds to sets of one size what may beat the best; returns the fitted children."""
        size = len(parents[0])
        outside, within = self._split(parents)
        bounds = bound(*outside, self._base.least) + bound(*within, self._base.least)
        scores = bounds.sum(axis=1) - self._nothing - self._penalty * (size + 1)
        for row, parent in enumerate(parents):
            scores[row, list(parent)] = -np.inf
        keep = min(PER_PARENT, scores.shape[1])
        top = np.argpartition(-scores, keep - 1, axis=1)[:, :keep]
        rows = np.repeat(np.arange(len(parents)), keep)
        added = top.ravel()
        order = np.argsort(-scores[rows, added], kind="stable")
        floor = self.scores[self.best]
        children: dict[Chosen, tuple[int, int]] = {}
        for i in order.tolist():
            row, pattern = int(rows[i]), int(added[i])
            if scores[row, pattern] <= floor or len(children) == FITTED:
                break
            children.setdefault(tuple(sorted((*parents[row], pattern))), (row, pattern))
        new = {child: at for child, at in children.items() if child not in self.scores}
        if new:
            at = np.array(list(new.values()))
            judged, bad = (
                np.concatenate(
                    (outside[i][at[:, 0], :, at[:, 1]], within[i][at[:, 0], :, at[:, 1]]), axis=1
                )
                for i in (0, 1)
            )
            fitted = (
                fit(judged, bad, self._base).likelihoods - self._nothing - self._penalty * (size + 1)
            )
            self.scores.update(zip(new, fitted.tolist(), strict=True))
        return list(children)

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

    def _fitted(self, sets: Sequence[Chosen]) -> list[float]:
        """Fits sets of one size."""
        counts = [self._classes(chosen) for chosen in sets]
        judged = np.concatenate([c[0] for c in counts])
        bad = np.concatenate([c[1] for c in counts])
        penalties = self._penalty * len(sets[0])
        scores = (fit(judged, bad, self._base).likelihoods - self._nothing - penalties).tolist()
        self.scores.update(zip(sets, scores, strict=True))
        return list(scores)

    def without(self, chosen: Chosen) -> list[float]:
        """The scores of a set less each of its patterns, in order."""
        less = [tuple(c for c in chosen if c != left) for left in chosen]
        return [self.score(rest) for rest in less]

    def _polish(self) -> None:
        """Leaves patterns out and swaps them for others as long as that helps."""
        for _ in range(2 * self._limit):
            best = self.best
            if not best:
                break
            self.without(best)
            if len(best) > 1:
                self._grow([tuple(c for c in best if c != left) for left in best])
            if self.best == best:
                break
