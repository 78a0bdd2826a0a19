"""Answers who gets traffic from the newest word on it; brings nothing anywhere."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

from coalmine_aggregator.actuate.http_sd.settings import HttpSdSettings
from coalmine_aggregator.actuate.newest import Newest, out_by_service
from coalmine_aggregator.actuate.output import Standing
from coalmine_aggregator.model.target_group import META, TargetGroup
from coalmine_aggregator.model.withdrawal import Wanted
from coalmine_runtime import clock
from coalmine_runtime.quantities import Address


class HttpSdOutput:
    """See `Output`, and `ServiceTargets` of the web part. `services` are those that opted in."""

    name = "http_sd"

    def __init__(self, settings: HttpSdSettings, services: Collection[str]) -> None:
        self.services = frozenset(services)
        self._settings = settings
        self._newest = Newest()
        self._asked_at: float | None = None

    def show(self, wanted: Mapping[str, Wanted]) -> None:
        """See `Output`."""
        self._newest.show(wanted, clock.boottime())

    async def run(self) -> None:
        """See `Output`. There is nothing to do but to be asked."""
        await asyncio.Event().wait()

    async def clear(self) -> None:
        """See `Output`. What was answered cannot be taken back; who asks again is told how it is."""

    def standing(self) -> Standing:
        """See `Output`: who asks is told this."""
        now = clock.boottime()
        return Standing(
            self.name,
            out_by_service(
                {name: word for name in self.services if (word := self._known(name, now)) is not None}
            ),
            self._asked_at,
            "",
        )

    def targets(self, service: str, port: int) -> list[TargetGroup] | None:
        """See `ServiceTargets`."""
        word = self._known(service, clock.boottime())
        if word is None or not word.serving:
            return None
        self._asked_at = clock.wall()
        return [
            TargetGroup(
                [str(Address(self._settings.host(node), port))],
                {f"{META}service": service, f"{META}node": node},
            )
            for node in word.serving
        ]

    def _known(self, service: str, now: float) -> Wanted | None:
        """Our word, while its lease lasts and it is for us to say."""
        return self._newest.alive(service, now) if service in self._newest.ours(now) else None
