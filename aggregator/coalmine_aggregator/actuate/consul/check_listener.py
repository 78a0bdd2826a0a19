"""Answers HTTP checks of Consul: a node passes unless its withdrawal is in force."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from coalmine_aggregator.actuate.consul.check_answer import answer
from coalmine_aggregator.actuate.consul.settings import ConsulCheckSettings
from coalmine_aggregator.actuate.newest import Newest, out_by_service
from coalmine_aggregator.actuate.output import Standing
from coalmine_aggregator.actuate.rounds import patience_s, sentence
from coalmine_aggregator.model.withdrawal import Wanted
from coalmine_aggregator.receivers.admission import Admission
from coalmine_aggregator.receivers.limits import ReceiverLimits
from coalmine_aggregator.web.errors import problems
from coalmine_aggregator.web.listening import listening, patience
from coalmine_runtime import clock
from coalmine_runtime.logs import get_logger
from coalmine_runtime.tls import server_context

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

log = get_logger("actuate.consul")

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class CheckListener:
    """`GET /check/<service>/<node>`; see `Output`. `port` is where it listens, 0 before it does."""

    name = "consul_check"

    def __init__(self, settings: ConsulCheckSettings) -> None:
        self._settings = settings
        self._admission = Admission(settings.allow_from, ReceiverLimits())
        self._newest = Newest()
        self._trouble = ""
        self.port = 0

    def show(self, wanted: Mapping[str, Wanted]) -> None:
        """See `Output.show`."""
        self._newest.show(wanted, clock.boottime())

    async def run(self) -> None:
        """See `Output.run`."""
        failures = 0
        while True:
            try:
                await self._listen()
            except OSError as error:
                failures += 1
                self._trouble = f"{self._settings.listen}: {sentence(error)}"
                if failures == 1:
                    log.error("actuate.consul_check.cannot_listen", error=self._trouble)
                await asyncio.sleep(patience_s(failures))

    async def clear(self) -> None:
        """See `Output.clear`: from now on everybody passes. Where no aggregator runs nobody answers,
        and nothing of us is left that could be taken back."""
        self._newest = Newest()

    def standing(self) -> Standing:
        """See `Output.standing`: what would be answered now, which is all that there is."""
        now = clock.boottime()
        out = None if self._trouble else out_by_service(self._newest.ours(now))
        return Standing(self.name, out, clock.wall(), self._trouble)

    async def _listen(self) -> None:
        certificate = self._settings.certificate
        context = None if certificate is None else server_context(certificate)
        app = web.Application(middlewares=[problems, patience, self._admits], client_max_size=1)
        app.add_routes([web.get("/check/{service}/{node}", self._answer)])
        host, port = self._settings.listen
        async with listening(app, host or None, port, context) as self.port:
            self._trouble = ""
            log.info("actuate.consul_check.listening", address=str(self._settings.listen))
            await asyncio.Event().wait()

    @web.middleware
    async def _admits(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        if request.remote is None or not self._admission.allows(request.remote):
            raise web.HTTPForbidden(text="not from there\n")
        return await handler(request)

    async def _answer(self, request: web.Request) -> web.Response:
        word = self._newest.alive(request.match_info["service"], clock.boottime())
        status, text = answer(word, request.match_info["node"])
        return web.Response(status=status, text=f"{text}\n", headers=_HEADERS)
