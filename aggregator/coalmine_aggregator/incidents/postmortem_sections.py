"""The sections of a post-mortem's document, by their headings. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Section(StrEnum):
    """In their order."""

    PEOPLE = "People"
    SUMMARY = "Summary"
    IMPACT = "Impact"
    TIMELINE = "Timeline"
    CAUSE = "What caused it"
    AFFECTED = "Who was affected"
    RESOLUTION = "How it was resolved"
    FACTORS = "Contributing factors"
    ACTIONS = "Action items"
    SNAPSHOTS = "Snapshots"


MADE: Final = frozenset({Section.IMPACT, Section.TIMELINE, Section.SNAPSHOTS})
"""Made anew each time, and not read."""

EMPTY: Final[Mapping[Section, str]] = MappingProxyType(
    {
        Section.PEOPLE: "<!-- One a line: - name: what for -->",
        Section.SUMMARY: "<!-- What happened, for those who were not there. -->",
        Section.CAUSE: "<!-- Customers read this. -->",
        Section.AFFECTED: "<!-- Customers read this. -->",
        Section.RESOLUTION: "<!-- Customers read this. -->",
        Section.FACTORS: "<!-- One a line: - what made it likely, long or large -->",
        Section.ACTIONS: "<!-- One a line: | no | what is to be done | who | YYYY-MM-DD | -->",
    }
)
"""What stands where nobody wrote anything. A line that is such a remark is never read."""
