"""The live feed: server-sent events to a bounded number of viewers.

Publishing never waits. A viewer that does not read fast enough is cut off (its browser reconnects
and starts from the newest snapshot), so that one slow phone holds up nobody and no memory.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from aiohttp import web

from coalmine_aggregator.web.problems import ProblemError
from coalmine_runtime.logs import get_logger

log = get_logger("web")

BACKLOG = 3
"""Snapshots that wait for one viewer; at one more it is cut off."""

_END = b""


class Viewer:
    """One open stream. `session` is the id of the one that lets it in, empty without one."""

    __slots__ = ("events", "session", "transport")

    def __init__(self, transport: asyncio.Transport | None, session: str) -> None:
        self.events: asyncio.Queue[bytes] = asyncio.Queue(BACKLOG)
        self.session = session
        self.transport = transport

    def end(self) -> None:
        """Ends the stream after what was sent; what still waits is left out."""
        while not self.events.empty():
            self.events.get_nowait()
        self.events.put_nowait(_END)

    def cut(self) -> None:
        """Ends the stream at once, whatever is still unsent."""
        if self.transport is not None:
            self.transport.abort()


class Feed:
    """Who is looking."""

    def __init__(self, max_viewers: int) -> None:
        self._max = max_viewers
        self.viewers: set[Viewer] = set()
        self.refused = 0
        self.cut_off = 0
        self.closed = False

    def publish(self, event: bytes) -> None:
        """Hands the event to every viewer."""
        for viewer in tuple(self.viewers):
            try:
                viewer.events.put_nowait(event)
            except asyncio.QueueFull:
                self.viewers.discard(viewer)
                self.cut_off += 1
                log.warning("web.viewer.cut_off", backlog=BACKLOG, viewers=len(self.viewers))
                viewer.cut()

    def close(self) -> None:
        """Ends every stream, as the server stops."""
        self.closed = True
        for viewer in tuple(self.viewers):
            viewer.end()

    def sign_out(self, session: str) -> None:
        """Ends at once every stream that this session lets in."""
        for viewer in tuple(self.viewers):
            if viewer.session == session:
                viewer.end()
                viewer.cut()  # one that does not read would keep it open

    async def stream(
        self, request: web.Request, first: bytes, lasts_s: float | None = None, session: str = ""
    ) -> web.StreamResponse:
        """Answers `request` with `first` and then every event, until either side ends it, `lasts_s`
        are over, or `session` is signed out of: then whoever watches has to be let in anew."""
        if self.closed or len(self.viewers) >= self._max:
            self.refused += 1
            log.warning("web.viewer.refused", viewers=len(self.viewers), bound=self._max)
            raise ProblemError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "too-many-viewers",
                f"{self._max} viewers are watching already.",
                hint="ask /api/v1/rates instead, or try again later",
                headers={"Retry-After": "10"},
            )
        viewer = Viewer(request.transport, session)
        self.viewers.add(viewer)
        loop = asyncio.get_running_loop()
        end = None if lasts_s is None else loop.call_later(lasts_s, viewer.cut)
        try:
            response = web.StreamResponse(
                headers={
                    "Content-Type": "text/event-stream",
                    "Cache-Control": "no-store",
                    "X-Accel-Buffering": "no",
                }
            )
            await response.prepare(request)
            await response.write(b"retry: 1000\n\n" + first)
            while event := await viewer.events.get():
                await response.write(event)
        except ConnectionError:
            pass  # the viewer left, or was cut off
        finally:
            self.viewers.discard(viewer)
            if end is not None:
                end.cancel()
        return response
