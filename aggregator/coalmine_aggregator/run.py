"""Wires an aggregator together and runs it until it is told to stop. Imported by the command alone.

The order of a start: the store (what was), the engine (what is), the receivers, the broker and the
link to it, the page; readiness is told to systemd when all of them stand. A stop goes the other way.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import resource
import secrets
import signal
import ssl
from collections.abc import Coroutine, Sequence
from typing import Any

import aiohttp
import uvloop
from aiohttp import web
from prometheus_client.registry import Collector

from coalmine_aggregator.actuate.etcd.registration import Registration
from coalmine_aggregator.actuate.remediation_metrics import RemediationMetrics
from coalmine_aggregator.actuate.stop_file import StopFile
from coalmine_aggregator.broker import BrokerStartError, EmbeddedBroker, Listener
from coalmine_aggregator.engine import Engine
from coalmine_aggregator.lease_link import LeaseLink
from coalmine_aggregator.live_duty import LiveDuty
from coalmine_aggregator.live_incidents import LiveIncidents
from coalmine_aggregator.live_remediation import LiveRemediation
from coalmine_aggregator.live_remediation_desk import LiveRemediationDesk
from coalmine_aggregator.live_view import LiveView
from coalmine_aggregator.measuring import RECENT_ALERTS, Measuring, Watcher
from coalmine_aggregator.metrics.shared_counts import SharedCounts
from coalmine_aggregator.notify.alertmanager.watchdog import Watchdog
from coalmine_aggregator.notify.heartbeat import Heartbeat
from coalmine_aggregator.notify.heartbeat_metrics import HeartbeatMetrics
from coalmine_aggregator.notify.hooks import hooks_of
from coalmine_aggregator.notify.links import Links
from coalmine_aggregator.notify.notifier import Notifier
from coalmine_aggregator.notify.pulse import Pulse
from coalmine_aggregator.paging.silence import LONGEST_S
from coalmine_aggregator.paging.silences import MAX_SILENCES
from coalmine_aggregator.pair.pair import Pair
from coalmine_aggregator.pair_link import PairLink
from coalmine_aggregator.reading.readers import Readers
from coalmine_aggregator.receivers.limits import ReceiverLimits
from coalmine_aggregator.receivers.receivers import Listen, ListenError, Receivers
from coalmine_aggregator.receivers.table import SeriesTable
from coalmine_aggregator.remediation_outputs import (
    NO_OUTPUTS,
    Outputs,
    aggregator_name,
    outputs_of,
)
from coalmine_aggregator.reports import Reports
from coalmine_aggregator.settings import AggregatorSettings, BrokerChoice, ReceiveSettings, WebSettings
from coalmine_aggregator.status_settings import load_components
from coalmine_aggregator.store.database import StoreError
from coalmine_aggregator.store.store import Store
from coalmine_aggregator.web.app import make_app
from coalmine_aggregator.web.keys import METRICS
from coalmine_aggregator.web.listening import listening
from coalmine_aggregator.web.metrics_port import make_metrics_app
from coalmine_aggregator.web.options import WebOptions
from coalmine_aggregator.web.pair_metrics import PairMetrics
from coalmine_aggregator.web.reader_metrics import ReaderMetrics
from coalmine_aggregator.web.reader_tasks import MODULE as READER_TASKS
from coalmine_aggregator.web.service_targets import ServiceTargets
from coalmine_runtime import clock, logs, systemd
from coalmine_runtime.daemon_threads import DaemonThreads
from coalmine_runtime.mqtt import BrokerSettings, BrokerUrl, tls_context
from coalmine_runtime.quantities import Address
from coalmine_runtime.secret import Secret
from coalmine_runtime.settings import ConfigError, SettingError
from coalmine_runtime.tls import TlsServerSettings, server_context
from coalmine_wire.protocols import Protocol

_log = logs.get_logger("aggregator")

GARBAGE = (2_000, 10, 300)
"""Thresholds of the garbage collector. By default it walks the whole heap every few seconds, which at a
thousand agents holds up the measuring for 200 ms each time; so it takes 5 ms a second."""


class StartError(Exception):
    """Something that a start needs is not to be had; one line that says what and why."""


def run_until_stopped(settings: AggregatorSettings) -> None:
    """Runs until SIGTERM or SIGINT. Raises `StartError`."""
    logs.set_up(settings.log.format_, settings.log.level)
    _allow_descriptors()
    uvloop.run(_run(settings))


def _allow_descriptors() -> None:
    """As many as the system grants: a thousand, the usual soft limit, are few agents and no reserve for
    the store and the pager."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _run(settings: AggregatorSettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_default_executor(DaemonThreads())  # a look-up that hangs does not hold up the end
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        try:
            tasks = await _start(settings, stack)
        except (StoreError, ListenError, BrokerStartError) as error:
            raise StartError(str(error)) from None
        stopping = asyncio.create_task(stop.wait(), name="stop")
        gc.collect()
        gc.freeze()  # what a start leaves behind stays
        gc.set_threshold(*GARBAGE)
        systemd.notify(systemd.READY)
        _log.info("aggregator.started", fleet=settings.fleet, page=_page_url(settings.web))
        done, _ = await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
        systemd.notify(systemd.STOPPING)
        _log.info("aggregator.stopping")
        stopping.cancel()
        for task in done - {stopping}:
            task.result()  # a part that ends by itself failed: the process ends with its error


async def _start(
    settings: AggregatorSettings, stack: contextlib.AsyncExitStack
) -> list[asyncio.Task[None]]:
    """Starts every part and leaves its end on the stack; gives the tasks that must not end."""
    try:
        counts = stack.enter_context(SharedCounts.opened())
    except OSError as error:
        raise StartError(f"no folder for the counts of other processes: {error}") from None
    store = await Store.open(settings.store.reveal(), settings.history.retention())
    stack.push_async_callback(store.close)
    session = await stack.enter_async_context(
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
    )
    policy = settings.paging_policy()
    pulse = Pulse()
    watchdog = Watchdog(settings.fleet, pulse)
    named = settings.pair
    pair = None if named is None else Pair(named.name, named.peer, clock.wall())
    only = next(iter(settings.services)) if len(settings.services) == 1 else ""
    links = Links("" if settings.web.url is None else settings.web.url.text, only)
    notifier = await Notifier.open(settings.notify, policy, store, session, links, watchdog, pair)
    stack.push_async_callback(notifier.close)
    restored = await store.load()

    sources = list(settings.receive.listeners())
    engine = Engine(
        fleet=settings.fleet,
        policies=settings.policies(),
        own=settings.own_policy(),
        sources=sources,
        remediation=settings.remediation.policies(),
        restored=restored,
        detection=settings.detection.policy(),
        control_key=settings.control.key.reveal().encode() if settings.control else None,
        now=clock.wall(),
    )
    table = SeriesTable(secrets.token_bytes(16))
    heartbeat = None if settings.heartbeat is None else Heartbeat(settings.heartbeat, pulse)
    readers = Readers(
        READER_TASKS,
        settings.store.reveal(),
        settings.web.readers,
        environment=counts.environment,
    )
    incidents = await _incidents(settings, engine, store, readers)
    watchers: list[Watcher] = [pulse, notifier, incidents]
    if heartbeat is not None:
        watchers.append(heartbeat)
    measuring = Measuring(engine, table, store, notifier, watchers, [incidents])
    recent = await store.recent_alerts(RECENT_ALERTS)
    measuring.closed.extend(alert for alert in recent if alert.closed_at is not None)

    receivers = Receivers(
        _listens(settings.receive, sources),
        table=table,
        sink=measuring.receive,
        rejects=measuring.reject,
        limits=_limits(settings.receive),
        now=measuring.now,
    )
    await receivers.start()
    stack.push_async_callback(receivers.stop)

    link = await _broker(settings.broker, settings.fleet, stack)
    context = tls_context(link)
    meeting = None
    if pair is not None:
        past = await store.silences(clock.wall() - LONGEST_S, MAX_SILENCES)
        meeting = PairLink(link, context, pair, measuring, notifier, past)
        watchers.append(meeting)
    reports = Reports(link, measuring, measuring.now, context)
    remediation, outputs = await _remediation(settings, engine, store, incidents, link, context)
    if remediation is not None:
        measuring.decider = remediation
        watchers.append(remediation)
    desk = None
    if remediation is not None:
        rules, peer = settings.remediation.policies(), "" if named is None else named.peer
        desk = LiveRemediationDesk(remediation, engine, store, rules, peer)
    view = LiveView(
        fleet=settings.fleet,
        measuring=measuring,
        reports=reports,
        receivers=receivers,
        store=store,
        notifier=notifier,
        duty=LiveDuty(measuring, notifier, store, policy.rotas),
        incidents=incidents,
        remediation=desk,
        started_at=clock.wall(),
    )
    tasks = [
        _task(reports.run(), "reports", stack),
        _task(measuring.run(receivers, _watchdog()), "measuring", stack),
        _task(incidents.run(), "incidents", stack),
    ]
    if meeting is not None:
        tasks.append(_task(meeting.run(), "pair", stack))
        stack.push_async_callback(meeting.goodbye)
    if remediation is not None:
        tasks.append(_task(remediation.run(), "remediation", stack))
        stack.push_async_callback(remediation.goodbye)
    registration = _registration(settings, engine, measuring)
    if registration is not None:
        tasks.append(_task(registration.run(), "registration", stack))
    if heartbeat is not None:
        tasks.append(_task(heartbeat.run(), "heartbeat", stack))
    readers.start()
    stack.push_async_callback(readers.close)
    others: list[Collector] = [counts, ReaderMetrics(readers)]
    if heartbeat is not None:
        others.append(HeartbeatMetrics(heartbeat))
    if pair is not None:
        others.append(PairMetrics(pair, notifier.at_gate, measuring.now))
    if remediation is not None:
        others.append(RemediationMetrics(remediation, measuring.now))
    await _serve(settings, view, measuring, readers, others, outputs.targets, stack)
    return tasks


async def _incidents(
    settings: AggregatorSettings, engine: Engine, store: Store, readers: Readers
) -> LiveIncidents:
    path = settings.incidents.status_page
    try:
        components = None if path is None else load_components(path)
    except ConfigError as error:
        raise StartError(str(error)) from None
    policy = settings.incidents.policy(settings.fleet)
    return await LiveIncidents.started(policy, engine, store, readers, components, clock.wall())


async def _remediation(
    settings: AggregatorSettings,
    engine: Engine,
    store: Store,
    incidents: LiveIncidents,
    link: BrokerSettings,
    context: ssl.SSLContext | None,
) -> tuple[LiveRemediation | None, Outputs]:
    """None where no service opted in: then no output has anything to say."""
    named, services = settings.pair, settings.remediation.services
    if not services:
        return None, NO_OUTPUTS
    try:
        outputs = outputs_of(settings, link, context)
    except SettingError as error:
        raise StartError(f"remediation.outputs: {error.key}: {error}") from None
    lease = None if named is None else LeaseLink(link, context, named.name, named.peer)
    stop_file, pins = StopFile(settings.stop_file()), await store.pins()
    remediation = LiveRemediation(
        engine, store, incidents, outputs.each, stop_file, services, pins, lease, clock.wall()
    )
    return remediation, outputs


def _registration(
    settings: AggregatorSettings, engine: Engine, measuring: Measuring
) -> Registration | None:
    etcd = settings.remediation.outputs.etcd
    if etcd is None or etcd.register is None:
        return None
    # Nobody at all is what a new store knows until agents were heard.
    return Registration(etcd, aggregator_name(settings), lambda: engine.agents(measuring.now()) or None)


def _task(
    work: Coroutine[Any, Any, None], name: str, stack: contextlib.AsyncExitStack
) -> asyncio.Task[None]:
    task = asyncio.create_task(work, name=name)

    async def end() -> None:
        task.cancel()
        await asyncio.wait([task])

    stack.push_async_callback(end)
    return task


def _watchdog() -> Any:
    """What the settle loop calls when it has done its work."""
    interval_s = systemd.watchdog_interval_s()
    if interval_s is None:
        return lambda: None
    told = 0.0

    def alive() -> None:
        nonlocal told
        now = clock.monotonic()
        if now - told >= interval_s / 3:
            told = now
            systemd.notify(systemd.WATCHDOG)

    return alive


def _listens(receive: ReceiveSettings, sources: list[str]) -> list[Listen]:
    key = receive.key.reveal().encode() if receive.key else b""
    listens = []
    for source, name in enumerate(sources):
        address = receive.listeners()[name]
        protocol = Protocol(name)
        tls = None
        if protocol.over_tls:
            assert receive.certificate is not None
            tls = server_context(receive.certificate)
        listens.append(
            Listen(
                protocol=protocol,
                host=address.host,
                port=address.port,
                source=source,
                allow_from=tuple(receive.allow_from),
                key=key,
                tls=tls,
                path=receive.https.path if receive.https else "",
            )
        )
    return listens


def _limits(receive: ReceiveSettings) -> ReceiverLimits:
    limits = receive.limits
    return ReceiverLimits(
        connections=limits.connections,
        connections_per_address=limits.connections_per_address,
        idle_s=limits.idle,
        body_bytes=limits.body,
    )


async def _broker(choice: BrokerChoice, fleet: str, stack: contextlib.AsyncExitStack) -> BrokerSettings:
    """How to reach the broker; the embedded one is started first."""
    if choice.url is not None:
        return choice.client(fleet)
    certificate = choice.certificate
    broker = EmbeddedBroker(
        Listener(
            address=choice.embedded,
            password=choice.password.reveal() if choice.password else None,
            certificate=certificate.certificate_file if certificate else None,
            private_key=certificate.private_key_file if certificate else None,
        )
    )
    await broker.start()
    stack.push_async_callback(broker.stop)
    return BrokerSettings(
        url=BrokerUrl.parse(broker.own_url),
        fleet=fleet,
        username=broker.own_user,
        password=Secret(broker.own_password),
    )


async def _serve(
    settings: AggregatorSettings,
    view: LiveView,
    measuring: Measuring,
    readers: Readers,
    others: Sequence[Collector],
    targets: ServiceTargets | None,
    stack: contextlib.AsyncExitStack,
) -> None:
    page, metrics = settings.web, settings.metrics
    options = WebOptions(
        access=page.access,
        hosts=tuple(page.hosts),
        secure=page.certificate is not None,
        hooks=hooks_of(settings.notify),
        targets=targets,
    )
    app = make_app(view, options, readers, others=others, now=measuring.now)
    await _listen("web", app, page.listen, page.certificate, stack)
    if metrics is not None:
        scraped = make_metrics_app(app[METRICS], options, now=measuring.now)
        await _listen("metrics", scraped, metrics.listen, metrics.certificate, stack)


async def _listen(
    key: str,
    app: web.Application,
    address: Address,
    certificate: TlsServerSettings | None,
    stack: contextlib.AsyncExitStack,
) -> None:
    context = server_context(certificate) if certificate else None
    try:
        await stack.enter_async_context(listening(app, address.host or None, address.port, context))
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise StartError(f"{key} {address}: {reason}") from None


def _page_url(settings: WebSettings) -> str:
    return f"{'https' if settings.certificate else 'http'}://{settings.listen}/"
