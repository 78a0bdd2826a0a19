"""From counts by cell to the scopes of a loss. Pure.

Counts are summed by pattern; the patterns that could explain something form a pool; cells that the pool
does not tell apart form atoms; on these, sets of up to four patterns are searched. Where the pool could
not hold all, patterns with a loss that the best set leaves unexplained are added, and the search is
repeated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.localise.atoms import atoms_of
from coalmine_aggregator.localise.equivalents import MOST, names_of
from coalmine_aggregator.localise.likelihood import Base, Floats, base_of, fit
from coalmine_aggregator.localise.pool import SIZE, Counts, Patterns, Twins, promising
from coalmine_aggregator.localise.refill import Refill
from coalmine_aggregator.localise.search import Chosen, Search
from coalmine_aggregator.localise.verdict import Candidate, CauseScope, Verdict
from coalmine_aggregator.model.lattice import Lattice
from coalmine_aggregator.model.pattern_table import BY_CELL
from coalmine_aggregator.model.scopes import Scope

CAUTION = 3.0
"""What each cause has to bring beyond ln(patterns).

The best of K patterns gains ln(K) by chance in 8 of 100 healthy fleets; with this, in 4 of 1,000.
"""

CANDIDATES = 10
"""Runners-up that are told."""

MOST_NAMED = 8
"""Scopes whose joint score may be asked for."""

_ROUNDS = 3  # searches on pools that are refilled in between
_NAMES = 256  # names of patterns that are remembered


class Localiser:
    """Localises losses among the cells of a lattice, which may grow in between.

    What stays the same from call to call is kept: which patterns are twins, and the names of patterns,
    both as long as the same cells are judged.
    """

    def __init__(self, lattice: Lattice) -> None:
        self._lattice = lattice
        self._is_judged: NDArray[np.bool_] = np.zeros(0, dtype=np.bool_)
        self._twins = Twins(lattice)
        self._names: dict[int, tuple[Scope, ...]] = {}

    def localise(
        self,
        judged: NDArray[np.integer[Any]],
        bad: NDArray[np.integer[Any]],
        p0: float,
        *,
        among: int | None = None,
        limit: int = 4,
        named: Sequence[Scope] = (),
        rho: float = 0.0,
    ) -> Verdict:
        """The scopes that explain the bad ones of the judged datapoints, both shape (cells,).

        `p0` is the acceptable loss, `among` the number of patterns that the penalty is for (all of the
        lattice's unless it is given), `limit` how many causes there are at most, `named` the scopes
        whose score is asked for. With `rho` above 0 losses within a cell are correlated as in a
        beta-binomial of that dispersion, and each cell counts for less. Raises ValueError for counts
        that do not fit the lattice or each other, KeyError for a label that no scope may name.
        """
        lattice = self._lattice
        if judged.shape != (lattice.cells,) or bad.shape != judged.shape:
            raise ValueError(f"counts for {judged.shape} and {bad.shape} of {lattice.cells} cells")
        if lattice.cells and (bad.min() < 0 or (bad > judged).any()):
            raise ValueError("bad datapoints must lie between 0 and the judged ones")
        if len(named) > MOST_NAMED:
            raise ValueError(f"the score of {len(named)} scopes, more than {MOST_NAMED}")
        if not bad.any():
            return Verdict(named_score=-self._penalty(among) * len(named) if named else None)
        self._follow(judged > 0)
        counts = Counts(lattice, *_weighted(judged, bad, rho))
        base, penalty = base_of(p0), self._penalty(among)
        pool, complete = promising(counts, self._twins, base, penalty)
        refill = Refill(lattice, counts, self._twins, penalty)
        known = [lattice.pattern_of(scope) for scope in named]
        asked = sorted({number for number in known if number is not None})
        seed: list[int] = asked
        reached = -math.inf
        for turn in range(_ROUNDS):
            pool = np.array(list(dict.fromkeys([*seed, *asked, *pool.tolist()])), dtype=np.int64)
            place = {number: row for row, number in enumerate(pool.tolist())}
            atoms = atoms_of(lattice, pool, counts.judged, counts.bad, counts.by_leaf)
            search = Search(atoms, base, penalty, limit)
            chosen = tuple(sorted(place[number] for number in seed))
            # The first pool of a large lattice is of wide patterns only.
            thorough = turn == 0 or (turn == 1 and counts.large)
            best = search.run([chosen]) if thorough else search.improve(chosen)
            score = search.score(best)
            if complete or turn == _ROUNDS - 1 or score <= reached + 0.01:
                break
            reached = score
            seed = [int(pool[row]) for row in best]
            more = refill.beside(pool, search, best, atoms)
            if not len(more):
                break
            pool = np.concatenate((more, pool[: SIZE - min(len(more), SIZE // 2)]))
        best = search.narrowed(best, np.bitwise_count(lattice.kinds[pool] & ~np.uint8(BY_CELL)))
        causes = self._causes(search, best, pool, counts, (judged, bad))
        named_score = None
        if named:
            rows = tuple(sorted({place[number] for number in known if number is not None}))
            if None in known:
                named_score = self._score_by_cell(named, counts, base) - penalty * len(named)
            else:  # a scope given twice pays twice
                named_score = search.score(rows) - penalty * (len(named) - len(rows))
        return Verdict(causes, search.score(best), named_score, self._candidates(search, best, pool))

    def _causes(
        self,
        search: Search,
        best: Chosen,
        pool: Patterns,
        counts: Counts,
        raw: tuple[NDArray[np.integer[Any]], NDArray[np.integer[Any]]],
    ) -> tuple[CauseScope, ...]:
        score, strengths = search.score(best), search.strengths(best)
        causes = []
        for row, less, strength in zip(best, search.without(best), strengths.tolist(), strict=True):
            inside = self._lattice.members(self._lattice.scope(int(pool[row])))
            names = self._names_of(int(pool[row]), inside)
            judged, bad = (int(by_cell[inside].sum()) for by_cell in raw)
            loss = -math.expm1(-strength)
            causes.append(CauseScope(names[0], names[1 : 1 + MOST], judged, bad, loss, score - less))
        return tuple(sorted(causes, key=lambda cause: -cause.gain))

    def _names_of(self, pattern: int, inside: NDArray[np.bool_]) -> tuple[Scope, ...]:
        names = self._names.get(pattern)
        if names is None:
            names = names_of(self._lattice, inside, self._is_judged)
            names = names or (self._lattice.scope(pattern),)
            if len(self._names) >= _NAMES:
                self._names.clear()
            self._names[pattern] = names
        return names

    def _candidates(self, search: Search, best: Chosen, pool: Patterns) -> tuple[Candidate, ...]:
        ranked = sorted(search.scores.items(), key=lambda item: -item[1])
        others = [(chosen, score) for chosen, score in ranked[: CANDIDATES + 1] if chosen != best]
        return tuple(
            Candidate(tuple(self._known_name(int(pool[row])) for row in chosen), score)
            for chosen, score in others[:CANDIDATES]
        )

    def _known_name(self, pattern: int) -> Scope:
        names = self._names.get(pattern)
        return names[0] if names else self._lattice.scope(pattern)

    def _score_by_cell(self, scopes: Sequence[Scope], counts: Counts, base: Base) -> float:
        """The log likelihood that scopes gain over none, for scopes that are no patterns."""
        classes = np.zeros(self._lattice.cells, dtype=np.int64)
        for bit, scope in enumerate(scopes):
            classes |= self._lattice.members(scope).astype(np.int64) << bit
        judged, bad = (
            np.asarray(
                np.bincount(classes, by_cell, minlength=1 << len(scopes))[None, :], dtype=np.float64
            )
            for by_cell in (counts.judged, counts.bad)
        )
        nothing = fit(judged.sum(axis=1, keepdims=True), bad.sum(axis=1, keepdims=True), base)
        return float((fit(judged, bad, base).likelihoods - nothing.likelihoods)[0])

    def _penalty(self, among: int | None) -> float:
        count = self._lattice.patterns if among is None else among
        return math.log(max(count, 1)) + CAUTION

    def _follow(self, is_judged: NDArray[np.bool_]) -> None:
        """Forgets what held for other cells than those that are judged now."""
        if self._twins.follow(is_judged):
            self._is_judged = is_judged
            self._names.clear()


def _weighted(
    judged: NDArray[np.integer[Any]], bad: NDArray[np.integer[Any]], rho: float
) -> tuple[Floats, Floats]:
    """Counts by cell, each for less the more correlated losses are."""
    if rho <= 0.0:
        return judged.astype(np.float64), bad.astype(np.float64)
    most = int(judged.max())
    if most >= len(judged):
        weight = 1.0 / (1.0 + np.maximum(judged - 1, 0) * rho)
        return judged * weight, bad * weight
    number = np.arange(most + 1)  # few numbers, which most cells share
    weight = 1.0 / (1.0 + np.maximum(number - 1, 0) * rho)
    return (number * weight)[judged], bad * weight[judged]
