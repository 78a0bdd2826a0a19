"""The service under test, of real servers, and the aggregator behind it.

    tcp, udp ------------------> carbon-c-relay ---- canary.* ----> aggregator, tcp
    tls ---------> HAProxy ----> carbon-c-relay ---- canary.* ----> aggregator, tcp
    pickle --------------------> carbon-relay ------ canary.* ----> aggregator, pickle
    pickle_tls --> HAProxy ----> carbon-relay ------ canary.* ----> aggregator, pickle
    https --------------------------------------------------------> aggregator, https

What is not the canaries' goes from both relays to a store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from coalmine_aggregator.demo.ports import free_port
from tests.conftest import Authority, Certificate
from tests.e2e.api import Api
from tests.e2e.fleet import Aggregator
from tests.servers.carbon import CarbonRelay
from tests.servers.carbon_c_relay import CarbonCRelay
from tests.servers.haproxy import HAProxy
from tests.servers.process import Process
from tests.servers.sink import Sink

RELAYED = ("tcp", "udp", "tls")
"""The protocols that go through carbon-c-relay."""

LINKS = "10.213.0.0/16"
"""Where `Link` takes its addresses."""

PICKLED = ("pickle", "pickle_tls")
"""Those that go through carbon-relay."""


class Site:
    """All of it; `async with` starts it. `endpoints` is what agents send to.

    `broker`, `notify` and `paging` are sections of the aggregator's configuration, `service` the
    service's rules.
    `behind` is the address at which the relays reach the aggregator's tcp receiver and the store.
    """

    def __init__(
        self,
        folder: Path,
        authority: Authority,
        certificate: Certificate,
        *,
        broker: Mapping[str, Any] | None = None,
        notify: Sequence[Mapping[str, Any]] = (),
        paging: Mapping[str, Any] | None = None,
        service: Mapping[str, Any] | None = None,
        behind: str = "127.0.0.1",
    ) -> None:
        self.folder = folder
        self.ports = {name: free_port() for name in ("tcp", "pickle", "https")}
        self.addresses = {name: f"127.0.0.1:{port}" for name, port in self.ports.items()}
        self.addresses["tcp"] = f"{behind}:{self.ports['tcp']}"
        self.aggregator = Aggregator(
            folder / "aggregator",
            receive={
                "tcp": self.addresses["tcp"],
                "pickle": self.addresses["pickle"],
                "https": self.addresses["https"],
                "allow_from": ["127.0.0.0/8", LINKS],
                "certificate": {
                    "certificate_file": str(certificate.chain),
                    "private_key_file": str(certificate.key),
                },
            },
            broker=broker,
            notify=notify,
            paging=paging,
            service=service,
        )
        self.store = Sink(behind)
        self.relay = CarbonCRelay(
            folder / "relay", aggregator=self.addresses["tcp"], store=self.store.address
        )
        self.carbon = CarbonRelay(
            folder / "carbon", aggregator=self.addresses["pickle"], store=self.store.address
        )
        self.proxy = HAProxy(
            folder / "haproxy",
            certificate=certificate.both,
            backends={
                "tls": f"127.0.0.1:{self.relay.port}",
                "pickle_tls": f"127.0.0.1:{self.carbon.pickle_port}",
            },
        )
        self._ca = str(authority.ca_file)

    @property
    def api(self) -> Api:
        """The aggregator's."""
        return self.aggregator.api

    @property
    def broker(self) -> dict[str, Any]:
        """The agents' way to the embedded broker."""
        return {"url": f"mqtt://127.0.0.1:{self.aggregator.mqtt_port}"}

    @property
    def endpoints(self) -> dict[str, Any]:
        """All six protocols, as an agent's configuration names them; some by name, some by address."""
        return {
            "tcp": f"127.0.0.1:{self.relay.port}",
            "tls": {"address": f"localhost:{self.proxy.ports['tls']}", "ca_file": self._ca},
            "udp": f"127.0.0.1:{self.relay.port}",
            "pickle": {"address": f"localhost:{self.carbon.pickle_port}"},
            "pickle_tls": {
                "address": f"127.0.0.1:{self.proxy.ports['pickle_tls']}",
                "ca_file": self._ca,
            },
            "https": {
                "url": f"https://localhost:{self.ports['https']}/api/v1/sink",
                "ca_file": self._ca,
            },
        }

    @property
    def processes(self) -> list[Process]:
        """In the order in which they start."""
        return [self.aggregator, self.relay, self.carbon, self.proxy]

    async def __aenter__(self) -> Site:
        await self.store.__aenter__()
        try:
            await self.api.__aenter__()
            # The aggregator first: carbon-relay waits seconds after a connection that was refused.
            await self.aggregator.start()
            await asyncio.gather(*(process.start() for process in self.processes[1:]))
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def _stop(self) -> None:
        await self.api.__aexit__(None, None, None)
        for process in reversed(self.processes):
            if process.running:
                await process.kill()
        await self.store.__aexit__(None, None, None)
