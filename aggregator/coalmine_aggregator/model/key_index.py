"""Numbers for 64-bit keys, given in the order in which keys are first seen. Pure.

A dict alone would do it in seven times the memory: a fleet of 100,000 hosts has 700,000 keys. Here keys
lie in a sorted array, and only the newest ones in a dict, until they are merged into the array.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NEWEST = 16_384
"""Keys that wait in the dict at most; merging them costs a few milliseconds."""

FEW = 64
"""Keys up to which one by one is cheaper than all at once."""

Keys = NDArray[np.int64]
Numbers = NDArray[np.int32]


class KeyIndex:
    """Numbers 0, 1, 2... for keys; a key keeps its number."""

    def __init__(self) -> None:
        self._keys: Keys = np.zeros(0, dtype=np.int64)
        self._numbers: Numbers = np.zeros(0, dtype=np.int32)
        self._newest: dict[int, int] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def find(self, keys: Keys) -> Numbers:
        """The number of each key, -1 where it has none."""
        if len(keys) > FEW:
            self._merge()
        found = np.full(len(keys), -1, dtype=np.int32)
        if len(self._keys):
            place = self._keys.searchsorted(keys)
            place[place == len(self._keys)] = 0
            hit = self._keys[place] == keys
            found[hit] = self._numbers[place[hit]]
        if self._newest:
            for i, key in enumerate(keys.tolist()):
                found[i] = self._newest.get(key, found[i])
        return found

    def number(self, keys: Keys) -> tuple[Numbers, NDArray[np.intp]]:
        """The number of each key, and for each number given just now where its key first stands.

        New numbers follow the order of the keys' first places.
        """
        numbers = self.find(keys)
        missing = np.flatnonzero(numbers < 0)
        if not len(missing):
            return numbers, missing
        if len(keys) <= FEW:
            first = self._append_few(keys, numbers, missing)
        else:
            first = self._append_many(keys, numbers, missing)
        return numbers, first

    def _append_few(self, keys: Keys, numbers: Numbers, missing: NDArray[np.intp]) -> NDArray[np.intp]:
        first = []
        for i in missing.tolist():
            number = self._newest.setdefault(int(keys[i]), self._count)
            if number == self._count:
                self._count += 1
                first.append(i)
            numbers[i] = number
        if len(self._newest) > NEWEST:
            self._merge()
        return np.array(first, dtype=np.intp)

    def _append_many(self, keys: Keys, numbers: Numbers, missing: NDArray[np.intp]) -> NDArray[np.intp]:
        new, first, inverse = np.unique(keys[missing], return_index=True, return_inverse=True)
        order = np.argsort(first)
        given = np.empty(len(new), dtype=np.int32)
        given[order] = np.arange(self._count, self._count + len(new), dtype=np.int32)
        numbers[missing] = given[inverse.reshape(-1)]
        self._insert(new, given)
        self._count += len(new)
        return missing[first[order]]

    def _merge(self) -> None:
        if self._newest:
            keys = np.fromiter(self._newest.keys(), np.int64, len(self._newest))
            numbers = np.fromiter(self._newest.values(), np.int32, len(self._newest))
            order = np.argsort(keys)
            self._insert(keys[order], numbers[order])
            self._newest.clear()

    def _insert(self, keys: Keys, numbers: Numbers) -> None:
        place = self._keys.searchsorted(keys)
        self._keys = np.insert(self._keys, place, keys)
        self._numbers = np.insert(self._numbers, place, numbers)
