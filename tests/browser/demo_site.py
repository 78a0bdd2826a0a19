"""The demo's parts, to be broken by a test: an aggregator, a service, a fleet in one process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml

from coalmine_aggregator.demo.certificates import make_certificates
from coalmine_aggregator.demo.configs import (
    Wiring,
    agent_config,
    aggregator_config,
    service_endpoints,
)
from coalmine_aggregator.demo.fleet import FLEET, Member
from coalmine_aggregator.demo.ports import free_port
from coalmine_wire.protocols import Protocol
from tests.e2e.api import Api
from tests.servers.hook import Hook
from tests.servers.process import Process


class DemoSite:
    """`async with` it: started, and every datapoint of the whole fleet delivered.

    `settings` is laid over the sections of the aggregator's configuration, `service` over the rules of
    the one service. Without members nothing is awaited but the aggregator's listener.
    """

    def __init__(
        self,
        folder: Path,
        *,
        members: Sequence[Member] = FLEET,
        settings: Mapping[str, Any] | None = None,
        service: Mapping[str, Any] | None = None,
    ) -> None:
        self._folder = folder
        self._members = members
        self._settings = dict(settings or {})
        self._rules = dict(service or {})
        self._stack = contextlib.AsyncExitStack()
        self._service: asyncio.subprocess.Process | None = None
        self.web_port, self.broker_port, self.metrics_port = free_port(), free_port(), free_port()
        self.broker_password = secrets.token_urlsafe(18)
        self.api = Api(self.web_port, self.metrics_port)
        self.aggregator: Process

    @property
    def url(self) -> str:
        """The page's, without a slash at its end."""
        return self.api.url

    @property
    def expected(self) -> dict[str, int]:
        """The sum rate of each protocol while all is well."""
        return {str(protocol): len(self._members) for protocol in Protocol}

    async def __aenter__(self) -> DemoSite:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def break_(self, *faults: str) -> None:
        """From when this returns the service has these faults of the demo, and no other."""
        answer = await self._say(" ".join(faults))
        if "error" in answer:
            raise ValueError(answer["error"])

    async def _start(self) -> None:
        certificates = make_certificates(self._folder)
        hook = await self._stack.enter_async_context(Hook())
        wiring = Wiring(
            web_port=self.web_port,
            broker_port=self.broker_port,
            receive_port=free_port(),
            broker_password=self.broker_password,
            pager_url=hook.url,
            pager_secret="whsec_" + "A" * 32,
        )
        tree = yaml.safe_load(aggregator_config(wiring, self._folder).replace("$$", "$"))
        for rules in tree["services"].values():
            rules.update(self._rules)
        for name, section in self._settings.items():
            tree[name] = {**tree.get(name, {}), **section}
        tree["metrics"] = f"127.0.0.1:{self.metrics_port}"
        config = self._folder / "aggregator.yaml"
        config.write_text(yaml.safe_dump(tree, sort_keys=False).replace("$", "$$"))
        self.aggregator = Process(
            [sys.executable, "-m", "coalmine_cli.main", "aggregator", "run", str(config)],
            log=self._folder / "aggregator.log",
        )
        self.api.explain = self.aggregator.tail
        self._stack.push_async_callback(self.aggregator.kill)
        await self.aggregator.start()
        await self.aggregator.until_listening(self.web_port)
        relay_to = f"127.0.0.1:{wiring.receive_port}"
        self._service = await self._child(
            "coalmine_aggregator.demo.service",
            str(certificates.certificate),
            str(certificates.key),
            relay_to,
        )
        ports = {Protocol(name): port for name, port in (await self._heard())["ports"].items()}
        if not self._members:
            return
        endpoints = service_endpoints(ports, certificates.ca)
        configs = []
        for member in self._members:
            file = self._folder / f"{member.host}.yaml"
            file.write_text(agent_config(member, wiring, endpoints))
            configs.append(str(file))
        await self._child("benchmarks.processes.agent_fleet", *configs)
        await self._stack.enter_async_context(self.api)
        await self.api.until_ready()
        await self.api.until_whole(self.expected)

    async def _child(self, module: str, *arguments: str) -> asyncio.subprocess.Process:
        """A process that ends when its input does."""
        with (self._folder / f"{module}.log").open("ab") as log:
            child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", module, *arguments),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )

        async def end() -> None:
            if child.returncode is None:
                child.kill()
            await child.communicate()

        self._stack.push_async_callback(end)
        return child

    async def _say(self, line: str) -> dict[str, Any]:
        assert self._service is not None
        assert self._service.stdin is not None
        self._service.stdin.write(line.encode() + b"\n")
        return await self._heard()

    async def _heard(self) -> dict[str, Any]:
        assert self._service is not None
        assert self._service.stdout is not None
        async with asyncio.timeout(20):
            answer: dict[str, Any] = json.loads(await self._service.stdout.readline())
        return answer
