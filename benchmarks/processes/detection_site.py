"""What `benchmarks.detection_delay` breaks and watches: all its processes, and what their APIs say."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import aiohttp
import yaml

from benchmarks.peers.probe_alerts import ALERT, Pace, ProbeAlerts
from coalmine_agent.planner import make_plans
from coalmine_agent.settings import Settings as AgentFile
from coalmine_aggregator.demo.ports import free_port
from coalmine_runtime import clock
from coalmine_runtime.settings import load
from tests.servers.alertmanager import Alertmanager
from tests.servers.process import Process
from tests.servers.waiting import until

POLL_S = 0.02
"""How often Alertmanager's API is asked."""

START_S = 30.0
CLOSE_S = 60.0
WHOLE_SLOTS = 3

PLACES = (
    ("external", "eu-west-1", "eu-west-1a"),
    ("external", "us-east-1", "us-east-1a"),
    ("internal", "dc1", "dc1-a"),
    ("on-machine", "dc1", "dc1-b"),
)
PROCESSES = 2
"""Of agents."""


class Moment(NamedTuple):
    """One moment by both clocks, in seconds."""

    mono: float
    wall: float


class Opening(NamedTuple):
    """When the engine decided (wall seconds), and the threshold by which it did."""

    at: float
    threshold: float


class DetectionSite:
    """Use as an async context manager: started, every agent's datapoints delivered.

    `probed` is the service whose TCP listener Prometheus watches at `paces`.
    """

    def __init__(
        self,
        folder: Path,
        agents: int,
        services: Sequence[str],
        *,
        probed: str,
        paces: Sequence[Pace],
    ) -> None:
        self._folder = folder
        self._services = services
        self._agents = agents
        self._probed, self._paces = probed, paces
        self._phases: dict[tuple[str, str], list[float]] = {}
        self._processes: list[Process] = []
        self._breakable: asyncio.subprocess.Process | None = None
        self._fleets: list[asyncio.subprocess.Process] = []
        self._peers: ProbeAlerts | None = None
        self._alertmanager = Alertmanager(folder / "alertmanager")
        self._web, self._broker, self._receive = free_port(), free_port(), free_port()
        self._shown: dict[str, float] = {}
        self._changed = asyncio.Condition()
        self._polling: asyncio.Task[None] | None = None
        self._telling = asyncio.Lock()

    # What is asked of it.

    def phases_s(self, service: str, protocol: str) -> list[float]:
        """When in the second each agent sends by that protocol, by agent."""
        return self._phases[service, protocol]

    async def tell(self, command: str) -> None:
        """A command to the services; back once it is true."""
        process = self._breakable
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        async with self._telling:
            process.stdin.write(f"{command}\n".encode())
            if not await process.stdout.readline():
                raise RuntimeError(f"the services ended at {command!r}")

    async def shown(self, service: str, deadline_s: float) -> float | None:
        """When (monotonic) Alertmanager first showed the loss of a service; None: not in time."""
        return await self._until_shown(f"loss {service}", deadline_s)

    async def shown_by(self, pace: Pace, deadline_s: float) -> float | None:
        """The same of Prometheus' alert."""
        return await self._until_shown(f"probe {pace.name}", deadline_s)

    async def until_over(self, service: str) -> None:
        """Waits until Alertmanager shows no loss of a service, nor what Prometheus says of it."""
        names = [f"loss {service}"]
        if service == self._probed:
            names += [f"probe {pace.name}" for pace in self._paces]
        async with asyncio.timeout(CLOSE_S), self._changed:
            await self._changed.wait_for(lambda: not self._shown.keys() & set(names))

    async def opening(self, service: str) -> Opening | None:
        """How the open alert of a service's loss was opened; None if it is gone."""
        open_alerts = (await self._get("/api/v1/alerts"))["open"]
        for alert in open_alerts:
            if alert["service"] == service and alert["class"] == "loss":
                explained = await self._get(f"/api/v1/alerts/{alert['id']}/explain")
                found = explained["changes"][0]["statistics"]
                return Opening(alert["opened_at"], found[0]["threshold"]) if found else None
        return None

    async def unknown(self, service: str, first: int, last: int) -> int:
        """Datapoints of a service in slots `first` to `last` that nobody can judge, once settled."""

        async def settled() -> bool:
            return int((await self._get("/api/v1/rates", last="1s"))["settled"]) >= last

        await until(settled, deadline_s=START_S, what=f"slot {last} is settled")
        span = {"from": str(first), "to": str(last + 1)}
        answer = await self._get("/api/v1/fates", service=service, **span)
        return int(answer["total"]["fates"]["unknown"])

    # Start and end.

    async def __aenter__(self) -> DetectionSite:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5))
        try:
            await self._start()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._polling is not None:
            self._polling.cancel()
            await asyncio.gather(self._polling, return_exceptions=True)
        await self._session.close()
        for child in (*self._fleets, self._breakable):
            if child is not None and child.returncode is None:
                child.kill()
                await child.wait()
        if self._peers is not None:
            await self._peers.kill()
        for process in reversed(self._processes):
            if process.running:
                await process.kill()

    async def _start(self) -> None:
        aggregator = self._aggregator()
        self._processes = [self._alertmanager, aggregator]
        relay_to = f"127.0.0.1:{self._receive}"
        child = await self._child("benchmarks.processes.breakable", relay_to, *self._services)
        self._breakable = child
        await asyncio.gather(*(process.start() for process in self._processes))
        assert child.stdout is not None
        ports = json.loads(await child.stdout.readline())
        configs = list(self._agent_files(ports))
        await aggregator.until_listening(self._web)
        self._fleets = [
            await self._child("benchmarks.processes.agent_fleet", *configs[part::PROCESSES])
            for part in range(PROCESSES)
        ]
        target = f"127.0.0.1:{ports[self._probed]['tcp']}"
        alertmanager = f"127.0.0.1:{self._alertmanager.port}"
        self._peers = ProbeAlerts(self._folder / "peers", target, alertmanager, self._paces)
        await self._peers.start()
        self._polling = asyncio.create_task(self._poll())
        await until(self._whole, deadline_s=START_S, what="all is delivered", explain=aggregator.tail)

    async def _child(self, module: str, *arguments: str) -> asyncio.subprocess.Process:
        with (self._folder / f"{module}.log").open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", module, *arguments),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )

    def _aggregator(self) -> Process:
        settings = {
            "services": {name: {"acceptable_loss": "0.1%"} for name in self._services},
            "receive": {"tcp": f"127.0.0.1:{self._receive}"},
            "broker": {"listen": f"127.0.0.1:{self._broker}"},
            "notify": [{"alertmanager": {"urls": [self._alertmanager.url]}}],
            "store": f"sqlite:///{self._folder / 'history.db'}",
            "web": {"listen": f"127.0.0.1:{self._web}"},
        }
        config = self._folder / "aggregator.yaml"
        config.write_text(yaml.safe_dump(settings))
        argv = [sys.executable, "-m", "coalmine_cli.main", "aggregator", "run", str(config)]
        return Process(argv, log=self._folder / "aggregator.log")

    def _agent_files(self, ports: dict[str, dict[str, int]]) -> Iterator[str]:
        for number in range(self._agents):
            location, region, zone = PLACES[number % len(PLACES)]
            host = f"canary-{number:02}"
            settings = {
                "agent": {"location": location, "region": region, "zone": zone, "host": host},
                "broker": {"url": f"mqtt://127.0.0.1:{self._broker}"},
                "services": {
                    name: {protocol: f"127.0.0.1:{port}" for protocol, port in doors.items()}
                    for name, doors in ports.items()
                },
            }
            path = self._folder / f"{host}.yaml"
            path.write_text(yaml.safe_dump(settings))
            for plan in make_plans(load(AgentFile, path, {})):
                key = (plan.service, str(plan.protocol))
                self._phases.setdefault(key, []).append(plan.phase_ms / 1000)
            yield str(path)

    # What the APIs say.

    async def _until_shown(self, name: str, deadline_s: float) -> float | None:
        try:
            async with asyncio.timeout(deadline_s), self._changed:
                await self._changed.wait_for(lambda: name in self._shown)
        except TimeoutError:
            return None
        return self._shown[name]

    async def _poll(self) -> None:
        url = f"{self._alertmanager.url}/api/v2/alerts"
        while True:
            began = clock.monotonic()
            async with self._session.get(url) as response:
                alerts = await response.json()
            now = clock.monotonic()
            names = {_name(alert["labels"]) for alert in alerts}
            if names != self._shown.keys():
                async with self._changed:
                    self._shown = {name: self._shown.get(name, now) for name in names}
                    self._changed.notify_all()
            await asyncio.sleep(max(0.0, began + POLL_S - clock.monotonic()))

    async def _whole(self) -> bool:
        """Whether in the newest slots everything that was expected of all agents arrived."""
        try:
            answer = await self._get("/api/v1/rates", last=f"{WHOLE_SLOTS}s")
        except (aiohttp.ClientError, AssertionError):
            return False
        groups = answer["groups"]
        if not groups:
            return False
        wanted = [self._agents * 2 * len(self._services)] * WHOLE_SLOTS
        return bool(groups[0]["expected"] == groups[0]["fates"]["delivered"] == wanted)

    async def _get(self, path: str, **query: str) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self._web}{path}"
        async with self._session.get(url, params=query) as response:
            assert response.status == 200, f"{path}: {response.status} {await response.text()}"
            found: dict[str, Any] = await response.json(content_type=None)
            return found


def _name(labels: dict[str, str]) -> str:
    if labels["alertname"] == ALERT:
        return f"probe {labels['pace']}"
    return f"{labels['class']} {labels['service']}"
