"""Remediation as it runs: decisions to those who carry them out, people's word to the decisions.

Nothing here waits but what people do, which is on disk before they are told that it is. A fault
here costs remediation something, never the counting or a page: what was said to outputs ends with its
lease.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Final, Protocol

from coalmine_aggregator.actuate.differing import PATIENCE_S, Differing, ticket
from coalmine_aggregator.actuate.output import Output, Standing
from coalmine_aggregator.actuate.stop_file import NotWrittenError, Stop, StopFile
from coalmine_aggregator.actuate.switch import Switch
from coalmine_aggregator.engine import Engine
from coalmine_aggregator.lease_link import LeaseLink, Said
from coalmine_aggregator.model.findings import Finding
from coalmine_aggregator.model.incident import EntryKind
from coalmine_aggregator.model.pin import Pin, PinChange, PinState
from coalmine_aggregator.model.progress import Progress
from coalmine_aggregator.model.remediation_event import RemediationEvent, RemediationKind
from coalmine_aggregator.model.scopes import Scope
from coalmine_aggregator.model.withdrawal import Mode, Wanted
from coalmine_aggregator.remediate.lease_word import LeaseWord
from coalmine_aggregator.remediate.pins import Pins
from coalmine_aggregator.remediate.turn import NO_TURN, Controls, Turn
from coalmine_aggregator.store.store import Store
from coalmine_aggregator.web.duty import NotKeptError
from coalmine_runtime import clock
from coalmine_runtime.logs import get_logger

EVERY_S: Final = 1.0
"""How often the stop file is looked at."""

RESTART_S: Final = (1.0, 30.0)
"""After an output, or another part, that ended by itself."""

GONE_S: Final = 30.0
"""Who has said nothing for so long is not there to be asked."""

RECENT: Final = 200

_log = get_logger("remediation")

_TIMELINE: Final = {
    RemediationKind.WITHDRAWN: EntryKind.WITHDRAWN,
    RemediationKind.RESTORED: EntryKind.RETURNED,
    RemediationKind.REVERTED: EntryKind.RETURNED,
}


class Timeline(Protocol):
    """Where incidents are told what was done."""

    def happened(self, kind: EntryKind, service: str, scope: Scope, text: str, now: float) -> None:
        """Something was done to what a scope names."""


class LiveRemediation:
    """Tells outputs what is wanted, once a second, and people's word to the engine. See also `Decider`
    and `Watcher` of the measuring, and `Board` of the lease."""

    def __init__(
        self,
        engine: Engine,
        store: Store,
        timeline: Timeline,
        outputs: Sequence[Output],
        stop_file: StopFile,
        services: Sequence[str],
        pins: Sequence[PinChange],
        link: LeaseLink | None,
        now: float,
    ) -> None:
        """`services` are those that opted in, `pins` what people have said of their nodes, `link` the
        way to the other aggregator of a pair."""
        self.services = tuple(services)
        self.outputs = tuple(outputs)
        self.recent: deque[RemediationEvent] = deque(maxlen=RECENT)
        self.events: Counter[tuple[str, RemediationKind]] = Counter()
        self._engine = engine
        self._store = store
        self._timeline = timeline
        self._switch = Switch(stop_file)
        self._pins = Pins(pins)
        self._link = link
        self._theirs = Stop("", "")
        self._heard_at = -math.inf
        self._now = now
        self._wanted: Mapping[str, Wanted] = {}
        self._differing = Differing()
        self._unled_since: float | None = None
        self._faults: Counter[str] = Counter()

    async def run(self) -> None:
        """Until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_running("stop_file", self._watch_stop_file))
            for output in self.outputs:
                group.create_task(self._keep_running(output.name, output.run))
            if self._link is not None:
                group.create_task(self._keep_running("lease", partial(self._link.run, self)))

    async def goodbye(self) -> None:
        """Before `run` is cancelled by order: the other aggregator takes over at once."""
        if self._link is not None:
            await self._link.goodbye()

    # What the measuring calls. None of these waits.

    def controls(self) -> Controls:
        """What people and the pair say, before each tick."""
        stopped = self.stopped or Stop("", "")
        return Controls(self.holds, stopped.by, stopped.why, self._pins.standing)

    def take(self, turn: Turn, now: float) -> None:
        """What a tick decided."""
        self._now = now
        if turn is NO_TURN:
            return
        self._wanted = turn.wanted
        self._show()
        self._tell(turn.events)

    def look(self, progress: Progress) -> Sequence[Finding]:
        """Outputs that do not do as they are told, and a lease that nobody can have."""
        now = progress.now
        self._pins.forget(now)
        found = self._differing.look(self.standings(), self.wanted, now)
        trouble = "" if self._link is None else self._link.trouble()
        if not trouble:
            self._unled_since = None
            return found
        self._unled_since = min(now, self._unled_since or now)
        if now - self._unled_since >= PATIENCE_S:
            found.append(ticket("lease", self._unled_since, trouble))
        return found

    # What the other aggregator is told, and says.

    def said(self) -> Said:
        """See `Board`."""
        stop = self._switch.stop or Stop("", "")
        return Said(stop.by, stop.why, self._pins.changes, self._engine.remembered())

    def heard(self, word: LeaseWord) -> None:
        """See `Board`."""
        self._theirs, self._heard_at = Stop(word.stopped_by, word.stopped_why), clock.boottime()
        for change in self._pins.merge(word.changes, self._now):
            self._store.put_pin(change)
        if word.claims and not word.is_cut:
            self._engine.adopt(word.memory)

    # What people look at.

    @property
    def holds(self) -> bool:
        """Whether this aggregator acts; always where it has no other."""
        return self._link is None or self._link.holds()

    @property
    def stopped(self) -> Stop | None:
        """Who stopped all of it, here or at the other aggregator; None where nobody did."""
        if self._switch.stop is not None:
            return self._switch.stop
        if self._link is not None and self._theirs.by:
            return self._theirs._replace(by=f"{self._theirs.by} at aggregator {self._link.peer}")
        return None

    @property
    def unwritten(self) -> str:
        """Why a restart would forget that it was stopped here; empty where it would not."""
        return self._switch.unwritten

    @property
    def is_stopped(self) -> bool:
        """Whether people stopped it."""
        return self.stopped is not None

    @property
    def wanted(self) -> Mapping[str, Wanted]:
        """The newest decisions, by service, of those that still count."""
        return {
            service: word
            for service, word in self._wanted.items()
            if -word.lease_s < self._now - word.at < word.lease_s
        }

    @property
    def pins(self) -> tuple[Pin, ...]:
        """Those that stand."""
        return self._pins.standing

    def standings(self) -> list[Standing]:
        """How each output stands."""
        found = []
        for output in self.outputs:
            try:
                found.append(output.standing())
            except Exception as error:
                self._fault(output.name, error)
                found.append(Standing(output.name, None, None, f"cannot say how it stands: {error}"))
        return found

    # What people do.

    async def stop(self, by: str, why: str, now: float) -> None:
        """Nothing is withdrawn any more, and whoever is out comes back: at once, whatever the disk
        does. Raises `NotWrittenError` where a restart would forget it; writing is tried each second."""
        self._switch.pull(Stop(by, why, now))
        self._tell([RemediationEvent(RemediationKind.STOPPED, now, "", text=why, by=by)])
        try:
            await self._switch.keep()
        except OSError as error:
            self._fault("stop_file", error)
            raise NotWrittenError(self._switch.unwritten) from None
        await self._kept()

    async def resume(self, by: str, now: float) -> None:
        """It goes on. Raises OSError, and ValueError where it was stopped at the other aggregator; one
        that is not heard of any more is not asked."""
        if self._switch.stop is None and self._link is not None and self._theirs.by:
            if clock.boottime() - self._heard_at < GONE_S:
                raise ValueError(
                    f"it was stopped by {self._theirs.by} at aggregator {self._link.peer}: resume it "
                    "there"
                )
            self._theirs = Stop("", "")
        await self._switch.put_back()
        self._tell([RemediationEvent(RemediationKind.RESUMED, now, "", by=by)])
        await self._kept()

    async def pin(
        self, service: str, node: str, state: PinState, by: str, why: str, now: float
    ) -> None:
        """Keeps a node in or out, whatever is seen. Raises ValueError that begins with the field which
        cannot be."""
        self._check(service)
        change = self._pins.say(PinChange(service, node, state, by, why, now))
        text = f"pinned {state}: {why}" if why else f"pinned {state}"
        await self._said(change, RemediationKind.PINNED, text)

    async def release(self, service: str, node: str, by: str, now: float) -> None:
        """Decides on a node again. Raises KeyError where it is not pinned, and ValueError."""
        self._check(service)
        if self._pins.find(service, node) is None:
            raise KeyError(node)
        change = self._pins.say(PinChange(service, node, None, by, "", now))
        await self._said(change, RemediationKind.RELEASED, "")

    async def _said(self, change: PinChange, kind: RemediationKind, text: str) -> None:
        self._store.put_pin(change)
        event = RemediationEvent(
            kind, change.at, change.service, change.node, text=text[:1_000], by=change.by
        )
        self._tell([event])
        await self._kept()

    async def _kept(self) -> None:
        if not await self._store.flushed():
            raise NotKeptError

    def _check(self, service: str) -> None:
        if service not in self.services:
            known = ", ".join(self.services) or "none did"
            raise ValueError(f'service: "{service}" has not opted in to remediation ({known})')

    # What it does by itself.

    def _show(self) -> None:
        """Decisions of a holder are shown only while it is one: the lease may have ended since."""
        acts = any(word.mode is Mode.ACTING for word in self._wanted.values())
        if acts and not self.holds:
            return
        for output in self.outputs:
            try:
                output.show(self._wanted)
            except Exception as error:
                self._fault(output.name, error)

    def _tell(self, events: Sequence[RemediationEvent]) -> None:
        """The store, the logs, incidents, and the other aggregator."""
        self._store.put_remediation(events)
        for event in events:
            self.recent.appendleft(event)
            self.events[event.service, event.kind] += 1
            fields = {key: value for key, value in event._asdict().items() if value and key != "kind"}
            _log.warning(f"remediation.{event.kind}", **fields)
            if event.kind in _TIMELINE:
                self._file(event, _TIMELINE[event.kind])
        if self._link is not None and events:
            self._link.stir()

    def _file(self, event: RemediationEvent, kind: EntryKind) -> None:
        text = f"In a dry run, nothing was done: {event.text}" if event.dry_run else event.text
        try:
            self._timeline.happened(kind, event.service, (("node", event.node),), text, event.at)
        except Exception as error:
            self._fault("timeline", error)

    def _fault(self, part: str, error: Exception) -> None:
        before = self._faults[part]
        self._faults[part] += 1
        # Each second, for as long as it lasts, would fill a log: say it at powers of two.
        if (before + 1).bit_length() > before.bit_length():
            _log.exception("remediation.fault", error, part=part, faults=before + 1)

    async def _watch_stop_file(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                before, found = await self._switch.look()
            except OSError as error:
                self._fault("stop_file", error)
                continue
            if (before is None) is not (found is None):
                stop, now = found or before or Stop("", ""), clock.wall()
                kind = RemediationKind.RESUMED if found is None else RemediationKind.STOPPED
                by, why = (stop.by, stop.why) if found is not None else ("the stop file", "it is gone")
                self._tell([RemediationEvent(kind, now, "", text=why, by=by)])

    async def _keep_running(self, part: str, run: Callable[[], Awaitable[None]]) -> None:
        """No fault of a part ends anything else."""
        wait, longest = RESTART_S
        while True:
            began = clock.monotonic()
            try:
                await run()
                _log.error("remediation.ended", part=part, restart_s=wait)
            except Exception as error:
                self._fault(part, error)
            if clock.monotonic() - began >= longest:
                wait = RESTART_S[0]
            await asyncio.sleep(wait)
            wait = min(longest, wait * 2)
