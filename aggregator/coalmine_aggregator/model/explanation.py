"""Why an alert was opened or changed: what `alerts explain` shows. Pure."""

from __future__ import annotations

from typing import NamedTuple

from coalmine_aggregator.model.scopes import Scope

SELF_CHECK = "self-check"
"""The fact that says how the aggregator's check of itself stood."""


class Statistic(NamedTuple):
    """One detector's statistic beside its threshold when it decided.

    `alternative` is the bad fraction that it was looking for (None where the detector has none),
    `judged` and `bad` what the newest slots brought.
    """

    name: str
    scope: Scope
    value: float
    threshold: float
    alternative: float | None = None
    judged: int = 0
    bad: int = 0


class ScopeScore(NamedTuple):
    """A set of scopes that could explain the counts, with its penalised log likelihood."""

    scopes: tuple[Scope, ...]
    score: float


class Explanation(NamedTuple):
    """The evidence of one decision.

    The slots from `first_slot` to `last_slot`, both included, were looked at (0 where none were).
    `candidates` are the best scopes, the chosen one first. `facts` are further findings under their
    names, as text.
    """

    first_slot: int = 0
    last_slot: int = 0
    statistics: tuple[Statistic, ...] = ()
    candidates: tuple[ScopeScore, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
