"""Answers HTTP checks of Consul: a node passes unless its withdrawal is in force."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from coalmine_aggregator.actuate.consul.check_answer import CheckAnswer, answer
from coalmine_aggregator.actuate.consul.check_server import CheckServer
from coalmine_aggregator.actuate.consul.settings import ConsulCheckSettings
from coalmine_aggregator.actuate.newest import Newest, out_by_service
from coalmine_aggregator.actuate.output import Standing
from coalmine_aggregator.actuate.rounds import patience_s, sentence
from coalmine_aggregator.model.withdrawal import Wanted
from coalmine_runtime import clock
from coalmine_runtime.logs import get_logger
from coalmine_runtime.tls import server_context

log = get_logger("actuate.consul")


class CheckListener:
    """`GET /check/<service>/<node>`; see `Output`. `port` is where it listens, 0 before it does. Raises
    `SettingError` for a certificate that is none."""

    name = "consul_check"

    def __init__(self, settings: ConsulCheckSettings) -> None:
        self._settings = settings
        certificate = settings.certificate
        self._tls = None if certificate is None else server_context(certificate)
        self._newest = Newest()
        self._trouble = ""
        self.port = 0

    def show(self, wanted: Mapping[str, Wanted]) -> None:
        """See `Output.show`."""
        self._newest.show(wanted, clock.boottime())

    async def run(self) -> None:
        """See `Output.run`."""
        server = CheckServer(self._answer, self._settings.allow_from)
        failures = 0
        while not self.port:
            try:
                await server.start(self._settings.listen, self._tls)
                self.port, self._trouble = server.port, ""
            except OSError as error:
                failures += 1
                self._trouble = f"{self._settings.listen}: {sentence(error)}"
                if failures == 1:
                    log.error("actuate.consul_check.cannot_listen", error=self._trouble)
                await asyncio.sleep(patience_s(failures))
        log.info("actuate.consul_check.listening", address=str(self._settings.listen))
        try:
            await asyncio.Event().wait()
        finally:
            self.port = 0
            await server.close()

    async def clear(self) -> None:
        """See `Output.clear`: from now on everybody passes. Where no aggregator runs nobody answers,
        and nothing of us is left that could be taken back."""
        self._newest = Newest()

    def standing(self) -> Standing:
        """See `Output.standing`: what would be answered now, which is all that there is."""
        now = clock.boottime()
        out = None if self._trouble else out_by_service(self._newest.ours(now))
        return Standing(self.name, out, clock.wall(), self._trouble)

    def _answer(self, service: str, node: str) -> CheckAnswer:
        return answer(self._newest.alive(service, clock.boottime()), node)
