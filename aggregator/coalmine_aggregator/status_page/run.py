"""Wires the status page together, and runs it until it is told to stop or exports it once."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import uvloop

from coalmine_aggregator.status.compose import compose
from coalmine_aggregator.status.render import Rendered, render
from coalmine_aggregator.status_page.answers import Answer, Asked, answer
from coalmine_aggregator.status_page.export import ExportError, check_target, export
from coalmine_aggregator.status_page.keeper import Keeper
from coalmine_aggregator.status_page.listener import listening
from coalmine_aggregator.status_page.store_file import StoreAwayError
from coalmine_aggregator.status_page.store_reader import StoreReader
from coalmine_aggregator.status_settings import StatusPageSettings
from coalmine_runtime import clock, logs, systemd
from coalmine_runtime.daemon_threads import DaemonThreads
from coalmine_runtime.tls import server_context

_log = logs.get_logger("status_page")

SWITCH_S: Final = 0.001
"""A thread that makes the next site gives way to readers this often."""


class StartError(Exception):
    """Something that a start needs is not to be had; one line that says what and why."""


def run_until_stopped(settings: StatusPageSettings) -> None:
    """Runs until SIGTERM or SIGINT. Raises `StartError`."""
    logs.set_up(settings.log.format_, settings.log.level)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    sys.setswitchinterval(SWITCH_S)
    uvloop.run(_run(settings))


def export_once(settings: StatusPageSettings, target: Path) -> int:
    """Writes a copy of the site as it is now; gives how many files it has. Raises `ExportError`, and
    `StartError` where the store cannot be read."""
    check_target(target)
    reader = StoreReader(settings.store.reveal(), settings.plan())
    try:
        return export(render(compose(reader.look(clock.wall()))), target)
    except StoreAwayError as error:
        raise StartError(str(error)) from None
    finally:
        reader.close()


async def _run(settings: StatusPageSettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    reader = StoreReader(settings.store.reveal(), settings.plan())
    keeper = Keeper(reader, _supervised())
    hosts = _hosts(settings)

    def answering(asked: Asked) -> Answer:
        return answer(asked, keeper.site, hosts)

    context = server_context(settings.certificate) if settings.certificate else None
    address = settings.listen
    async with contextlib.AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(
                listening(answering, address.host or None, address.port, context)
            )
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise StartError(f"listen {address}: {reason}") from None
        tasks = [asyncio.create_task(keeper.run(), name="keeper")]
        if settings.export is not None:
            exporting = _export(keeper, settings.export.to, settings.export.every)
            tasks.append(asyncio.create_task(exporting, name="export"))
        stopping = asyncio.create_task(stop.wait(), name="stop")
        gc.collect()
        gc.freeze()
        systemd.notify(systemd.READY)
        scheme = "http" if context is None else "https"
        _log.info("status_page.started", fleet=settings.fleet, page=f"{scheme}://{address}/")
        done, _ = await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
        systemd.notify(systemd.STOPPING)
        _log.info("status_page.stopping")
        for task in (stopping, *tasks):
            task.cancel()
        await asyncio.wait([stopping, *tasks])
        for task in done - {stopping}:
            task.result()  # a part that ends by itself failed: the process ends with its error


def _hosts(settings: StatusPageSettings) -> frozenset[str]:
    """The names under which people may ask; none where the file names none."""
    names = {host.lower() for host in settings.hosts}
    if settings.page.url is not None:
        names.add(urlsplit(settings.page.url.text).hostname or "")
    return frozenset({"localhost", *names}) if names else frozenset()


def _supervised() -> Callable[[str], None]:
    """What the keeper calls when it has done a second's work."""
    interval_s = systemd.watchdog_interval_s()
    told = 0.0
    said: str | None = None

    def alive(trouble: str) -> None:
        nonlocal told, said
        now = clock.monotonic()
        if interval_s is not None and now - told >= interval_s / 3:
            told = now
            systemd.notify(systemd.WATCHDOG)
        if trouble != said:
            said = trouble
            systemd.notify(systemd.status(f"store: {trouble}" if trouble else "shows the newest state"))

    return alive


async def _export(keeper: Keeper, target: Path, every_s: float) -> None:
    """Writes a copy as often as is asked, from the first site on."""
    threads = DaemonThreads()
    loop = asyncio.get_running_loop()
    written: Rendered | None = None
    failing = ""
    while True:
        site = keeper.site
        if site is None or site is written:
            await asyncio.sleep(1.0)
            continue
        try:
            await loop.run_in_executor(threads, export, site, target)
            written = site
            if failing:
                _log.info("status_page.export.works_again", to=target)
            failing = ""
        except ExportError as error:
            if str(error) != failing:
                _log.error("status_page.export.failed", error=error)
            failing = str(error)
        await asyncio.sleep(every_s)
