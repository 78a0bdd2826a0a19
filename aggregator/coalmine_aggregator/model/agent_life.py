"""A change in an agent's life, as the aggregator sees it. Pure."""

from __future__ import annotations

from typing import NamedTuple

from coalmine_aggregator.model.views import AgentStatus


class AgentLife(NamedTuple):
    """From `at` (seconds since the epoch) on, until its next change. `note` says why, where there is
    something to say."""

    agent: str
    at: float
    status: AgentStatus
    note: str = ""
