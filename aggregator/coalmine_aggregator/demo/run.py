"""Runs the demo: starts aggregator, service and fleet, watches them, breaks things, ends everything."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import msgspec

from coalmine_aggregator.demo import words
from coalmine_aggregator.demo.certificates import Certificates, make_certificates
from coalmine_aggregator.demo.children import Child
from coalmine_aggregator.demo.configs import (
    STATUS_PAGE,
    Wiring,
    agent_config,
    aggregator_config,
    service_endpoints,
    status_page_config,
)
from coalmine_aggregator.demo.faults import Fault, parse_fault
from coalmine_aggregator.demo.fleet import FLEET, REGIONS, SIZE, known_values
from coalmine_aggregator.demo.ports import HOST, free_port
from coalmine_aggregator.demo.public_page import PublicPage
from coalmine_aggregator.demo.readings import Reader, ReadingError
from coalmine_aggregator.demo.screen import choose_screen
from coalmine_aggregator.demo.stage import (
    ANSWER_S,
    COALMINE,
    START_S,
    DemoError,
    Stage,
    claim,
    heard,
    put_out,
    say,
    within,
)
from coalmine_aggregator.demo.table import Picture
from coalmine_aggregator.demo.tally import RECENT_S, Tally
from coalmine_aggregator.web.alert_answers import AlertItem, Alerts
from coalmine_runtime import clock
from coalmine_wire.protocols import Protocol

BREAK_AFTER_S = 10.0
"""People see green first: faults given on the command line hold from this long after the first sum
rates, or after a third of an unattended run where that is shorter."""

_READ_AT_S = 0.2  # of each second: what is due on the second has been settled by then
_FAILED_READS = 5
SERVICE_ARGV = (sys.executable, "-m", "coalmine_aggregator.demo.service")
_KEY_FAULTS = {
    key: parse_fault(text, known_values())
    for key, text in {"u": "udp", "t": "tcp:refuse", "e": "region=eu-west-1:50%"}.items()
}


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the command line asks for. Without `seconds` it runs until it is told to stop."""

    port: int
    status_port: int
    faults: tuple[Fault, ...] = ()
    seconds: float | None = None
    as_json: bool = False


def run_demo(options: Options) -> int:
    """Runs the demo to its end; the exit status. Raises `DemoError`."""
    claim(options.port, "--port")
    claim(options.status_port, "--status-port")
    with tempfile.TemporaryDirectory(prefix="coalmine-demo-") as folder:
        return asyncio.run(_Demo(options, Path(folder)).run())


class _Demo:
    """One run: processes, what was read of them, and what is shown."""

    def __init__(self, options: Options, folder: Path) -> None:
        self._options = options
        self._folder = folder
        self._page = f"http://{HOST}:{options.port}"
        self._status_page = f"http://{HOST}:{options.status_port}"
        self._screen = choose_screen(sys.stderr if options.as_json else sys.stdout)
        self._stage = Stage(folder, self._screen, self._paged)
        self._tally = Tally()
        self._faults: tuple[Fault, ...] = ()
        self._alerts: Alerts | None = None
        self._keys: asyncio.Queue[str] = asyncio.Queue(maxsize=16)
        self._service: Child | None = None

    async def run(self) -> int:
        """Until it is done, told to stop, or a part of it ends that should not."""
        complete = await self._stage.play(self._work(), self._pressed)
        self._conclude()
        interrupted = self._options.seconds is not None and not complete
        return 128 + signal.SIGINT if interrupted else 0

    async def _work(self) -> None:
        began = clock.monotonic()
        certificates = make_certificates(self._folder)
        wiring = Wiring(
            web_port=self._options.port,
            broker_port=free_port(),
            receive_port=free_port(),
            broker_password=secrets.token_urlsafe(18),
            pager_url=await self._stage.pager.start(),
            pager_secret=self._stage.pager.secret,
            status_port=self._options.status_port,
        )
        stage = self._stage
        public = stage.write(STATUS_PAGE, status_page_config(wiring, self._folder))
        config = stage.write("aggregator.yaml", aggregator_config(wiring, self._folder))
        await stage.start("aggregator", (*COALMINE, "aggregator", "run", str(config)))
        async with (
            Reader(self._page) as reader,
            PublicPage(self._status_page, self._screen.tell) as customers,
        ):
            await within(START_S, reader.ready(), "the aggregator is not ready")
            self._screen.tell(f"aggregator ready: {self._page}")
            await stage.start("status-page", (*COALMINE, "status-page", "run", str(public)))
            self._screen.tell(f"status page for customers: {self._status_page}")
            ports = await self._start_service(certificates, wiring)
            self._screen.tell(f"service under test takes {', '.join(ports)}")
            endpoints = service_endpoints(ports, certificates.ca)
            for member in FLEET:
                text = agent_config(member, wiring, endpoints)
                config = stage.write(f"{member.host}.yaml", text)
                argv = (*COALMINE, "agent", "run", str(config))
                await stage.start(member.host, argv, agent=True)
            self._screen.tell(f"{len(FLEET)} agents started in {len(REGIONS)} regions")
            await self._watch(reader, customers, began)

    async def _start_service(self, certificates: Certificates, wiring: Wiring) -> dict[Protocol, int]:
        relay_to = f"{HOST}:{wiring.receive_port}"
        argv = (*SERVICE_ARGV, str(certificates.certificate), str(certificates.key), relay_to)
        self._service = await self._stage.start("service", argv, piped=True)
        answer = await within(START_S, heard(self._service), "the service does not start")
        return msgspec.convert(answer["ports"], dict[Protocol, int])

    async def _watch(self, reader: Reader, customers: PublicPage, began: float) -> None:
        """Reads and shows once a second, from the first sum rates on for as long as was asked."""
        first: float | None = None
        seconds = self._options.seconds
        break_after = BREAK_AFTER_S if seconds is None else min(BREAK_AFTER_S, seconds / 3)
        pending = self._options.faults
        failures = 0
        while True:
            try:
                rates = await reader.rates(RECENT_S)
                self._alerts = await reader.alerts()
                failures = 0
            except ReadingError as error:
                failures += 1
                if failures == _FAILED_READS:
                    raise DemoError(str(error)) from None
            else:
                self._tally.add(rates.groups)
            await customers.look()
            now = clock.monotonic()
            if first is None and self._tally.slots:
                first = now
                self._screen.tell(
                    f"first sum rates after {now - began:.1f} s: {SIZE} a second expected"
                )
            if first is not None and pending and now - first >= break_after:
                await self._break(pending)
                pending = ()
            self._screen.show(self._picture())
            if first is not None and seconds is not None and now - first >= seconds:
                return
            await self._pause()

    async def _pause(self) -> None:
        """Until the next reading, or a key."""
        wait_s = 1 - (clock.wall() - _READ_AT_S) % 1
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                key = await self._keys.get()
            await self._obey(key)

    def _pressed(self, key: str) -> None:
        with contextlib.suppress(asyncio.QueueFull):
            self._keys.put_nowait(key)
        if key == "q":
            self._stage.stopped.set()

    async def _obey(self, key: str) -> None:
        if key == "r":
            await self._break(())
        elif key in _KEY_FAULTS:
            fault = _KEY_FAULTS[key]
            others = tuple(other for other in self._faults if other != fault)
            await self._break(others if fault in self._faults else (*others, fault))

    async def _break(self, faults: tuple[Fault, ...]) -> None:
        """From now on the service has these faults and no others."""
        assert self._service is not None
        say(self._service, " ".join(map(str, faults)))
        answer = await within(ANSWER_S, heard(self._service), "the service does not answer")
        if "error" in answer:
            raise DemoError(f"the service: {answer['error']}")
        self._faults = faults
        self._screen.tell(f"broken on purpose: {words.faults_line(faults)}", "magenta")

    def _paged(self, page: words.Page) -> None:
        subject, *text = words.page_lines(page)
        self._screen.tell(subject, "bold yellow")
        for line in text:
            self._screen.tell(line, "yellow")
        if page.type == "alert.opened":
            self._screen.tell(words.why_line(page.data.id, self._page), "yellow")

    def _picture(self) -> Picture:
        return Picture(
            page=self._page,
            now=clock.wall(),
            slots=self._tally.slots,
            newest=self._tally.newest,
            total=self._tally.total(),
            faults=self._faults,
            alerts=self._alerts.open if self._alerts else (),
            keys=self._screen.keys,
            status_page=self._status_page,
        )

    def _conclude(self) -> None:
        """What is left on the screen: one object, or one line."""
        alerts: list[AlertItem] = []
        if self._alerts is not None:
            alerts = [*self._alerts.open, *self._alerts.recent]
        if self._options.as_json:
            summary = self._tally.summary([msgspec.to_builtins(alert) for alert in alerts])
            line = json.dumps(summary)
        else:
            line = f"{self._tally.slots} s: {words.fates_line(self._tally.total())}"
        put_out(line)
