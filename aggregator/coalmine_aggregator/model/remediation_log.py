"""The log of remediation as it is read. Pure."""

from __future__ import annotations

from typing import NamedTuple

from coalmine_aggregator.model.remediation_event import RemediationEvent


class LoggedEvent(NamedTuple):
    """An event under its number; numbers grow with time."""

    number: int
    event: RemediationEvent
