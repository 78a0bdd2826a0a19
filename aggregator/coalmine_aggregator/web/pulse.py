"""The beat of the page: once a second one snapshot, encoded once, to every viewer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from coalmine_aggregator.web.feed import Feed
from coalmine_aggregator.web.metrics import Metrics
from coalmine_aggregator.web.options import WebOptions
from coalmine_aggregator.web.snapshot import take_snapshot
from coalmine_aggregator.web.view import View
from coalmine_runtime.logs import get_logger

log = get_logger("web")

BEAT_AT_S = 0.25
"""Where in the second it beats: slots are settled at its start."""


class Pulse:
    """Takes snapshots while somebody looks, and keeps the counters of `/metrics` going."""

    def __init__(self, view: View, options: WebOptions, feed: Feed, metrics: Metrics) -> None:
        self.feed = feed
        self._view = view
        self._options = options
        self._metrics = metrics
        self._taken_at = -1.0
        self._snapshot = b""
        self._event = b""

    def beat(self, now: float) -> None:
        """One second has passed; `now` is the wall clock."""
        self._metrics.advance(now)
        if self.feed.viewers:
            self.feed.publish(self._take(now))

    def event(self, now: float) -> bytes:
        """The newest snapshot, at most a second old, as a server-sent event."""
        self._refresh(now)
        return self._event

    def snapshot(self, now: float) -> bytes:
        """The newest snapshot, at most a second old, as JSON."""
        self._refresh(now)
        return self._snapshot

    def _refresh(self, now: float) -> None:
        if not 0 <= now - self._taken_at < 1.0:
            self._take(now)

    def _take(self, now: float) -> bytes:
        viewers = len(self.feed.viewers)
        snapshot = take_snapshot(self._view, self._options, now=now, viewers=viewers)
        self._snapshot = msgspec.json.encode(snapshot)
        self._event = b"event: snapshot\nid: %d\ndata: %b\n\n" % (int(now), self._snapshot)
        self._taken_at = now
        return self._event

    async def run(self, now: Callable[[], float]) -> None:
        """Beats until it is cancelled. A beat that fails is logged and the next one tried."""
        while True:
            time = now()
            await asyncio.sleep((BEAT_AT_S - time) % 1.0 or 1.0)
            try:
                self.beat(now())
            except Exception as error:
                log.exception("web.pulse.failed", error)
