"""Who can be scraped, told in etcd for as long as we live to tell it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any, Final

from coalmine_aggregator.actuate.etcd import messages
from coalmine_aggregator.actuate.etcd.client import MAX_OPERATIONS, EtcdClient
from coalmine_aggregator.actuate.etcd.keys import (
    TargetKey,
    metrics_folder,
    parse_target_key,
    target_key,
)
from coalmine_aggregator.actuate.etcd.metrics_target import (
    AGENT,
    AGGREGATOR,
    MetricsTarget,
    TargetTemplate,
    encode,
)
from coalmine_aggregator.actuate.etcd.settings import EtcdSettings, RegisterSettings
from coalmine_aggregator.model.views import AgentStatus, AgentView
from coalmine_runtime.logs import get_logger

TTL_S: Final = 30
EVERY_S: Final = 10.0
"""So that two times may fail before a lease ends."""

MAX_AGENTS: Final = 10_000

Agents = Callable[[], Sequence[AgentView] | None]
"""All agents of the fleet; None while they are not known yet, just after a start."""

log = get_logger("actuate.etcd")


class Registration:
    """Keeps our keys below `<prefix>/metrics/` while `run` runs. `aggregator` is our name, told with
    every key, so that two aggregators may tell of the same agents without being in each other's way.

    Agents are told whether they are alive or not: Prometheus is to see that one is down. Only those
    that were retired are gone. Nothing is told until the fleet was the same twice: an aggregator that
    begins hears of one agent after the other, and what an earlier run has told stays for so long.
    """

    def __init__(self, settings: EtcdSettings, aggregator: str, agents: Agents) -> None:
        assert settings.register is not None
        self._settings = settings
        self._register: RegisterSettings = settings.register
        self._aggregator = aggregator
        self._agents = agents
        self._lease = 0
        self._odd: set[str] = set()
        self._first: frozenset[str] | None = frozenset()  # who was known first; None once that is over

    async def run(self) -> None:
        """Until it is cancelled. No trouble of etcd ends it."""
        lost = False
        async with EtcdClient.opened(self._settings) as client:
            while True:
                agents = self._agents()
                if agents is not None and self._is_whole(agents):
                    try:
                        await self._bring(client, agents)
                    except (OSError, ValueError) as error:
                        if not lost:
                            log.warning("actuate.etcd.not_registered", error=error)
                        lost = True
                    else:
                        if lost:
                            log.info("actuate.etcd.registered")
                        lost = False
                await asyncio.sleep(EVERY_S * random.uniform(0.8, 1.0))  # noqa: S311

    async def _bring(self, client: EtcdClient, agents: Sequence[AgentView]) -> None:
        if not self._lease or not await client.keep_alive(self._lease):
            self._lease = await client.grant(TTL_S)
        shall = self._targets(agents)
        found = await client.read(metrics_folder(self._settings.prefix))
        operations: list[dict[str, Any]] = []
        for kv in found.kvs:
            key = parse_target_key(self._settings.prefix, kv.key)
            if key is None or key.teller != self._aggregator:
                continue
            if kv.key not in shall:
                operations.append(messages.delete(kv.key))
            elif shall[kv.key] == kv.value and kv.lease == self._lease:
                del shall[kv.key]
        operations += [messages.put(key, value, self._lease) for key, value in shall.items()]
        for first in range(0, len(operations), MAX_OPERATIONS):
            await client.commit((), operations[first : first + MAX_OPERATIONS])

    def _is_whole(self, agents: Sequence[AgentView]) -> bool:
        if self._first is not None:
            known = frozenset(each.agent for each in agents)
            self._first = known if known != self._first else None
        return self._first is None

    def _targets(self, agents: Sequence[AgentView]) -> dict[bytes, bytes]:
        """Values by key; ourselves last, see `metrics_target.target_groups`."""
        told: dict[bytes, bytes] = {}
        template = self._register.agents
        if template is not None:
            for agent in agents[:MAX_AGENTS]:
                if agent.status is AgentStatus.RETIRED:
                    continue
                try:
                    key = self._key(AGENT, agent.agent)
                    told[key] = encode(_agent_target(agent, template))
                except ValueError as error:
                    self._tell_once(agent.agent, error)
        own = MetricsTarget(str(self._register.aggregator))
        return {**told, self._key(AGGREGATOR, self._aggregator): encode(own)}

    def _key(self, kind: str, id_: str) -> bytes:
        return target_key(self._settings.prefix, TargetKey(kind, id_, self._aggregator))

    def _tell_once(self, agent: str, error: ValueError) -> None:
        if agent not in self._odd and len(self._odd) < MAX_AGENTS:
            self._odd.add(agent)
            log.warning("actuate.etcd.no_target", agent=agent, error=error)


def _agent_target(agent: AgentView, template: TargetTemplate) -> MetricsTarget:
    """Where an agent is scraped. Raises ValueError where no address comes of it."""
    labels = {"agent": agent.agent, "host": agent.host, "zone": agent.zone, "region": agent.region}
    return MetricsTarget(
        str(template.filled(labels)), agent.location, agent.region, agent.zone, agent.host
    )
