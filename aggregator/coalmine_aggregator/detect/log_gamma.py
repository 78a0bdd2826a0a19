"""The logarithm of the gamma function over arrays, which numpy does not have. Pure."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

_SHIFT: Final = 8
_HALF_LOG_TWO_PI: Final = 0.5 * math.log(2.0 * math.pi)

_STIRLING: Final = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360_360, 1 / 156)
"""B(2j) / (2j (2j - 1)) for j = 1, 2, ...: the terms of Stirling's series in 1/x, 1/x^3, ..."""


def log_gamma(x: ArrayLike) -> NDArray[np.float64]:
    """ln gamma(x) for x > 0, any shape.

    Stirling's series at x + 8, brought back by gamma(x + 1) = x gamma(x), where x < 8. The error
    is below 1e-13 times max(1, the value): around 1 and 2, where the value is 0, it is an absolute one.
    """
    given = np.asarray(x, dtype=np.float64)
    small = given < _SHIFT
    at = np.where(small, given + _SHIFT, given)
    inverse = 1.0 / at
    square = inverse * inverse
    series = np.full_like(at, _STIRLING[-1])
    for term in reversed(_STIRLING[:-1]):
        series = series * square + term
    result = (at - 0.5) * np.log(at) - at + _HALF_LOG_TWO_PI + series * inverse
    if small.any():
        low = np.where(small, given, 1.0)
        product = low
        for step in range(1, _SHIFT):
            product = product * (low + step)
        result = np.where(small, result - np.log(product), result)
    return np.asarray(result, dtype=np.float64)
