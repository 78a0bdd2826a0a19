"""How likely counts are under a set of causes: the noisy-or model and its fit. Pure.

A datapoint arrives if neither the base takes it nor a cause that covers it: with shares q_j lost to
causes, p = 1 - (1 - base) * prod(1 - q_j). In strengths, x_j = -ln(1 - q_j) >= 0, the log likelihood is
concave, so that Newton's method finds its one maximum. Cells that are covered by the same causes form
a class; of m causes there are 2**m, and bit j of a class's number says that cause j covers it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STRONGEST = 30.0
"""The strength of a total loss: one datapoint in 10**13 gets through."""

_WEAKEST = 1e-12
_WEAK = 1e-3  # where the climb begins at least, and what it counts as a change is a part of
_STEPS = 30
_CLOSE = 1e-3  # relative; what the last step changes of the likelihood is far below 0.01
_STRIDE = 8.0  # a step changes a strength by this factor at most: far away, Newton's may be wild


class Base(NamedTuple):
    """The loss that is taken for granted outside of all causes.

    It is estimated from what no cause covers, but within [`least`, `most`].
    """

    least: float
    most: float


def base_of(acceptable: float) -> Base:
    """The base for an acceptable loss, a fraction in [0, 1).

    A little more than acceptable may be steady noise; more than that is a cause of its own. Less is not
    believed, since quiet minutes say little of the next one.
    """
    least = min(max(acceptable, 1e-6), 0.999)
    return Base(least, min(2.0 * least, least + 0.001, 0.9995))


class Fit(NamedTuple):
    """Of several sets of causes: strengths, (sets, causes), and log likelihoods, (sets,)."""

    strengths: Floats
    likelihoods: Floats


def likelihood(judged: Floats, bad: Floats, loss: Floats) -> Floats:
    """The log likelihood of counts, each for itself, under losses in (0, 1)."""
    return bad * np.log(loss) + (judged - bad) * np.log1p(-loss)


def bound(judged: Floats, bad: Floats, least: float) -> Floats:
    """The log likelihood of counts at their own losses: no causes can explain them better."""
    loss = np.clip(bad / np.maximum(judged, 1e-9), least, 1.0 - 1e-13)
    return likelihood(judged, bad, loss)


def base_loss(judged: Floats, bad: Floats, base: Base) -> Floats:
    """The base, estimated from what no cause covers."""
    return np.clip(bad / np.maximum(judged, 1e-9), base.least, base.most)


def fit(judged: Floats, bad: Floats, base: Base) -> Fit:
    """Fits sets of m causes to their classes' counts, both of shape (sets, 2**m)."""
    sets, classes = judged.shape
    causes = classes.bit_length() - 1
    loss = base_loss(judged[:, 0], bad[:, 0], base)
    if not causes:
        return Fit(np.zeros((sets, 0)), likelihood(judged, bad, loss[:, None]).sum(axis=1))
    floor = -np.log1p(-loss)[:, None]
    own = -np.log1p(-np.clip(bad / np.maximum(judged, 1e-9), 0.0, 1.0 - 1e-13)) - floor
    own = np.clip(own, _WEAKEST, STRONGEST)
    strengths = own[:, 1:] if causes == 1 else _climb(judged, bad, floor, own, _members(causes))
    total = floor + strengths @ _members(causes).T
    return Fit(strengths, (bad * _log_loss(total) - (judged - bad) * total).sum(axis=1))


def _climb(judged: Floats, bad: Floats, floor: Floats, own: Floats, members: Floats) -> Floats:
    """Newton's method, given the strengths that each class shows, for two causes and more."""
    causes = members.shape[1]
    pairs = (members[:, :, None] * members[:, None, :]).reshape(len(members), -1)
    # A cause begins with the least that any of its classes shows: from below, Newton's method does not
    # overshoot, from above it may leave the range.
    shown = np.where(judged > 0, own, STRONGEST)
    shows = [shown[:, members[:, cause] > 0].min(axis=1) for cause in range(causes)]
    strengths = np.maximum(np.stack(shows, axis=1), _WEAK)
    best, reached = strengths, np.full(len(judged), -np.inf)
    scale = one = np.ones((len(judged), 1))
    for _ in range(_STEPS):
        total = floor + strengths @ members.T
        height = (bad * _log_loss(total) - (judged - bad) * total).sum(axis=1)
        better = height >= reached
        if better.all():
            best, reached, scale = strengths, height, one
        else:
            scale = np.where(better[:, None], 1.0, scale * 0.25)  # a step too far
            best = np.where(better[:, None], strengths, best)
            reached = np.maximum(height, reached)
            total = floor + best @ members.T
        odds = 1.0 / np.expm1(total)
        slope = (bad * odds - (judged - bad)) @ members
        curve = ((bad * odds * (1.0 + odds)) @ pairs).reshape(-1, causes, causes)
        # What would leave the range goes to its end, and the others as is best beside that.
        free = np.where(slope < 0.0, best > 2.0 * _WEAKEST, best < STRONGEST)
        step = _newton(slope, curve, free)
        leaves = np.zeros_like(free)
        for _ in range(causes):
            out = free & (best + step <= 0.0)
            if not out.any():
                break
            soonest = np.where(out, best / np.maximum(-step, 1e-300), np.inf)
            leaves |= out & (soonest == soonest.min(axis=1, keepdims=True))
            free &= ~leaves
            gone = np.where(leaves, -best, 0.0)
            step = gone + _newton(slope - (curve @ gone[:, :, None])[:, :, 0], curve, free)
        if (np.abs(np.clip(step, -best, STRONGEST - best)) <= _CLOSE * np.maximum(best, _WEAK)).all():
            break
        lowest = np.where(leaves & (scale == 1.0), _WEAKEST, best / _STRIDE)
        if scale is not one:  # where two shorter steps failed: along each strength for itself
            alone = slope / (causes * (np.einsum("sjj->sj", curve) + 1e-9))
            step = np.where(scale > 0.1, scale * step, 16.0 * scale * alone)
        strengths = np.clip(best + step, lowest, np.maximum(best, _WEAK) * _STRIDE)
        strengths = np.clip(strengths, _WEAKEST, STRONGEST)
    return np.asarray(best)


def _newton(slope: Floats, curve: Floats, free: NDArray[np.bool_]) -> Floats:
    """Newton's step of the free strengths, the others fixed: 0."""
    matrix = curve * (free[:, :, None] & free[:, None, :])
    damp = np.where(free, 1e-9 * (1.0 + np.einsum("sjj->sj", curve)), 1.0)
    matrix += damp[:, :, None] * np.eye(slope.shape[1])
    return np.asarray(np.linalg.solve(matrix, (slope * free)[:, :, None])[:, :, 0])


def _log_loss(total: Floats) -> Floats:
    """ln(1 - exp(-total)), total > 0."""
    return np.log(-np.expm1(-total))


_MEMBERS: dict[int, Floats] = {}


def _members(causes: int) -> Floats:
    """(2**causes, causes): whether a class is covered by a cause."""
    known = _MEMBERS.get(causes)
    if known is None:
        numbers = np.arange(1 << causes)
        known = (numbers[:, None] >> np.arange(causes) & 1).astype(np.float64)
        _MEMBERS[causes] = known
    return known
