"""What was made before, kept for as long as it is needed. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

Made = TypeVar("Made")


class Memo:
    """Takes what was made of the same inputs from the memo before, else makes it.

    It holds what it was asked for and nothing else, so it is never larger than the site.
    """

    def __init__(self, before: Memo | None = None) -> None:
        self._before = {} if before is None else before._made
        self._made: dict[Hashable, tuple[Any, Any]] = {}

    def of(self, key: Hashable, inputs: object, make: Callable[[], Made]) -> Made:
        """What `make` makes of `inputs`, which are all that it depends on."""
        kept = self._before.get(key)
        if kept is None or kept[0] != inputs:
            kept = (inputs, make())
        self._made[key] = kept
        return cast("Made", kept[1])

    def nested(self, key: Hashable, inputs: object, make: Callable[[Memo], Made]) -> Made:
        """The same of what is made of many parts: `make` gets a memo of theirs, which is kept whole
        while `inputs` are the same."""
        kept = self._before.get(key)
        if kept is None or kept[0] != inputs:
            parts = Memo(None if kept is None else kept[1][1])
            kept = (inputs, (make(parts), parts.close()))
        self._made[key] = kept
        return cast("Made", kept[1][0])

    def close(self) -> Memo:
        """Lets go of the memo before."""
        self._before = {}
        return self
