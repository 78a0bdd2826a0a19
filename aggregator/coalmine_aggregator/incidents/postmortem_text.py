"""A post-mortem as a document in Markdown, and back. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from coalmine_aggregator.model.incident import Entry, Incident, Postmortem
from coalmine_aggregator.model.incident_snapshot import SnapshotName


def render(incident: Incident, entries: Sequence[Entry], snapshots: Sequence[SnapshotName] = ()) -> str:
    """The whole record. Times are in UTC. `entries` is its timeline, the oldest first."""
    raise NotImplementedError


def parse(text: str) -> Postmortem:
    """What people wrote, out of such a document; the rest is made anew each time.

    Raises ValueError that begins with the line which cannot be, as in `line 12: ...`."""
    raise NotImplementedError
