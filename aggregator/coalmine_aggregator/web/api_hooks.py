"""`/api/v1/hooks/{provider}/{receiver}`: what a provider says that somebody did there.

Only acknowledgements count; an alert is over when its loss is. A message that comes again changes
nothing, nor does one from before the alert began. Whoever cannot prove to be the provider is told the
same for a wrong secret and for a receiver that there is not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from http import HTTPStatus

from aiohttp import web

from coalmine_aggregator.access.audit import Audit
from coalmine_aggregator.access.gate import LOGINS, LOGINS_S, Gate
from coalmine_aggregator.access.identity import Identity, Via
from coalmine_aggregator.access.roles import Role
from coalmine_aggregator.access.throttle import Throttle
from coalmine_aggregator.model.acknowledgement import Acknowledgement
from coalmine_aggregator.model.alerts import Alert
from coalmine_aggregator.web.bodies import read_bytes
from coalmine_aggregator.web.duty import NotKeptError
from coalmine_aggregator.web.entrance import open_to_all, too_many
from coalmine_aggregator.web.hook_answers import HookTaken
from coalmine_aggregator.web.keys import BOOTTIME, VIEW
from coalmine_aggregator.web.listening import takes_up_to
from coalmine_aggregator.web.problems import ProblemError
from coalmine_aggregator.web.provider_hook import ProviderHook
from coalmine_aggregator.web.replies import json_reply

MAX_BODY = 256 * 1024
"""PagerDuty sends no longer ones."""

MAX_SEEN = 10_000
"""Messages that are remembered."""

KEPT_S = 4.0
"""How long the store may take: PagerDuty waits 5 s and then tries again."""

EARLY_S = 60.0
"""By so much the provider's clock may be behind ours."""

REFUSED = "hook.refused"


class Hooks:
    """The handler. `hooks` are by provider, as addresses have it, and receiver."""

    def __init__(self, hooks: Mapping[tuple[str, str], ProviderHook], gate: Gate, audit: Audit) -> None:
        self._hooks = hooks
        self._gate = gate
        self._audit = audit
        self._failures = Throttle(LOGINS, LOGINS_S)
        self._seen: dict[tuple[str, str, str], None] = {}  # the oldest first

    @open_to_all
    @takes_up_to(MAX_BODY)
    async def take(self, request: web.Request) -> web.Response:
        """Takes one message."""
        boottime = request.app[BOOTTIME]()
        address = self._gate.proxies.client(request.remote or "", request.headers)
        wait_s = self._failures.wait_s(address, boottime)
        if wait_s > 0:
            raise too_many("Too many messages from this address were not authentic.", wait_s)
        body = await read_bytes(request, MAX_BODY)
        where = (request.match_info["provider"], request.match_info["receiver"])
        hook = self._hooks.get(where)
        if hook is None or not hook.authentic(request.headers, body):
            self._failures.failed(address, boottime)
            self._audit.refused("", str(Via.HOOK), address, REFUSED, "/".join(where))
            raise ProblemError(
                HTTPStatus.UNAUTHORIZED,
                "unauthorized",
                "This does not come from the provider of such a receiver.",
                hint="hook_secret of the receiver is what the provider signs with, or sends",
                headers={"WWW-Authenticate": 'Basic realm="coalmine hooks"'},
            )
        try:
            said = hook.acknowledgement(body)
        except ValueError as error:
            raise ProblemError(HTTPStatus.BAD_REQUEST, "bad-body", f"{error}.") from None
        if said is None:
            return _ignored("it acknowledges nothing")
        if said.event and (*where, said.event) in self._seen:
            return _ignored("it came before")
        answer = await self._acknowledge(request.app, hook, said, address)
        if said.event:
            self._remember((*where, said.event))
        return answer

    async def _acknowledge(
        self, app: web.Application, hook: ProviderHook, said: Acknowledgement, address: str
    ) -> web.Response:
        alert = next((each for each in app[VIEW].open_alerts() if hook.is_about(each, said.key)), None)
        if alert is None:
            return _ignored("no such alert is open")
        if said.at is not None and said.at < alert.opened_at - EARLY_S:
            return _ignored("it is older than the alert")
        if alert.acknowledged_at is not None:
            return _ignored(f"{alert.id} is acknowledged")
        try:
            async with asyncio.timeout(KEPT_S):
                taken = await app[VIEW].duty.acknowledge(alert.number, said.by)
        except KeyError:
            return _ignored("no such alert is open")
        except (NotKeptError, TimeoutError):
            # It holds already; the provider's next try finds it acknowledged.
            self._put_audit(alert, said, hook, address)
            raise ProblemError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "not-kept",
                "It is acknowledged, but not on disk yet.",
                headers={"Retry-After": "5"},
            ) from None
        self._put_audit(taken, said, hook, address)
        return json_reply(HookTaken(acknowledged=taken.id, ignored=""))

    def _put_audit(self, alert: Alert, said: Acknowledgement, hook: ProviderHook, address: str) -> None:
        who = Identity(said.by, Role.RESPONDER, frozenset(), Via.HOOK, address)
        detail = {"number": alert.number, "provider": hook.provider, "event": said.event[:100]}
        self._audit.put(who, "alert.ack", alert.id, detail)

    def _remember(self, event: tuple[str, str, str]) -> None:
        self._seen[event] = None
        while len(self._seen) > MAX_SEEN:
            del self._seen[next(iter(self._seen))]


def _ignored(why: str) -> web.Response:
    return json_reply(HookTaken(acknowledged="", ignored=why))
