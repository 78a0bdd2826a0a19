"""A fleet as an operator would run it: real `coalmine` processes from real configuration files."""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from coalmine_aggregator.demo.ports import free_port
from coalmine_wire.protocols import Protocol
from tests.e2e.api import Api
from tests.servers.process import Process
from tests.servers.waiting import until

SERVICE = "ingest"
STOP_S = 2.0
"""An agent that is asked to stop is gone within this, whatever it was doing."""


class Place(NamedTuple):
    """Where an agent stands."""

    host: str
    location: str
    region: str
    zone: str


PLACES = (
    Place("canary-eu", "external", "eu-west-1", "eu-west-1a"),
    Place("canary-us", "external", "us-east-1", "us-east-1a"),
    Place("canary-dc", "internal", "dc1", "dc1-a"),
    Place("ingest01", "on-machine", "dc1", "dc1-a"),
)
"""Four agents in three regions and all three locations."""


def command() -> str:
    """The installed `coalmine`."""
    path = Path(sys.executable).with_name("coalmine")
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: `make install` puts it there")
    return str(path)


class Agent(Process):
    """`coalmine agent run` with a configuration made of `place`, `broker` and `endpoints`.

    `broker` is the section of that name; `endpoints` maps protocol[-variant] to what stands under it.
    """

    def __init__(
        self,
        folder: Path,
        place: Place,
        *,
        broker: Mapping[str, Any],
        endpoints: Mapping[str, Any],
        agent_id: str = "",
        prefix: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.place = place
        self.id = agent_id or place.host
        self.metrics_port = free_port()
        state = folder / "state"
        state.mkdir(parents=True, exist_ok=True)
        self.settings: dict[str, Any] = {
            "agent": {
                "location": place.location,
                "region": place.region,
                "zone": place.zone,
                "host": place.host,
                "id": self.id,
                "state_dir": str(state),
            },
            "broker": dict(broker),
            "services": {SERVICE: dict(endpoints)},
            "metrics": f"127.0.0.1:{self.metrics_port}",
        }
        self.config = folder / "agent.yaml"
        self.write()
        argv = [*prefix, command(), "agent", "run", str(self.config)]
        super().__init__(argv, log=folder / "agent.log", env=env)

    def write(self) -> None:
        """Writes the settings as they stand to the configuration file."""
        self.config.write_text(yaml.safe_dump(self.settings, sort_keys=False))

    async def finish(self) -> None:
        """SIGTERM: it must be gone within 2 s with exit code 0."""
        code = await self.stop(signal.SIGTERM, STOP_S)
        assert code == 0, self.tail()


class Aggregator(Process):
    """`coalmine aggregator run`; `settings` is laid over what every test needs.

    Receivers: tcp and udp on `port("tcp")`..., one for each key in `receive`. With `responder`, a
    token, nobody comes in without it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        receive: Mapping[str, Any],
        broker: Mapping[str, Any] | None = None,
        notify: Sequence[Mapping[str, Any]] = (),
        paging: Mapping[str, Any] | None = None,
        service: Mapping[str, Any] | None = None,
        fleet: str = "default",
        responder: str = "",
        remediation: Mapping[str, Any] | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.web_port, self.mqtt_port, self.metrics_port = free_port(), free_port(), free_port()
        self.settings: dict[str, Any] = {
            "fleet": fleet,
            "services": {
                SERVICE: {
                    "acceptable_loss": "0.1%",
                    "owner": "ingest-oncall",
                    "playbook": "https://wiki.example/ingest",
                    **(service or {}),
                }
            },
            "receive": dict(receive),
            "broker": dict(broker or {"listen": f"127.0.0.1:{self.mqtt_port}"}),
            "notify": [dict(receiver) for receiver in notify],
            "paging": dict(paging or {}),
            "store": f"sqlite:///{folder / 'history.db'}",
            "web": {"listen": f"127.0.0.1:{self.web_port}"},
            "metrics": f"127.0.0.1:{self.metrics_port}",
        }
        if remediation is not None:
            self.settings["remediation"] = dict(remediation)
        if responder:
            token = {"name": "anna", "token": responder, "role": "responder"}
            self.settings["web"]["access"] = {"tokens": [token]}
        self.config = folder / "aggregator.yaml"
        self.write()
        argv = [command(), "aggregator", "run", str(self.config)]
        super().__init__(argv, log=folder / "aggregator.log")
        self.api = Api(self.web_port, self.metrics_port, responder)
        self.api.explain = self.tail

    def write(self) -> None:
        """Writes the settings as they stand to the configuration file."""
        self.config.write_text(yaml.safe_dump(self.settings, sort_keys=False))

    async def start(self) -> None:
        """Started; `/readyz` is a question of its own, since it may wait for an outside broker."""
        await super().start()
        await self.until_listening(self.web_port)


class Fleet:
    """Agents at `places`, all alike, and what is expected of them; stopped together."""

    def __init__(
        self,
        folder: Path,
        *,
        broker: Mapping[str, Any],
        endpoints: Mapping[str, Any],
        places: Sequence[Place] = PLACES,
    ) -> None:
        self.agents = [
            Agent(folder / place.host, place, broker=broker, endpoints=endpoints) for place in places
        ]
        self.protocols = [key.partition("-")[0] for key in endpoints]
        assert all(protocol in list(Protocol) for protocol in self.protocols)

    @property
    def expected(self) -> dict[str, int]:
        """The sum rate of each protocol while all is well: exactly the number of agents."""
        return {p: len(self.agents) * self.protocols.count(p) for p in self.protocols}

    async def start(self) -> None:
        """Starts every agent."""
        for agent in self.agents:
            await agent.start()

    async def finish(self) -> None:
        """SIGTERM to all at once; each must obey."""
        running = [agent for agent in self.agents if agent.running]
        for agent in running:
            agent.signal(signal.SIGTERM)
        for agent in running:
            code = await agent.wait(2 * STOP_S)  # together they share two cores
            assert code == 0, agent.tail()

    async def kill(self) -> None:
        """kill -9 to all that still run."""
        for agent in self.agents:
            if agent.running:
                await agent.kill()

    async def until_reporting(self, api: Api, deadline_s: float = 30) -> None:
        """Waits until the aggregator has heard a report of each agent."""

        async def all_heard() -> bool:
            heard = {item["agent"] for item in await api.agents() if item["last_slot"] is not None}
            return all(agent.id in heard for agent in self.agents)

        await until(
            all_heard, deadline_s=deadline_s, what="every agent reports", explain=self.agents[0].tail
        )
