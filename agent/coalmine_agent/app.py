"""The agent as a service: wires the runner to its publisher, telemetry, listener, systemd and signals.

Order matters at both ends. At the start everything that can fail for good (files, port, spool) is had
before the first datapoint; the broker alone may fail and is retried. At the end the slot under way is
finished, told, and only then comes the goodbye.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import uvloop

from coalmine_agent.batch import Batcher, Told
from coalmine_agent.expiry_watch import ExpiryWatch
from coalmine_agent.exposition import CONTENT_TYPE, Exposition
from coalmine_agent.health import STALE_S, Health, Reloads
from coalmine_agent.loaded import Loaded, load_agent, unchangeable
from coalmine_agent.plan import EndpointPlan
from coalmine_agent.publisher import Publisher
from coalmine_agent.resolver import Resolver
from coalmine_agent.runner import Runner
from coalmine_agent.settings import MetricsSettings, StatsdSettings
from coalmine_agent.spool import Spool
from coalmine_agent.telemetry import Telemetry
from coalmine_runtime import clock, logs, systemd
from coalmine_runtime.config_error import ConfigError
from coalmine_runtime.daemon_threads import DaemonThreads
from coalmine_runtime.version import VERSION
from coalmine_wire.reports import SlotReport

if TYPE_CHECKING:
    from coalmine_agent.node.node_health import NodeHealth
    from coalmine_agent.probe_listener import Answer, ProbeListener
    from coalmine_agent.statsd_sink import StatsdSink

log = logs.get_logger("agent")

GOODBYE_S = 0.4
"""With the runner's 1.45 s at most, an agent is gone within 2 s of SIGTERM."""


RELOAD_PAUSE_S = 3.0
"""Between reloads: the slots of the revision before may end until then, and no older plans are kept."""


class StartError(Exception):
    """What keeps the agent from starting, in one line."""


def run_agent(path: Path, env: Mapping[str, str]) -> None:
    """Runs until SIGTERM or SIGINT. Raises `ConfigError` and `StartError`."""
    boot = os.urandom(6).hex()
    loaded = load_agent(path, env, boot=boot, started_at=clock.wall())
    logs.set_up(loaded.settings.log.format, loaded.settings.log.level)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(App(path, env, loaded).run())


class App:
    """One agent, from start to goodbye."""

    def __init__(self, path: Path, env: Mapping[str, str], loaded: Loaded) -> None:
        self._path = path
        self._env = env
        self._loaded = loaded
        self._telemetry = Telemetry()
        self._began_at = self._went_out_at = clock.monotonic()
        self._reloads = Reloads()
        self._expiries = ExpiryWatch()
        self._plans: dict[int, list[EndpointPlan]] = {}
        self._batcher = self._new_batcher(loaded)
        self._listener: ProbeListener | None = None
        self._node: NodeHealth | None = None
        self._statsd: StatsdSink | None = None
        self._statsd_task: asyncio.Task[None] | None = None
        self._watchdog = systemd.watchdog_interval_s(env) is not None
        self._stop = asyncio.Event()
        self._stopped_by = ""
        self._hung_up = asyncio.Event()

    async def run(self) -> None:
        """Raises `StartError`."""
        loop = asyncio.get_running_loop()
        loop.set_default_executor(DaemonThreads())
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_stop, number)
        loop.add_signal_handler(signal.SIGHUP, self._hung_up.set)
        loaded = self._loaded
        spool = self._open_spool(loaded)
        self._publisher = Publisher(loaded.identity, loaded.broker, loaded.broker_context, spool)
        self._listener = await self._open_listener(loaded.settings.metrics)
        self._node = await self._open_node(loaded)
        resolver = Resolver()
        self._runner = Runner(
            loaded.plans,
            on_slot=self._on_slot,
            resolver=resolver,
            control=loaded.identity.control,
            on_bad=self._on_bad,
        )
        self._start_statsd(loaded.settings.statsd)
        self._plans[1] = loaded.plans
        first_slot = self._runner.start()
        self._publisher.announce(
            loaded.identity, loaded.identity.birth(self._runner.revision, first_slot, loaded.plans)
        )
        publishing = asyncio.ensure_future(_go_on(self._publisher.run, self._stop))
        reloading = asyncio.ensure_future(_go_on(self._reload_on_hangup, self._stop))
        log.info(
            "agent.started",
            agent=loaded.identity.id,
            boot=loaded.identity.boot,
            version=VERSION,
            endpoints=len(loaded.plans),
            first_slot=first_slot,
            control=loaded.identity.control is not None,
        )
        systemd.notify(f"{systemd.READY}\n{self._status()}", self._env)
        await self._stop.wait()
        systemd.notify(systemd.STOPPING, self._env)
        reloading.cancel()
        leaving = asyncio.ensure_future(self._leave_node())
        await self._end(publishing)
        await leaving
        await asyncio.gather(reloading, return_exceptions=True)
        await resolver.close()
        spool.close()

    # Slots.

    def _on_slot(self, revision: int, report: SlotReport) -> None:
        plans = self._plans[revision]
        if self._telemetry.slot(plans, report):
            self._went_out_at = clock.monotonic()
            if self._watchdog:
                systemd.notify(systemd.WATCHDOG, self._env)
        if self._statsd is not None:
            self._statsd.slot(plans, report)
        if self._node is not None:
            self._node.slot(plans, report)
        self._tell(self._batcher.add(revision, report))

    def _on_bad(self, revision: int, report: SlotReport) -> None:
        """Of a slot that goes on: the numbers are counted at its end."""
        self._tell(self._batcher.ahead(revision, report))

    def _tell(self, told: list[Told]) -> None:
        for revision, slots in told:
            known = self._runner.expiries(revision)
            expiries = self._expiries.due(revision, slots[-1].slot, known)
            self._publisher.report(revision, slots, expiries)

    # The end.

    def _on_stop(self, number: int) -> None:
        self._stopped_by = signal.Signals(number).name
        self._stop.set()

    async def _end(self, publishing: asyncio.Future[None]) -> None:
        last_slot = await self._runner.finish()
        self._tell(self._batcher.flush())
        began = clock.monotonic()
        heard = await self._publisher.goodbye(last_slot, self._stopped_by, GOODBYE_S)
        if heard:  # the polite end of the connection; otherwise there is nobody to be polite to
            left_s = max(GOODBYE_S - (clock.monotonic() - began), 0.05)
            await asyncio.wait([publishing], timeout=left_s)
        for task in (publishing, self._statsd_task):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        if self._listener is not None:
            await self._listener.close()
        log.info(
            "agent.stopped",
            reason=self._stopped_by,
            last_slot=last_slot,
            goodbye_heard=heard,
            unsent=self._publisher.spool.records,
            kept=self._publisher.spool.on_disk,
        )

    # Reloads.

    async def _reload_on_hangup(self) -> None:
        while True:
            await self._hung_up.wait()
            self._hung_up.clear()
            systemd.notify(systemd.reloading(), self._env)
            revision = self._runner.revision
            try:
                await self._reload()
            except ConfigError as error:
                self._reloads.refused += 1
                self._reloads.error = str(error)
                for problem in error.problems:
                    log.error("agent.reload.refused", problem=problem)
            else:
                self._reloads.done += 1
                self._reloads.error = ""
            finally:  # systemd waits for it, whatever happened
                systemd.notify(f"{systemd.READY}\n{self._status()}", self._env)
            if self._runner.revision != revision:
                await asyncio.sleep(RELOAD_PAUSE_S)

    async def _reload(self) -> None:
        """Takes over the file as it is now, or raises `ConfigError` and changes nothing."""
        old = self._loaded
        identity = old.identity
        # In a thread: reading a large file takes longer than the loop may be held up.
        new = await asyncio.to_thread(
            load_agent, self._path, self._env, boot=identity.boot, started_at=identity.started_at
        )
        if problems := unchangeable(old, new, self._path):
            raise ConfigError(problems)
        if new.settings.metrics != old.settings.metrics:
            try:
                listener = await self._open_listener(new.settings.metrics)
            except StartError as error:
                raise ConfigError.of(self._path, "metrics.listen", str(error)) from None
            self._listener, previous = listener, self._listener
            if previous is not None:
                await previous.close()
        if self._node is not None:
            self._node.update(new.identity.node, new.settings.services)
            self._publisher.hear(self._node.topics())
        first_slot = self._runner.replace(new.plans, new.identity.control)
        revision = self._runner.revision
        self._plans = {revision - 1: self._plans[revision - 1], revision: new.plans}
        self._publisher.announce(new.identity, new.identity.birth(revision, first_slot, new.plans))
        if new.identity.interval_s != identity.interval_s:
            self._tell(self._batcher.flush())
            self._batcher = self._new_batcher(new)
        if new.settings.statsd != old.settings.statsd:
            self._start_statsd(new.settings.statsd)
        self._publisher.move(new.broker, new.broker_context)
        logs.set_up(new.settings.log.format, new.settings.log.level)
        self._loaded = new
        log.info(
            "agent.reload.done", revision=revision, first_slot=first_slot, endpoints=len(new.plans)
        )

    # The parts around.

    def _new_batcher(self, loaded: Loaded) -> Batcher:
        offset = int(loaded.identity.boot[:4], 16)  # spreads a fleet's reports
        return Batcher(loaded.identity.interval_s, offset)

    def _open_spool(self, loaded: Loaded) -> Spool:
        bounds = loaded.settings.agent.spool
        folder = loaded.state_dir / "spool" if loaded.state_dir else None
        try:
            return Spool(max_bytes=bounds.max_bytes, max_age_s=bounds.max_age, folder=folder)
        except OSError as error:
            raise StartError(f"agent.state_dir: {folder}: {error.strerror or error}") from None

    async def _open_listener(self, settings: MetricsSettings | None) -> ProbeListener | None:
        if settings is None:
            return None
        from coalmine_agent.probe_listener import open_listener

        try:
            pages = {"/metrics": self._metrics, "/health": self._health}
            return await open_listener(settings.listen, pages)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else error
            raise StartError(f"metrics.listen: {settings.listen}: {reason}") from None

    async def _open_node(self, loaded: Loaded) -> NodeHealth | None:
        settings = loaded.settings.health
        if settings is None:
            return None
        from coalmine_agent.node.node_health import NodeHealth, NodeHealthError

        node = NodeHealth(
            settings, loaded.identity.fleet, loaded.identity.node, loaded.settings.services
        )
        try:
            await node.start()
        except NodeHealthError as error:
            raise StartError(str(error)) from None
        self._publisher.hear(node.topics())
        return node

    async def _leave_node(self) -> None:
        if self._node is not None:
            await self._node.farewell()
            await self._node.close()

    def _start_statsd(self, settings: StatsdSettings | None) -> None:
        if self._statsd_task is not None:
            self._statsd_task.cancel()
        self._statsd = self._statsd_task = None
        if settings is not None:
            from coalmine_agent.statsd_sink import StatsdSink

            self._statsd = StatsdSink(settings)
            self._statsd_task = asyncio.ensure_future(self._statsd.run())

    def _status(self) -> str:
        text = f"{len(self._loaded.plans)} endpoints, revision {self._runner.revision}"
        if self._loaded.identity.control:
            text += ", control agent"
        if self._reloads.error:
            text += f"; reload refused: {self._reloads.error}"
        return systemd.status(text)

    def _health(self) -> Answer:
        from coalmine_agent.probe_listener import Answer

        identity = self._loaded.identity
        now = clock.monotonic()
        fresh = now - self._went_out_at <= STALE_S
        health = Health(
            status="ok" if fresh else "failing",
            agent=identity.id,
            version=VERSION,
            revision=self._runner.revision,
            endpoints=len(self._loaded.plans),
            uptime_s=round(now - self._began_at, 3),
            last_slot=self._telemetry.last_slot,
            slots_missed=self._runner.counters.missed,
            broker_connected=self._publisher.connected,
            spooled_reports=self._publisher.spool.records,
            reload_error=self._reloads.error,
        )
        return Answer(200 if fresh else 503, "application/json", msgspec.json.encode(health) + b"\n")

    def _metrics(self) -> Answer:
        from coalmine_agent.probe_listener import Answer

        out = Exposition()
        info = {"version": VERSION, "agent": self._loaded.identity.id}
        out.gauge("coalmine_agent_info", "1, with what runs as labels.", (info, 1))
        self._telemetry.expose(out)
        self._publisher.expose(out)
        self._reloads.expose(out)
        counters = self._runner.counters
        out.counter(
            "coalmine_agent_clock_jumps_total",
            "Times the clock stepped or the machine was suspended.",
            ({"what": "clock_step"}, counters.clock_steps),
            ({"what": "suspended"}, counters.suspends),
        )
        out.counter(
            "coalmine_agent_slots_missed_total",
            "Slots that nothing was started in.",
            ({}, counters.missed),
        )
        if counters.withheld or self._loaded.identity.control:
            out.counter(
                "coalmine_agent_withheld_total",
                "Datapoints that this control agent lost on purpose.",
                ({}, counters.withheld),
            )
        out.gauge(
            "coalmine_agent_loop_lag_max_seconds",
            "The longest that the send loop was held up.",
            ({}, counters.lag_max_s),
        )
        out.gauge(
            "coalmine_agent_start_late_max_seconds",
            "The latest start of an attempt against its phase.",
            ({}, counters.late_max_s),
        )
        if self._node is not None:
            self._node.expose(out)
        if self._statsd is not None:
            out.counter(
                "coalmine_agent_statsd_dropped_total",
                "Numbers that did not leave for StatsD.",
                ({"unit": "datagrams"}, self._statsd.failed_datagrams),
                ({"unit": "slots"}, self._statsd.dropped_slots),
            )
        return Answer(200, CONTENT_TYPE, out.text().encode())


async def _go_on(work: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
    """Runs a chore that must not end the sending when it has a fault: logged, and begun again."""
    while True:
        try:
            await work()
            return
        except Exception as error:
            log.exception("agent.chore.bug", error, chore=getattr(work, "__name__", ""))
        if stop.is_set():
            return
        await asyncio.sleep(1)
