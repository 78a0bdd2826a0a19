"""Numbers for keys.

Invariant: in whatever portions keys come, each gets the number of distinct keys before its first place.
"""

from __future__ import annotations

import numpy as np
import pytest

from coalmine_aggregator.model import key_index as module
from coalmine_aggregator.model.key_index import KeyIndex


@pytest.mark.parametrize("portion", [1, 5, 64, 65, 1000, 5000])
@pytest.mark.parametrize("newest", [0, 30, 16_384])
def test_numbers_follow_first_places(
    portion: int, newest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "NEWEST", newest)
    drawn = np.random.default_rng(portion).integers(0, 2_000, 5_000) << 40
    index, plain = KeyIndex(), dict[int, int]()
    for start in range(0, len(drawn), portion):
        keys = drawn[start : start + portion]
        expected = []
        for place, key in enumerate(keys.tolist()):
            if key not in plain:
                plain[key] = len(plain)
                expected.append(place)
        numbers, first = index.number(keys)
        assert numbers.tolist() == [plain[key] for key in keys.tolist()]
        assert len(index) == len(plain)
        assert first.tolist() == expected
    known = np.array(list(plain), dtype=np.int64)
    assert index.find(known).tolist() == list(plain.values())
    assert index.find(known[:3] + 1).tolist() == [-1, -1, -1]
    assert index.find(known[:0]).tolist() == []
