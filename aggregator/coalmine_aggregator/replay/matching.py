"""One-to-one matching of two rows by what fits together. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

Fits = Callable[[int, int], bool]

_FREE: Final = -1


class Matching:
    """Pairs of left and right ones, each in one pair at most. `left[i]` is the partner of i, or -1."""

    def __init__(self, left: int, right: int) -> None:
        self.left = [_FREE] * left
        self.right = [_FREE] * right

    def cover_left(self, which: Iterable[int], fits: Fits) -> None:
        """Pairs as many of these as possible; whoever has a partner keeps one, if perhaps another."""
        for one in which:
            if self.left[one] == _FREE:
                self._from_left(one, fits, set())

    def cover_right(self, which: Iterable[int], fits: Fits) -> None:
        """The same for the right."""
        flipped = Matching(0, 0)
        flipped.left, flipped.right = self.right, self.left
        flipped.cover_left(which, lambda one, other: fits(other, one))

    def _from_left(self, one: int, fits: Fits, tried: set[int]) -> bool:
        """Finds a partner for `one`, who may send the partners of others on to find new ones."""
        for other in range(len(self.right)):
            if other in tried or not fits(one, other):
                continue
            tried.add(other)
            holder = self.right[other]
            if holder == _FREE or self._from_left(holder, fits, tried):
                self.left[one], self.right[other] = other, one
                return True
        return False
