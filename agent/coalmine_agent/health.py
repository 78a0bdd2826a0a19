"""Whether this agent does its work, in words for `/health` and in numbers for `/metrics`. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from coalmine_agent.exposition import Exposition

STALE_S = 5.0
"""Without a slot that went out for so long, the agent is not healthy; a start has that time, too."""


class Health(msgspec.Struct, kw_only=True):
    """The body of `/health`. `status` is `ok`, or `failing` where no datapoints go out."""

    status: str
    agent: str
    version: str
    revision: int
    endpoints: int
    uptime_s: float
    last_slot: int | None
    slots_missed: int
    broker_connected: bool
    spooled_reports: int
    reload_error: str


@dataclass(slots=True)
class Reloads:
    """What became of the configuration since the start. `error` is empty after a good reload."""

    done: int = 0
    refused: int = 0
    error: str = ""

    def expose(self, out: Exposition) -> None:
        """Adds the families to an exposition."""
        out.counter(
            "coalmine_agent_reloads_total",
            "Reloads of the configuration, by result.",
            ({"result": "done"}, self.done),
            ({"result": "refused"}, self.refused),
        )
        out.gauge(
            "coalmine_agent_config_refused",
            "1 while the file on disk is not the running configuration, because it has errors.",
            ({}, bool(self.error)),
        )
