"""The seam at which people look at remediation and overrule it. Pure.

What changes something returns once it is on disk. Times are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from coalmine_aggregator.actuate.output import Standing
from coalmine_aggregator.actuate.stop_file import Stop
from coalmine_aggregator.model.pin import Pin, PinState
from coalmine_aggregator.model.remediation_log import LoggedEvent
from coalmine_aggregator.model.remediation_policy import RemediationPolicy
from coalmine_aggregator.model.withdrawal import Wanted
from coalmine_aggregator.remediate.remediator import Watched


class RemediationDesk(Protocol):
    """What people look at and do."""

    @property
    def rules(self) -> Mapping[str, RemediationPolicy]:
        """The rules of the services that opted in, by service; at least one did."""

    @property
    def peer(self) -> str:
        """The other aggregator of a pair; empty without one."""

    @property
    def holds(self) -> bool:
        """Whether this aggregator acts; always where it has no other."""

    @property
    def stopped(self) -> Stop | None:
        """Who stopped all of it; None where nobody did."""

    @property
    def unwritten(self) -> str:
        """Why a restart would forget that it was stopped here; empty where it would not."""

    @property
    def wanted(self) -> Mapping[str, Wanted]:
        """The newest decisions, by service, of those that still count."""

    @property
    def pins(self) -> Sequence[Pin]:
        """Those that stand."""

    def watched(self) -> Mapping[str, Watched]:
        """How the nodes look, by service."""

    def standings(self) -> Sequence[Standing]:
        """How each output stands."""

    async def log(self, *, before: int, limit: int, service: str, node: str) -> list[LoggedEvent]:
        """At most `limit` events with numbers below `before`, the newest first; only those of this
        service and this node where these are not empty."""

    async def stop(self, by: str, why: str, now: float) -> None:
        """Nothing is withdrawn any more, and whoever is out comes back. Raises
        `NotWrittenError` where a restart would forget it, `NotKeptError` where only the log of it is
        not kept yet; it is done all the same."""

    async def resume(self, by: str, now: float) -> None:
        """It goes on. Raises OSError where the stop file cannot be removed, `NotKeptError`, and
        ValueError where it was stopped elsewhere."""

    async def pin(
        self, service: str, node: str, state: PinState, by: str, why: str, now: float
    ) -> None:
        """Keeps a node in or out, whatever is seen. Raises ValueError that begins with the field which
        cannot be, `NotKeptError`."""

    async def release(self, service: str, node: str, by: str, now: float) -> None:
        """Decides on a node again. Raises KeyError where it is not pinned, and as `pin`."""
