"""The heartbeat: somebody outside is told, again and again, that this aggregator counts right.

Where it stops, they tell; so it is sent only while the settle loop runs in time and the known loss of
control agents was lately counted right. While that is counted wrong, `/fail` is told at once and then
as often. That is the convention of healthchecks.io, which others keep to as well.
"""

from __future__ import annotations

import asyncio
from typing import Final

from coalmine_aggregator.model.alerts import AlertClass, Severity
from coalmine_aggregator.model.findings import Finding
from coalmine_aggregator.model.progress import Progress
from coalmine_aggregator.notify.guarded import guarded
from coalmine_aggregator.notify.heartbeat_settings import HeartbeatSettings
from coalmine_aggregator.notify.http import Client
from coalmine_aggregator.notify.pulse import Pulse
from coalmine_aggregator.notify.receiver import RefusedError, TryLaterError
from coalmine_aggregator.notify.targets import target_of
from coalmine_runtime import clock
from coalmine_runtime.logs import get_logger

HANDLE: Final = "heartbeat"

LOOK_S: Final = 1.0
"""How soon it is seen that the counting is wrong."""

MISSED: Final = 3
"""So many beats in a row that nobody took are told."""

_TAKEN: Final = range(200, 300)

log = get_logger("notify.heartbeat")


class Heartbeat:
    """Sends while `run` runs. `sent` and `failed` count requests, `failed` faults of ours as well."""

    def __init__(self, settings: HeartbeatSettings, pulse: Pulse) -> None:
        self._settings = settings
        self._pulse = pulse
        self._missed = 0
        self._missed_since = 0.0
        self._error = ""
        self._due = float("-inf")  # on the loop's clock
        self._was_wrong = False
        self.sent = 0
        self.failed = 0

    def look(self, progress: Progress) -> list[Finding]:
        """That nobody takes it; see `Watcher`."""
        del progress
        if self._missed < MISSED:
            return []
        note = f"the heartbeat is not taken, {MISSED} times in a row or more: {self._error}"
        since = int(self._missed_since)
        # A ticket: whoever waits for the heartbeat calls people by now.
        return [Finding(AlertClass.PEER, "_fleet", HANDLE, Severity.TICKET, (), since, note=note)]

    async def run(self) -> None:
        """Until it is cancelled."""
        url = self._settings.url.text.rstrip("/")
        session = guarded(target_of(self._settings.url, private=self._settings.allow_private))
        client = Client(session, owned=True)
        try:
            while True:
                try:
                    await self._beat(client, url)
                except Exception as error:
                    # A fault of ours in one beat must end neither the others nor the aggregator.
                    log.exception("notify.heartbeat.fault", error)
                    self._miss(f"fault: {type(error).__name__}")
                await asyncio.sleep(min(LOOK_S, self._settings.every))
        finally:
            await client.close()

    async def _beat(self, client: Client, url: str) -> None:
        """Sends where it is time to."""
        loop = asyncio.get_running_loop()
        wrong = self._pulse.is_wrong
        is_due = loop.time() >= self._due or (wrong and not self._was_wrong)
        self._was_wrong = wrong
        if is_due and (wrong or self._pulse.proves()):
            try:
                await self._send(client, f"{url}/fail" if wrong else url)
            finally:
                self._due = loop.time() + self._settings.every

    async def _send(self, client: Client, url: str) -> None:
        try:
            await client.request("GET", url, b"", accept=_TAKEN)
        except (TryLaterError, RefusedError) as error:
            self._miss(str(error)[:300])
            return
        if self._missed:
            log.info("notify.heartbeat.recovered", missed=self._missed)
        self._missed = 0
        self.sent += 1

    def _miss(self, error: str) -> None:
        self._error = error
        self.failed += 1
        if not self._missed:
            self._missed_since = clock.wall()
            log.warning("notify.heartbeat.failed", error=error)
        self._missed += 1
