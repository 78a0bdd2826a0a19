"""A picture of an incident's graphs, kept with it. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class SnapshotName(StrEnum):
    """Which: as it was soon after the opening, or the whole course."""

    OPENED = "opened"
    RESOLVED = "resolved"


class Snapshot(NamedTuple):
    """`body` is an SVG document, UTF-8, made `at` (seconds since the epoch)."""

    incident: int
    name: SnapshotName
    at: float
    body: bytes
