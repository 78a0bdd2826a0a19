"""A follower of withdrawals: what others may copy to write their own.

The rules that matter, whatever the language:

1. Read everything, then watch from the revision after that of the answer.
2. Read everything again every few seconds, asking for an answer that a majority stands behind. That is
   the sign of life, and it mends whatever a watch has missed: a compacted history, a broken stream.
3. Count from when the question was sent, on a clock that never steps. After `lease_s` without an
   answer everybody is in again. Never remember that a node is out without a time.
4. What is not understood takes nobody out.
5. At the beginning say nothing until there was an answer, but not for longer than `PATIENCE_S`: then
   everybody is in.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from typing import Final

from coalmine_aggregator.actuate.etcd.client import EtcdClient
from coalmine_aggregator.actuate.etcd.keys import withdrawn_folder
from coalmine_aggregator.actuate.etcd.record import Out
from coalmine_aggregator.actuate.etcd.withdrawn_nodes import WithdrawnNodes
from coalmine_runtime import clock
from coalmine_runtime.logs import get_logger

READ_S: Final = 2.0
"""How often everything is read, answered or not."""

PATIENCE_S: Final = 10.0

WATCH_S: Final = 300.0
"""A watch is begun anew after so long: a stream that died without a word is not believed for ever."""

RETRY_S: Final = (0.2, 5.0)

LOOK_S: Final = 0.5
"""How often it is seen whether somebody's time is over."""

AGAIN_S: Final = 2.0
"""Before what could not be told is told again."""

Tell = Callable[[tuple[Out, ...]], Awaitable[bool]]
"""Told the nodes that are out, all of them, whenever that changed; gives whether it was taken. While it
works nothing else is told, and then the newest."""

log = get_logger("etcd.watcher")


class Watcher:
    """Follows one service while `run` runs. `confirmed` is called whenever etcd has answered."""

    def __init__(
        self,
        client: EtcdClient,
        prefix: str,
        service: str,
        tell: Tell,
        confirmed: Callable[[], None] = lambda: None,
    ) -> None:
        self._client = client
        self._folder = withdrawn_folder(prefix, service)
        self._nodes = WithdrawnNodes(prefix, service)
        self._tell = tell
        self._confirmed = confirmed
        self._read = asyncio.Event()
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Until it is cancelled. No trouble of etcd ends it."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read_often())
            group.create_task(self._watch_always())
            group.create_task(self._tell_changes())

    async def _read_often(self) -> None:
        lost = False
        while True:
            asked = self._nodes.ask(clock.boottime())
            try:
                found = await self._client.read(self._folder)
            except (OSError, ValueError) as error:
                if not lost:
                    log.warning("etcd.watcher.lost", error=error)
                lost = True
            else:
                if lost:
                    log.info("etcd.watcher.found")
                lost = False
                self._nodes.take_all(found.kvs, found.revision, asked)
                self._read.set()
                self._changed.set()
                self._confirmed()
            await asyncio.sleep(READ_S * random.uniform(0.8, 1.0))  # noqa: S311

    async def _watch_always(self) -> None:
        await self._read.wait()
        wait, longest = RETRY_S
        while True:
            try:
                async with (
                    asyncio.timeout(WATCH_S),
                    self._client.watch(self._folder, self._nodes.revision + 1) as news,
                ):
                    async for each in news:
                        if each.canceled:  # compacted, or our rights were taken: the next read tells
                            log.info("etcd.watcher.canceled", compacted=each.compact_revision)
                            break
                        wait = RETRY_S[0]
                        self._nodes.take_news(each.events, each.header.revision)
                        self._changed.set()
            except TimeoutError:
                continue
            except (OSError, ValueError) as error:
                log.debug("etcd.watcher.broken", error=error)
            await asyncio.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311
            wait = min(longest, wait * 2)

    async def _tell_changes(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._read.wait()
        except TimeoutError:
            log.warning("etcd.watcher.alone", after_s=PATIENCE_S)
        told: tuple[Out, ...] | None = None
        while True:
            self._changed.clear()
            out = self._nodes.out(clock.boottime())
            if out != told:
                log.info("etcd.watcher.out", nodes=",".join(each.node for each in out) or "none")
                if await self._tell(out):
                    told = out
                else:
                    await asyncio.sleep(AGAIN_S)
                    continue
            # Not until the next end: a timer stands still while the machine is suspended.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S if out else None):
                    await self._changed.wait()
