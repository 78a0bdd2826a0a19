"""Withdrawals as keys in etcd, which end with us."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final

from coalmine_aggregator.actuate.etcd.client import MAX_OPERATIONS, EtcdClient
from coalmine_aggregator.actuate.etcd.keys import withdrawn_folder
from coalmine_aggregator.actuate.etcd.plan import Ours, Step, plan, transactions
from coalmine_aggregator.actuate.etcd.settings import EtcdSettings
from coalmine_aggregator.actuate.newest import Newest
from coalmine_aggregator.actuate.output import Standing
from coalmine_aggregator.actuate.rounds import MAX_TROUBLE, Rounds
from coalmine_aggregator.model.withdrawal import Mode, Wanted
from coalmine_runtime import clock
from coalmine_runtime.logs import get_logger

CONTESTED: Final = 3
CONTESTED_S: Final = 60.0
"""So many rounds in so long in which another aggregator is in our way are no handing over."""

_REST_S: Final = 60.0

log = get_logger("actuate.etcd")


class EtcdOutput:
    """Keeps `<prefix>/withdrawn/` as it is wanted, under one lease. There is a round for every new word
    on what is wanted, and none without: where we are gone, or whoever decides, everybody is in.

    `aggregator` is our name, told with every withdrawal, and the same after a restart.
    """

    name = "etcd"

    def __init__(self, settings: EtcdSettings, aggregator: str) -> None:
        self._settings = settings
        self._aggregator = aggregator
        self._newest = Newest()
        self._rounds = Rounds(self.name, self._round, lambda: _REST_S)
        self._client: EtcdClient | None = None
        self._said: dict[str, float] = {}
        self._fresh = False
        self._lease = 0
        self._lease_s = 0.0
        self._contested: deque[float] = deque(maxlen=CONTESTED)
        self._others = ""
        self._out: Mapping[str, tuple[str, ...]] = {}
        self._confirmed_at: float | None = None
        self._confirmed = -math.inf  # the same on the clock that never steps

    def show(self, wanted: Mapping[str, Wanted]) -> None:
        """See `Output`."""
        self._newest.show(wanted, clock.boottime())
        said = {name: each.at for name, each in wanted.items() if each.mode is not Mode.STANDBY}
        if said and said != self._said:  # an old word, said again, keeps no lease alive
            self._said = said
            self._fresh = True
            self._rounds.wake()

    def standing(self) -> Standing:
        """See `Output`. Where etcd was not reached for the time of a lease, nobody knows."""
        now = clock.boottime()
        known = now - self._confirmed <= self._lease_s
        trouble = self._rounds.trouble
        if not trouble and len(self._contested) == CONTESTED and now - self._contested[0] < CONTESTED_S:
            folder = withdrawn_folder(self._settings.prefix)
            trouble = f"{self._others} writes below {folder} as well, against us"
        return Standing(self.name, self._out if known else None, self._confirmed_at, trouble)

    async def run(self) -> None:
        """See `Output`."""
        async with EtcdClient.opened(self._settings) as self._client:
            await self._rounds.run()

    async def clear(self) -> None:
        """See `Output`. Takes back what other aggregators have said below the prefix, too."""
        async with EtcdClient.opened(self._settings) as client:
            count = await client.delete(withdrawn_folder(self._settings.prefix))
        log.info("actuate.etcd.cleared", prefix=self._settings.prefix, keys=count)

    async def _round(self) -> None:
        if not self._fresh:
            return
        self._fresh = False
        assert self._client is not None
        try:
            await self._bring(self._client)
        except (OSError, ValueError):
            self._fresh = True  # what was not brought is still to be
            raise

    async def _bring(self, client: EtcdClient) -> None:
        """Who can no longer read, or delete, lets the lease end: it could not bring anybody in."""
        asked_at = clock.boottime()
        found = await client.read(withdrawn_folder(self._settings.prefix))
        wanted = self._newest.ours(clock.boottime())
        self._lease_s = min((each.lease_s for each in wanted.values()), default=self._lease_s)
        todo = plan(found.kvs, wanted, Ours(self._settings.prefix, self._aggregator, self._lease))
        done = await self._commit(client, todo.ends())
        if self._lease and not await client.keep_alive(self._lease):
            log.warning("actuate.etcd.lease_lost", lease=self._lease)
            self._lease = 0
        if todo.puts and not self._lease:
            self._lease = await client.grant(math.ceil(self._lease_s))
        done = done and await self._commit(client, todo.begins(self._lease))
        if done:
            self._out = todo.out
            self._confirmed_at, self._confirmed = clock.wall(), asked_at
        if todo.others or not done:
            self._contested.append(asked_at)
            self._others = ", ".join(todo.others)[:MAX_TROUBLE] or "somebody"

    async def _commit(self, client: EtcdClient, steps: Sequence[Step]) -> bool:
        """False where a key changed under our hands: the next round reads it again."""
        for guards, operations in transactions(steps, MAX_OPERATIONS):
            if not await client.commit(guards, operations):
                return False
        return True
