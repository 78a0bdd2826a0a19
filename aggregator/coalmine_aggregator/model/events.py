"""What a pure part wants logged: it has no log of its own. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Event(NamedTuple):
    """A dotted name and its fields, for the log."""

    name: str
    fields: Mapping[str, str | int | float]
