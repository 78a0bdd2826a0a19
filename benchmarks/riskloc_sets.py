"""The synthetic data of a paper on localising root causes, S and L, as far as counts can tell it.

After "RiskLoc: Localization of Multi-dimensional Root Causes by Weighted Risk" (Kalander, arXiv
2205.10004) and the description beside the author's code. Each instance is a cube of leaves with a real
value and a forecast, Weibull distributed, some of them 0, the forecasts off by a normal relative error.
Anomalies are sets of elements (labels with values), of which all leaves shrink by about one fraction.

The localiser reads counts, not forecasts. A leaf's larger side becomes what was judged, and by how much
the other one falls short, what was bad: in the direction in which the totals differ, as the anomalies
go. So half of the forecast's error is loss of healthy leaves, by some percent and far from binomial:
the acceptable loss and the dispersion are taken from its measured size.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.model.lattice import Lattice
from coalmine_aggregator.model.scopes import PREFERENCE, Scope

Floats = NDArray[np.float64]
Element = tuple[int, ...]
"""One value a dimension, -1 for any."""


class Kind(NamedTuple):
    """What an instance is drawn from; ranges are inclusive."""

    sizes: tuple[int, ...]
    noise: tuple[float, float]
    severity: tuple[float, float]
    deviation: tuple[float, float]
    anomalies: tuple[int, int]
    elements: tuple[int, int]
    leaves_only: bool


S = Kind((10, 12, 10, 8, 5), (0.0, 0.25), (0.2, 1.0), (0.0, 0.1), (1, 3), (1, 3), False)
L = Kind((10, 24, 10, 15), (0.0, 0.1), (0.5, 1.0), (0.0, 0.0), (1, 5), (1, 1), True)


class Instance(NamedTuple):
    """Counts by leaf, int32, the truth, and what the forecast's error looks like in counts."""

    judged: NDArray[np.int32]
    bad: NDArray[np.int32]
    scopes: tuple[Scope, ...]
    acceptable: float
    rho: float


def lattice(kind: Kind) -> Lattice:
    """One cell a leaf; the dimensions take the places of the first labels."""
    made = Lattice()
    rest = ("",) * (len(PREFERENCE) - len(kind.sizes))
    made.add([(*_values(leaf), *rest) for leaf in itertools.product(*map(range, kind.sizes))])
    return made


def instance(rng: np.random.Generator, kind: Kind) -> Instance:
    """One draw."""
    leaves = np.array(list(itertools.product(*map(range, kind.sizes))))
    noise = rng.uniform(*kind.noise)
    real = 100.0 * rng.weibull(rng.uniform(0.5, 1.0), len(leaves))
    real[rng.random(len(leaves)) < rng.uniform(0.0, 0.25)] = 0.0
    off = np.maximum(real * (1.0 + rng.normal(0.0, noise, len(leaves))), 0.0)
    swap = rng.random(len(leaves)) < 0.5
    forecast, real = np.where(swap, real, off), np.where(swap, off, real)
    shrinks = real if real.sum() <= forecast.sum() else forecast
    keeps = forecast if shrinks is real else real
    truth: list[Element] = []
    used: list[tuple[tuple[int, ...], set[Element]]] = []
    for _ in range(int(rng.integers(*kind.anomalies, endpoint=True))):
        severity, deviation = rng.uniform(*kind.severity) + noise, rng.uniform(*kind.deviation)
        found = _elements(rng, kind, used, leaves, keeps)
        inside = np.any([_inside(leaves, element) for element in found], axis=0)
        cut = 1.0 - rng.normal(severity, deviation, int(inside.sum()))
        shrinks[inside] = keeps[inside] * np.maximum(cut, 0.0)
        truth += found
    return _counts(keeps, shrinks, tuple(_scope(element) for element in truth))


def _elements(
    rng: np.random.Generator,
    kind: Kind,
    used: list[tuple[tuple[int, ...], set[Element]]],
    leaves: NDArray[np.int64],
    keeps: Floats,
) -> list[Element]:
    """The elements of one anomaly: in dimensions and with values that no earlier one has."""
    depth = len(kind.sizes)
    layer = depth if kind.leaves_only else int(rng.integers(1, depth, endpoint=True))
    count = int(rng.integers(*kind.elements, endpoint=True))
    while True:
        named = tuple(sorted(rng.choice(depth, size=layer, replace=False).tolist()))
        if layer < depth and named in [dimensions for dimensions, _ in used]:
            continue
        columns: list[list[int]] = []
        for dimension in named:
            taken = {element[dimension] for _, elements in used for element in elements}
            free = [value for value in range(kind.sizes[dimension]) if value not in taken]
            columns.append(rng.choice(free, size=count).tolist() if free else [])
        drawn = {
            tuple(dict(zip(named, values, strict=True)).get(i, -1) for i in range(depth))
            for values in zip(*columns, strict=False)
        }
        # What has no traffic cannot be found.
        if len(drawn) == count and all(keeps[_inside(leaves, e)].sum() > 0 for e in drawn):
            used.append((named, drawn))
            return sorted(drawn)


def _inside(leaves: NDArray[np.int64], element: Element) -> NDArray[np.bool_]:
    wanted = np.array(element)
    return np.asarray(((leaves == wanted) | (wanted < 0)).all(axis=1))


def _counts(keeps: Floats, shrinks: Floats, scopes: tuple[Scope, ...]) -> Instance:
    down = shrinks.sum() <= keeps.sum()
    larger, smaller = (keeps, shrinks) if down else (shrinks, keeps)
    judged = np.rint(larger).astype(np.int32)
    bad = np.clip(np.rint(larger - smaller), 0, judged).astype(np.int32)
    some = larger > 0
    error = 1.4826 * float(np.median(np.abs(1.0 - smaller[some] / larger[some])))
    # A normal error of this size, cut at 0: its mean is 0.4 of it, its variance 0.34 of its square.
    acceptable = min(max(0.4 * error, 0.001), 0.5)
    return Instance(judged, bad, scopes, acceptable, min(0.34 * error * error / acceptable, 0.9))


def _values(leaf: tuple[int, ...]) -> tuple[str, ...]:
    return tuple(f"{'abcde'[i]}{value}" for i, value in enumerate(leaf))


def _scope(element: Element) -> Scope:
    return tuple(
        (PREFERENCE[i], f"{'abcde'[i]}{value}") for i, value in enumerate(element) if value >= 0
    )
