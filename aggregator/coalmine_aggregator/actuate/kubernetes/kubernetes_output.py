"""Keeps a condition of each pod as it is wanted: looks at the pods, and patches what differs."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import aiohttp

from coalmine_aggregator.actuate.kubernetes.api import Api
from coalmine_aggregator.actuate.kubernetes.plan import Change, forgotten, newcomers, patch_of, plan
from coalmine_aggregator.actuate.kubernetes.pod import TRUE
from coalmine_aggregator.actuate.kubernetes.settings import KubernetesSettings
from coalmine_aggregator.actuate.newest import Newest
from coalmine_aggregator.actuate.output import Standing
from coalmine_aggregator.actuate.rounds import TROUBLES, Rounds, sentence
from coalmine_aggregator.model.withdrawal import Wanted
from coalmine_aggregator.notify.http import Client
from coalmine_aggregator.notify.receiver import TryLaterError
from coalmine_runtime import clock
from coalmine_runtime.logs import get_logger
from coalmine_runtime.tls import TlsClientSettings, client_context

PARALLEL = 8
"""Patches at a time."""

FORGIVE_S = 60.0
"""Of a service on which there is no word so long after our start, and of one that was stopped, those
come in again whom nobody has told to be out for so long: an earlier life of ours took them out, or the
API could not be reached when they were to come in. Whoever another aggregator has out, it tells."""

ALL = -1.0
"""For `sweep`: however lately they were told."""

log = get_logger("actuate.kubernetes")

T = TypeVar("T")
R = TypeVar("R")


class KubernetesOutput:
    """The pods of one namespace; see `Output`. `forgive_s` is `FORGIVE_S` but in tests. Raises
    `SettingError` for a `ca_file` that is none."""

    name = "kubernetes"

    def __init__(self, settings: KubernetesSettings, *, forgive_s: float = FORGIVE_S) -> None:
        self._settings = settings
        self._forgive_s = forgive_s
        self._tls = _trust(settings.ca_file) if settings.url.secure else None
        self._newest = Newest()
        self._rounds = Rounds(self.name, self._round, lambda: settings.every)
        self._began: float | None = None
        self._api: Api | None = None
        self._out: dict[str, tuple[str, ...]] | None = None
        self._confirmed_at: float | None = None

    def show(self, wanted: Mapping[str, Wanted]) -> None:
        """See `Output.show`."""
        if self._newest.show(wanted, clock.boottime()):
            self._rounds.wake()

    async def run(self) -> None:
        """See `Output.run`."""
        self._began = clock.boottime()
        async with self._connected() as self._api:
            await self._rounds.run()

    def standing(self) -> Standing:
        """See `Output.standing`."""
        return Standing(self.name, self._out, self._confirmed_at, self._rounds.trouble)

    async def clear(self) -> None:
        """See `Output.clear`: every pod that is not in service comes in."""
        await self.sweep(ALL)
        self._newest, self._out = Newest(), {}

    async def sweep(self, older_s: float) -> int:
        """Brings in the pods that nobody has told to be out for so many seconds, and gives their
        number. For a process that outlives us. Raises OSError with all that went wrong."""

        async def one(service: str) -> int:
            pods = await api.pods(self._settings.pods[service])
            return await self._apply(api, service, forgotten(pods, clock.wall(), older_s))

        async with self._connected() as api:
            counts, error = await _each(one, self._settings.pods)
        if error is not None:
            raise OSError(sentence(error))
        return sum(counts)

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[Api]:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            yield Api(self._settings, Client(session, self._tls))

    async def _round(self) -> None:
        api = self._api
        assert api is not None  # it is `run` that makes rounds
        out: dict[str, tuple[str, ...]] = {}
        _, error = await _each(lambda service: self._service(api, service, out), self._settings.pods)
        self._out = out
        if error is not None:
            raise error
        self._confirmed_at = clock.wall()

    async def _service(self, api: Api, service: str, out: dict[str, tuple[str, ...]]) -> None:
        """Looks at the pods of one service and patches them; notes the nodes that are out then."""
        if self._newest.in_standby(service):
            return
        pods = await api.pods(self._settings.pods[service])
        boottime = clock.boottime()
        word = self._newest.ours(boottime).get(service)
        if word is None or self._newest.long_stopped(service, boottime):
            assert self._began is not None
            changes = newcomers(pods)
            if boottime - self._began >= self._forgive_s:
                changes = forgotten(pods, clock.wall(), self._forgive_s)
            await self._apply(api, service, changes)
            return
        now = plan(word, pods, clock.wall())
        await self._apply(api, service, now.changes)
        out[service] = now.out
        if now.trouble:
            raise ValueError(now.trouble)

    async def _apply(self, api: Api, service: str, changes: Sequence[Change]) -> int:
        """Patches them and gives their number; raises where one failed, when all others were tried.
        While one cannot come in, none goes out: there are never more out than are wanted to be."""
        for coming in (True, False):
            group = [change for change in changes if (change.in_service == TRUE) is coming]
            _, error = await _each(lambda change: self._patch(api, service, change), group)
            if error is not None:
                raise error
        return len(changes)

    async def _patch(self, api: Api, service: str, change: Change) -> None:
        body = patch_of(change, self._settings.condition, clock.wall())
        if not await api.patch(change.pod, body):
            self._rounds.wake()  # another pod has its place: look again
        elif not change.fresh:
            log.info(
                "actuate.kubernetes.patched",
                service=service,
                pod=change.pod.name,
                in_service=change.in_service,
                message=change.message,
            )


def _trust(ca_file: Path | None) -> ssl.SSLContext:
    return client_context(TlsClientSettings(ca_file=ca_file))


async def _each(
    errand: Callable[[T], Awaitable[R]], items: Iterable[T]
) -> tuple[list[R], Exception | None]:
    """Runs an errand for each, some at a time: what came of those that went well, and what went wrong,
    as one error; the longest that anybody was asked to wait is kept."""
    turns = asyncio.Semaphore(PARALLEL)
    done: list[R] = []
    errors: list[Exception] = []

    async def one(item: T) -> None:
        async with turns:
            try:
                done.append(await errand(item))
            except TROUBLES as error:
                errors.append(error)

    await asyncio.gather(*(one(item) for item in items))
    if not errors:
        return done, None
    what = "; ".join(dict.fromkeys(map(sentence, errors)))
    asked = [each.after_s for each in errors if isinstance(each, TryLaterError) and each.after_s]
    return done, TryLaterError(what, max(asked, default=None))
