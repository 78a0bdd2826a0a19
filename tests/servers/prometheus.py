"""Prometheus, with the configuration and the rules of deploy/, asked through its API."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from coalmine_aggregator.demo.ports import free_port
from tests.servers.process import START_S, Process, executable
from tests.servers.waiting import until

PACKAGE = "prometheus"
SHIPPED = Path(__file__).resolve().parents[2] / "deploy" / "prometheus"


class Prometheus(Process):
    """Scrapes `targets` (by job: addresses) every second, and works out the shipped rules as often.

    `scrape` is laid over the job `coalmine`, as an operator would add TLS and a token there; `jobs` are
    more of them, as they stand in the configuration.
    """

    def __init__(
        self,
        folder: Path,
        targets: Mapping[str, Sequence[str]],
        *,
        scrape: Mapping[str, Any] | None = None,
        jobs: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self.port = free_port()
        folder.mkdir(parents=True, exist_ok=True)
        config = yaml.safe_load((SHIPPED / "prometheus.yml").read_text())
        config["global"] |= {"scrape_interval": "1s", "evaluation_interval": "1s"}
        config["rule_files"] = [str(SHIPPED / name) for name in config["rule_files"]]
        del config["alerting"]
        (shipped,) = config["scrape_configs"]
        config["scrape_configs"] = [
            {
                **(shipped | dict(scrape or {}) if job == shipped["job_name"] else {"job_name": job}),
                "static_configs": [{"targets": list(addresses)}],
            }
            for job, addresses in targets.items()
        ] + [dict(each) for each in jobs]
        file = folder / "prometheus.yml"
        file.write_text(yaml.safe_dump(config))
        argv = [
            executable(PACKAGE, PACKAGE),
            f"--config.file={file}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]
        super().__init__(argv, log=folder / "prometheus.log")

    async def start(self) -> None:
        """Started, and ready to be asked."""
        await super().start()
        await self.until_listening(self.port)

        async def ready() -> bool:
            url = f"http://127.0.0.1:{self.port}/-/ready"
            return (await asyncio.to_thread(_get, url)).endswith(b"is Ready.\n")

        await until(ready, deadline_s=START_S, what="Prometheus is ready", explain=self.tail)

    async def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples of an instant query. AssertionError with Prometheus' own words."""
        answer = await self._ask("query", query=expression)
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    async def value(self, expression: str) -> float | None:
        """The one sample's value; None while there is none."""
        found = await self.query(expression)
        assert len(found) < 2, f"{expression}: {found}"
        return float(found[0]["value"][1]) if found else None

    async def until_value(self, expression: str, wanted: float, deadline_s: float = 20.0) -> None:
        """Waits until an expression has that value."""

        async def equal() -> bool:
            return await self.value(expression) == wanted

        await until(equal, deadline_s=deadline_s, what=f"{expression} is {wanted}", explain=self.tail)

    async def metadata(self) -> set[str]:
        """The names of all metric families that targets have told, with or without samples."""
        answer = await self._ask("metadata")
        return set(answer["data"])

    async def targets(self) -> list[dict[str, Any]]:
        """What is scraped, and how that goes."""
        answer = await self._ask("targets", state="active")
        found: list[dict[str, Any]] = answer["data"]["activeTargets"]
        return found

    async def _ask(self, what: str, **query: str) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self.port}/api/v1/{what}?{urllib.parse.urlencode(query)}"
        answer: dict[str, Any] = json.loads(await asyncio.to_thread(_get, url))
        assert answer["status"] == "success", f"{query}: {answer.get('error')}"
        return answer


def _get(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            body: bytes = response.read()
    except urllib.error.HTTPError as error:
        with error:
            body = error.read()
    return body
