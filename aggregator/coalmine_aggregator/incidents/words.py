"""How states and entries are called where people read them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from coalmine_aggregator.model.incident import EntryKind

KIND_WORDS: Final[Mapping[EntryKind, str]] = MappingProxyType(
    {
        EntryKind.OPENED: "Opened",
        EntryKind.ALERT_OPENED: "Another alert",
        EntryKind.SCOPE_CHANGED: "Scope changed",
        EntryKind.ACKNOWLEDGED: "Acknowledged",
        EntryKind.ALERT_CLOSED: "Alert closed",
        EntryKind.WITHDRAWN: "Node withdrawn",
        EntryKind.RETURNED: "Node returned",
        EntryKind.STATE: "State",
        EntryKind.UPDATE: "Update",
        EntryKind.NOTE: "Note",
        EntryKind.TITLED: "Titled",
        EntryKind.PUBLISHED: "Published",
        EntryKind.WITHHELD: "Withheld",
        EntryKind.MERGED: "Merged",
        EntryKind.REOPENED: "Reopened",
        EntryKind.POSTMORTEM: "Post-mortem",
    }
)
"""What an entry is about, for the head of its line."""
