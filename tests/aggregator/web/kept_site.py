"""The real thing behind the API: an engine fed by hand, its store, and readers of that store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import msgspec
import numpy as np
from aiohttp.test_utils import TestServer

from coalmine_aggregator.engine import Tick
from coalmine_aggregator.model.alerts import Alert, Change, Transition
from coalmine_aggregator.model.remediation_event import RemediationKind
from coalmine_aggregator.model.target_group import TargetGroup
from coalmine_aggregator.model.timings import Timings
from coalmine_aggregator.reading.readers import Readers
from coalmine_aggregator.store.store import Store
from coalmine_aggregator.web import reader_tasks
from coalmine_aggregator.web.app import make_app
from coalmine_aggregator.web.options import WebOptions
from coalmine_aggregator.web.pulse import BEAT_AT_S
from coalmine_aggregator.web.snapshot import Snapshot, take_snapshot
from coalmine_aggregator.web.view import Check, Health
from tests.aggregator.store.samples import routed
from tests.aggregator.web.fake_remediation import FakeRemediation
from tests.aggregator.web.test_engine import FIRST, EngineView


class SomeNodes:
    """Of one service, always known."""

    services = frozenset({"ingest"})

    def targets(self, service: str, port: int) -> list[TargetGroup]:
        return [TargetGroup([f"{service}-1:{port}"], {"__meta_coalmine_service": service})]


class KeptView(EngineView):
    """`live` are the snapshots of each second as the feed told them, by its id."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store = store
        self.closed: list[Alert] = []
        self.live: dict[int, Snapshot] = {}
        self.incidents.put = store.put_incidents
        self.remediation = FakeRemediation(self.now)
        self.remediation.withdraw()
        self.remediation.say(RemediationKind.HELD, node="ingest03", rail="many", text="too many")
        store.on_deliveries = lambda _: None
        store.follow(self.engine.series_names)
        for birth in self.births:
            store.put_birth(birth, self.now)

    def run(self, seconds: int, lost: str = "") -> None:
        for _ in range(seconds):
            slot = int(self.now)
            if slot >= FIRST + 2:
                self.second(slot, lost)
            self.now += 1.0
            self._keep(self.engine.tick(self.now))
            told_at = self.now + BEAT_AT_S
            self.live[int(self.now)] = take_snapshot(self, WebOptions(), now=told_at, viewers=0)

    def _keep(self, tick: Tick) -> None:
        self.store.put_slots(tick.slots)
        self.store.put_lives(tick.lives)
        if tick.settled:
            every = np.arange(len(self.engine.series_names), dtype=np.int32)
            steps = np.full((len(every), 5), -1, dtype=np.int32)
            steps[:, 1:4] = (2_000, 5_000, 100)
            self.store.put_timings(tick.settled[-1].slot, Timings(every, steps, ()))
            for service, minute, sums in self.engine.kept().minutes:
                self.store.put_slo(service, minute, sums)
        self.store.put_transitions([routed(each) for each in tick.transitions])
        self.incidents.changed(*tick.transitions, now=self.now)
        for each in tick.transitions:
            if each.change is Change.CLOSED:
                self.closed.insert(0, each.alert)

    def recent_alerts(self, limit: int) -> list[Alert]:
        return self.closed[:limit]

    async def explain(self, ref: str) -> list[Transition] | None:
        alert = await self.store.find_alert(ref)
        return None if alert is None else await self.store.explained(alert.number)

    def health(self) -> Health:
        store = self.store.health()
        check = Check(name="store", ok=not store.error, detail=store.error)
        return replace(super().health(), checks=(check,))

    async def written(self) -> None:
        """All that was handed to the store is in it."""
        while self.store.health().waiting:  # noqa: ASYNC110 - bounded by the test's time
            await asyncio.sleep(0.01)
        assert not self.store.health().error


class KeptSite:
    """The application on a real socket."""

    def __init__(self, view: KeptView, server: TestServer, client: aiohttp.ClientSession) -> None:
        self.view = view
        self.server = server
        self.client = client

    async def get(self, path: str, status: int = 200) -> Any:
        """The JSON of an answer."""
        return msgspec.json.decode(await self.read(path, status))

    async def read(self, path: str, status: int = 200) -> bytes:
        """The body of an answer."""
        async with self.client.get(path) as response:
            body = await response.read()
            assert response.status == status, (path, body[:500])
            return body


@asynccontextmanager
async def kept_site(url: str) -> AsyncIterator[KeptSite]:
    """A site on an empty database."""
    store = await Store.open(url)
    view = KeptView(store)
    readers = Readers(reader_tasks.MODULE, url)
    readers.start()
    options = WebOptions(targets=SomeNodes())
    app = make_app(view, options, readers, now=lambda: view.now, paced=False)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    client = aiohttp.ClientSession(server.make_url("/"))
    try:
        yield KeptSite(view, server, client)
    finally:
        await client.close()
        await server.close()
        await readers.close()
        await store.close()
