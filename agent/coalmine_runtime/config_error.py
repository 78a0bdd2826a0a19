"""What is wrong with a configuration file: one line a problem, each with its place."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import NamedTuple


class Problem(NamedTuple):
    """One thing wrong: in which file and line (from 1; 0 for the file as a whole), at which key."""

    file: str
    line: int
    key: str
    what: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.key}: {self.what}" if self.key else f"{place}: {self.what}"


class ConfigError(Exception):
    """A configuration that cannot be used. `str()` gives a line for every problem found."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))

    @classmethod
    def of(cls, file: object, key: str, what: str) -> ConfigError:
        """One problem that has no line of its own."""
        return cls([Problem(str(file), 0, key, what)])


class SettingError(ValueError):
    """Raised by a settings class about one of its keys; the loader adds file and line."""

    def __init__(self, key: str, what: str) -> None:
        super().__init__(what)
        self.key = key


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean "x"?` for the known word closest to `word`, or all known ones if few are."""
    known = sorted(known)
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if close:
        return f'; did you mean "{close[0]}"?'
    return f" (known: {', '.join(known)})" if 0 < len(known) <= 16 else ""
