"""Which series are asked for: by exact labels, or globs with `*` and `?`. Pure.

No label holds either character, so a value with one of them is a glob.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

MAX_GLOB: Final = 255
"""Characters of a value."""

MAX_STARS: Final = 8
"""Stars of one glob."""


class LabelFilter:
    """Takes what carries every label of `where`, exactly or as its glob says."""

    def __init__(self, where: Mapping[str, str]) -> None:
        """Raises ValueError for a glob that is too long or has too many stars."""
        self.where = dict(where)
        self._globs = {label: glob_pattern(value) for label, value in where.items() if is_glob(value)}

    def matches(self, label: str, value: str) -> bool:
        """Whether a value of this label is asked for; of a label that is not named, every one is."""
        wanted = self.where.get(label)
        if wanted is None:
            return True
        glob = self._globs.get(label)
        return value == wanted if glob is None else glob.match(value) is not None

    def takes(self, labels: Iterable[tuple[str, str]]) -> bool:
        """Whether all of these labels match; labels that are not given are not looked at."""
        return all(self.matches(label, value) for label, value in labels)


def is_glob(value: str) -> bool:
    """Whether the value is a glob."""
    return "*" in value or "?" in value


def glob_pattern(glob: str) -> re.Pattern[str]:
    """What a glob, or an exact value, means to `match`. Raises ValueError for one that is too long or
    has too many stars."""
    if len(glob) > MAX_GLOB:
        raise ValueError(f"longer than {MAX_GLOB} characters")
    # A run of stars says no more than one of them, and lazy parts between literals never go back over
    # an earlier star: the first place where a literal fits is as good as any (atomic groups).
    parts = [_literal(part) for part in re.split(r"\*+", glob)]
    if len(parts) - 1 > MAX_STARS:
        raise ValueError(f"more than {MAX_STARS} stars")
    if len(parts) == 1:
        return re.compile(parts[0] + r"\Z", re.DOTALL)
    middle = "".join(f"(?>.*?{part})" for part in parts[1:-1])
    return re.compile(f"{parts[0]}{middle}.*{parts[-1]}\\Z", re.DOTALL)


def _literal(part: str) -> str:
    return "".join("." if character == "?" else re.escape(character) for character in part)
