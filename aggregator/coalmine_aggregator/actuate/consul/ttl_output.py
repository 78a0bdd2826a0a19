"""Tells TTL checks of withdrawals, each Consul agent apart: one that hangs holds up no other."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping

import aiohttp
import msgspec

from coalmine_aggregator.actuate.consul.settings import ConsulSettings
from coalmine_aggregator.actuate.consul.updates import IN_SERVICE, WITHDRAWN, Told, Update, Verb
from coalmine_aggregator.actuate.newest import Newest
from coalmine_aggregator.actuate.output import Standing
from coalmine_aggregator.actuate.rounds import patience_s, sentence
from coalmine_aggregator.model.withdrawal import Wanted
from coalmine_aggregator.notify.http import Client
from coalmine_aggregator.notify.receiver import RefusedError, TryLaterError
from coalmine_runtime import clock
from coalmine_runtime.logs import get_logger
from coalmine_runtime.tls import TlsClientSettings, client_context
from coalmine_wire.bad_json import BAD_JSON

PARALLEL = 256
"""Agents that are told at a time, of those that answered in time when they were asked last."""

PARALLEL_SLOW = 128
"""As many of the others, whose last request failed or took longer than `QUICK_S`, on top: however many
of them hang, the turns above are left to those that answer. With 450 that hang one that recovers waits
some 18 s for its turn at worst, with 1,000 some 40 s."""

QUICK_S = 2.0
"""Of one request to an agent that answered in time before, or was never asked. When a whole zone begins
to hang, or hangs when we start, nobody knows yet which these are, and each holds one of the first turns
for so long, once: with 450 of them one that answers is told after 2 s, with 1,000 after 6 s. That is
far from any TTL, and yet enough for TLS to the other side of the world and a packet that is lost."""

TIMEOUT_S = 5.0
"""Of one request to the others, and of a row of requests to one agent: what is due then is looked up
anew."""

LOOK_S = 1.0
"""How often it is looked up what is due."""

MAX_CHECKS = 4 << 20
"""Bytes of an agent's list of checks."""

# An update that was taken is answered by 200 and nothing. 500 comes with a sentence, as for a check
# that has no TTL; it says nothing of the agent's other checks.
_ANSWERED = (200, 500)

log = get_logger("actuate.consul")


class _Check(msgspec.Struct):
    """What is read of a check."""

    CheckID: str
    Status: str = ""
    Output: str = ""


class _Agent:
    """One Consul agent, as it answers."""

    def __init__(self) -> None:
        self.busy = False
        self.slow = False
        self.failures = 0
        self.not_before = 0.0
        self.trouble = ""


class ConsulOutput:
    """TTL checks; see `Output`. Raises `SettingError` for a `ca_file` that is none."""

    name = "consul"

    def __init__(self, settings: ConsulSettings) -> None:
        self._settings = settings
        tls = TlsClientSettings(ca_file=settings.ca_file)
        self._tls = None if settings.ca_file is None else client_context(tls)
        self._headers = {"X-Consul-Token": settings.token.reveal()} if settings.token else {}
        self._newest = Newest()
        self._told = Told(settings.every, keep_passing=settings.keep_passing)
        self._agents: dict[str, _Agent] = {}
        self._urls: dict[tuple[str, str], str] = {}
        self._refused: dict[tuple[str, str], str] = {}
        self._confirmed_at: float | None = None
        self._woken = asyncio.Event()
        self._turns = asyncio.Semaphore(PARALLEL)
        self._slow_turns = asyncio.Semaphore(PARALLEL_SLOW)

    def show(self, wanted: Mapping[str, Wanted]) -> None:
        """See `Output.show`."""
        if self._newest.show(wanted, clock.boottime()):
            self._woken.set()

    async def run(self) -> None:
        """See `Output.run`."""
        async with self._client() as client, asyncio.TaskGroup() as group:
            while True:
                self._woken.clear()
                self._begin(group, client)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S):
                        await self._woken.wait()

    def standing(self) -> Standing:
        """See `Output.standing`."""
        troubles = [agent.trouble for agent in self._agents.values() if agent.trouble]
        troubles += self._refused.values()
        more = f" (and {len(troubles) - 1} more)" if len(troubles) > 1 else ""
        trouble = f"{troubles[0]}{more}" if troubles else ""
        ours = self._newest.ours(clock.boottime())
        out = {service: nodes for service, nodes in self._told.out().items() if service in ours}
        return Standing(self.name, out, self._confirmed_at, trouble)

    async def clear(self) -> None:
        """See `Output.clear`: of the agents that are known, every check of ours that we hold out, or
        that does not pass, is told that it does."""
        agents = {self._settings.agent_of(*key) for key in self._told.nodes()}
        agents |= {url.text.rstrip("/") for url in self._settings.nodes.values()}
        if self._settings.url.one:
            agents.add(self._settings.agent_of("", ""))
        elif not agents:
            raise ValueError(
                f"{self._settings.url} is another agent for each node, and nobody knows the nodes: "
                "list them under nodes, or pass their checks by hand"
            )
        async with self._client() as client:
            wrong = await asyncio.gather(*(self._clear(client, agent) for agent in sorted(agents)))
        if any(wrong):
            raise OSError("; ".join(filter(None, wrong)))
        self._told = Told(self._settings.every, keep_passing=self._settings.keep_passing)

    @contextlib.asynccontextmanager
    async def _client(self) -> AsyncIterator[Client]:
        connector = aiohttp.TCPConnector(limit=0)  # the turns are the bound
        jar = aiohttp.DummyCookieJar()
        async with aiohttp.ClientSession(connector=connector, cookie_jar=jar) as session:
            yield Client(session, self._tls)

    def _begin(self, group: asyncio.TaskGroup, client: Client) -> None:
        """Starts to tell each agent that is neither busy nor in trouble what is due there."""
        now = clock.boottime()
        due: dict[str, list[Update]] = {}
        for update in self._told.due(self._newest.ours(now), now):
            due.setdefault(self._url(update.service, update.node), []).append(update)
        self._forget(due)
        for url, updates in due.items():
            agent = self._agents.setdefault(url, _Agent())
            if not agent.busy and now >= agent.not_before:
                agent.busy = True
                group.create_task(self._tell(client, url, agent, updates))

    def _url(self, service: str, node: str) -> str:
        """The agent of a node."""
        key = (service, node)
        if key not in self._urls:
            self._urls[key] = self._settings.agent_of(service, node)
        return self._urls[key]

    def _forget(self, due: Mapping[str, Iterable[Update]]) -> None:
        """What is known of nodes that have left, and of their agents."""
        nodes = {(each.service, each.node) for updates in due.values() for each in updates}
        nodes.update(self._told.nodes())
        self._urls = {key: url for key, url in self._urls.items() if key in nodes}
        self._refused = {key: text for key, text in self._refused.items() if key in nodes}
        known = set(self._urls.values())
        self._agents = {url: agent for url, agent in self._agents.items() if agent.busy or url in known}

    async def _tell(self, client: Client, url: str, agent: _Agent, updates: Iterable[Update]) -> None:
        try:
            async with self._slow_turns if agent.slow else self._turns:
                end = clock.boottime() + TIMEOUT_S
                for update in updates:
                    # It may have waited: what is said is what is wanted now.
                    now = clock.boottime()
                    word = self._newest.ours(now).get(update.service)
                    newest = self._told.due_now(update, word, now)
                    if now >= end:
                        break
                    if newest is not None and not await self._update(client, url, agent, newest):
                        break
        finally:
            agent.busy = False

    async def _update(self, client: Client, url: str, agent: _Agent, update: Update) -> bool:
        """Whether the agent answered."""
        key = (update.service, update.node)
        began = clock.boottime()
        try:
            refusal = await self._put(client, url, update, TIMEOUT_S if agent.slow else QUICK_S)
        except TryLaterError as error:
            agent.slow = True
            self._told.tried(update, clock.boottime(), taken=False)
            agent.failures += 1
            agent.not_before = clock.boottime() + patience_s(agent.failures, error.after_s)
            if not agent.trouble:
                log.warning("actuate.consul.unreachable", agent=url, error=sentence(error))
            agent.trouble = f"{url}: {sentence(error)}"
            return False
        if agent.trouble:
            log.info("actuate.consul.recovered", agent=url, failures=agent.failures)
        agent.failures, agent.trouble = 0, ""
        agent.slow = clock.boottime() - began > QUICK_S
        self._told.tried(update, clock.boottime(), taken=not refusal)
        if refusal:
            if key not in self._refused:
                log.warning("actuate.consul.refused", agent=url, node=update.node, answer=refusal)
            self._refused[key] = f"{update.node} at {url}: {refusal}"
        else:
            self._refused.pop(key, None)
            self._confirmed_at = clock.wall()
        return True

    async def _put(self, client: Client, url: str, update: Update, timeout_s: float) -> str:
        """Why it was not taken; empty where it was. Raises `TryLaterError`."""
        check = self._settings.check.of(update.service, update.node)
        return await self._put_check(client, url, check, update.verb, update.note, timeout_s)

    async def _put_check(
        self, client: Client, url: str, check: str, verb: Verb, note: str, timeout_s: float
    ) -> str:
        path = self._settings.path_of(verb, check, note)
        try:
            answer = await client.request(
                "PUT",
                f"{url}{path}",
                b"",
                accept=_ANSWERED,
                headers=self._headers,
                timeout_s=timeout_s,
            )
        except RefusedError as error:
            return sentence(error)
        return answer[:300].decode(errors="replace").strip()

    async def _clear(self, client: Client, url: str) -> str:
        """What went wrong; empty where nothing did."""
        try:
            async with self._turns:
                return await self._clear_checks(client, url)
        except (TryLaterError, RefusedError, *BAD_JSON) as error:
            return f"{url}: {sentence(error)}"

    async def _clear_checks(self, client: Client, url: str) -> str:
        answer = await client.request(
            "GET",
            f"{url}/v1/agent/checks",
            b"",
            accept=(200,),
            headers=self._headers,
            timeout_s=TIMEOUT_S,
            most=MAX_CHECKS,
        )
        checks = msgspec.json.decode(answer, type=dict[str, _Check]).values()
        pattern = self._settings.check.pattern()
        for check in checks:
            ours = pattern.match(check.CheckID)
            if ours and (check.Status != "passing" or check.Output.startswith(WITHDRAWN)):
                refusal = await self._put_check(
                    client, url, check.CheckID, Verb.PASS, IN_SERVICE, TIMEOUT_S
                )
                if refusal:
                    return f"{check.CheckID} at {url}: {refusal}"
        return ""
