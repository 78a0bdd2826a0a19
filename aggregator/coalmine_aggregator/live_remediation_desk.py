"""What people look at and do of remediation, of the one that runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from coalmine_aggregator.actuate.output import Standing
from coalmine_aggregator.actuate.stop_file import Stop
from coalmine_aggregator.engine import Engine
from coalmine_aggregator.live_remediation import LiveRemediation
from coalmine_aggregator.model.pin import Pin, PinState
from coalmine_aggregator.model.remediation_log import LoggedEvent
from coalmine_aggregator.model.remediation_policy import RemediationPolicy
from coalmine_aggregator.model.withdrawal import Wanted
from coalmine_aggregator.remediate.remediator import Watched
from coalmine_aggregator.store.store import Store


class LiveRemediationDesk:
    """See `web.remediation_desk.RemediationDesk`. The log is read from the store."""

    def __init__(
        self,
        remediation: LiveRemediation,
        engine: Engine,
        store: Store,
        rules: Mapping[str, RemediationPolicy],
        peer: str,
    ) -> None:
        self.rules = rules
        self.peer = peer
        self._remediation = remediation
        self._engine = engine
        self._store = store

    @property
    def holds(self) -> bool:
        """Whether this aggregator acts."""
        return self._remediation.holds

    @property
    def stopped(self) -> Stop | None:
        """Who stopped all of it."""
        return self._remediation.stopped

    @property
    def unwritten(self) -> str:
        """Why a restart would forget that."""
        return self._remediation.unwritten

    @property
    def wanted(self) -> Mapping[str, Wanted]:
        """The newest decisions."""
        return self._remediation.wanted

    @property
    def pins(self) -> Sequence[Pin]:
        """Those that stand."""
        return self._remediation.pins

    def watched(self) -> Mapping[str, Watched]:
        """How the nodes look."""
        return self._engine.watched()

    def standings(self) -> Sequence[Standing]:
        """How each output stands."""
        return self._remediation.standings()

    async def log(self, *, before: int, limit: int, service: str, node: str) -> list[LoggedEvent]:
        """What was done."""
        return await self._store.remediation(before=before, limit=limit, service=service, node=node)

    async def stop(self, by: str, why: str, now: float) -> None:
        """Pulls the big switch."""
        await self._remediation.stop(by, why, now)

    async def resume(self, by: str, now: float) -> None:
        """Puts it back."""
        await self._remediation.resume(by, now)

    async def pin(
        self, service: str, node: str, state: PinState, by: str, why: str, now: float
    ) -> None:
        """Keeps a node in or out."""
        await self._remediation.pin(service, node, state, by, why, now)

    async def release(self, service: str, node: str, by: str, now: float) -> None:
        """Decides on a node again."""
        await self._remediation.release(service, node, by, now)
