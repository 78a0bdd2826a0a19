"""Answers the agent-checks of HAProxy for all nodes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping

from coalmine_aggregator.actuate.haproxy.answer import answer, split_name
from coalmine_aggregator.actuate.haproxy.settings import HAProxySettings
from coalmine_aggregator.actuate.newest import Newest
from coalmine_aggregator.actuate.output import Standing
from coalmine_aggregator.model.withdrawal import Wanted
from coalmine_runtime import clock
from coalmine_runtime.agent_check_server import AgentCheckServer
from coalmine_runtime.logs import get_logger

RETRY_S = 2.0

SILENT_S = 30.0
"""Where nobody has asked for so long, HAProxy goes by what it was told before."""

CLEAR_S = 6.0
"""How long `clear` answers in the place of an aggregator that does not run."""

_log = get_logger("actuate")


class HAProxyOutput:
    """Where another aggregator decides now, what was decided here is answered to the end of its lease;
    after that, as always without news, everybody is in service."""

    name = "haproxy"

    def __init__(self, settings: HAProxySettings) -> None:
        self._settings = settings
        self._newest = Newest()
        self._server = self._new_server()
        self._listening = False
        self._leaving = False
        self._began = clock.boottime()
        self._trouble = ""

    def show(self, wanted: Mapping[str, Wanted]) -> None:
        """See `Output`."""
        if not self._leaving:
            self._newest.show(wanted, clock.boottime())

    def standing(self) -> Standing:
        """See `Output`. Confirmed is what was asked for and answered."""
        now = clock.boottime()
        silent_s = now - max(self._server.asked_at, self._began)
        if self._trouble or silent_s > SILENT_S:
            trouble = (
                self._trouble or f"nobody has asked at {self._settings.listen} for {silent_s:.0f} s"
            )
            return Standing(self.name, None, self._asked_at(now), trouble)
        out: dict[str, list[str]] = {}
        for name in sorted(self._server.told_out()):
            service, node = split_name(name)
            out.setdefault(service, []).append(node)
        told = {service: tuple(nodes) for service, nodes in out.items()}
        return Standing(self.name, told, self._asked_at(now), "")

    async def run(self) -> None:
        """See `Output`. Its last words, where somebody was told that a node is out, are that all are in
        service."""
        while not self._listening:
            try:
                await self._server.start(self._settings.listen)
                self._listening, self._trouble = True, ""
            except OSError as error:
                reason = os.strerror(error.errno) if error.errno else str(error)
                trouble = f"{self._settings.listen}: {reason}"
                if trouble != self._trouble:
                    _log.warning("actuate.failed", output=self.name, error=trouble)
                self._trouble = trouble
                await asyncio.sleep(RETRY_S)
        try:
            await asyncio.Event().wait()
        finally:
            self._leaving, self._newest = True, Newest()
            await self._server.farewell()
            await self._server.close()

    async def clear(self) -> None:
        """See `Output`. Where no aggregator runs it listens in its place until somebody has asked."""
        if self._listening:
            self._newest = Newest()
            return
        server = self._new_server()
        try:
            await server.start(self._settings.listen)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise OSError(f"{self._settings.listen}: {reason}") from None
        try:
            await asyncio.sleep(CLEAR_S)
        finally:
            await server.close()
        if not server.answered:
            raise TimeoutError(
                f"nobody asked at {self._settings.listen} within {CLEAR_S:.0f} s: HAProxy goes by what "
                "it was told; set its servers by hand"
            )

    def _new_server(self) -> AgentCheckServer:
        return AgentCheckServer(self._answer, named=True, allow_from=self._settings.allow_from)

    def _answer(self, name: str) -> str:
        service, node = split_name(name)
        return answer(self._newest.alive(service, clock.boottime()), node)

    def _asked_at(self, now: float) -> float | None:
        """On the wall clock."""
        return clock.wall() - (now - self._server.asked_at) if self._server.answered else None
