"""Products are those of numpy, whatever the shapes and however they are cut into blocks."""

from __future__ import annotations

import numpy as np
import pytest

from coalmine_aggregator.localise.product import combined, product


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 7), (48, 96, 700), (1, 200, 3000), (9, 1, 50_000)])
def test_product(shape: tuple[int, int, int]) -> None:
    rows, columns, depth = shape
    rng = np.random.default_rng(rows)
    left, right = rng.random((rows, depth)), rng.random((columns, depth))
    assert product(left, right) == pytest.approx(np.einsum("ik,jk->ij", left, right))


def test_combined() -> None:
    rows = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
    assert combined(rows, np.array([1.0, 2.0])).tolist() == [1.0, 2.0, 3.0]
    assert combined(rows[:0], np.array([])).tolist() == [0.0, 0.0, 0.0]
