"""An incident as customers may see it. Pure."""

from __future__ import annotations

from typing import NamedTuple

from coalmine_aggregator.model.incident import Entry, Incident


class Recorded(NamedTuple):
    """An incident with all of its timeline, in order. Hand in the very same object as long as neither
    changes: what was made of it is kept by that."""

    incident: Incident
    entries: tuple[Entry, ...]
