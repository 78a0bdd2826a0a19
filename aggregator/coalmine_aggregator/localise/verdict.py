"""What the localiser says. Pure."""

from __future__ import annotations

from typing import NamedTuple

from coalmine_aggregator.model.scopes import Scope


class CauseScope(NamedTuple):
    """One cause of a loss: everything within `scope` loses a share `loss` of what would else arrive.

    `equivalents` are other names of the same cells, as far as cells were judged. `judged` and `bad` are
    all datapoints within the scope, also those that other causes took. `gain` is the log likelihood
    that would be lost without this cause, the others refitted, less its penalty.
    """

    scope: Scope
    equivalents: tuple[Scope, ...]
    judged: int
    bad: int
    loss: float
    gain: float


class Candidate(NamedTuple):
    """A set of scopes that was weighed, and its score (see `Verdict.score`)."""

    scopes: tuple[Scope, ...]
    score: float


class Verdict(NamedTuple):
    """The best explanation of some counts.

    `causes` are ordered by gain, descending; there may be none. `score` is the log likelihood gained
    over no cause at all, less the penalties: 0 where there is no cause. `named_score` is the score of
    the scopes that were asked about, None where none were. `candidates` are the runners-up, best
    first.
    """

    causes: tuple[CauseScope, ...] = ()
    score: float = 0.0
    named_score: float | None = None
    candidates: tuple[Candidate, ...] = ()
