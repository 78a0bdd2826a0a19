"""Who serves, for Prometheus to scrape: the seam to whoever knows."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from coalmine_aggregator.model.target_group import TargetGroup


class ServiceTargets(Protocol):
    """Answers from memory, at once."""

    @property
    def services(self) -> Collection[str]:
        """Those whose nodes can be asked for."""

    def targets(self, service: str, port: int) -> list[TargetGroup] | None:
        """Every node of one of `services` that gets traffic, at this port; never nobody. None where
        that is not known, or not known any more."""
