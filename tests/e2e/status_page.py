"""The public status page as an operator would run it, and what a reader sees of it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urldefrag, urljoin

import aiohttp
import yaml

from coalmine_aggregator.demo.ports import free_port
from tests.e2e.api import Json
from tests.e2e.fleet import command
from tests.servers.process import Process
from tests.servers.waiting import until

T = TypeVar("T")

_LINK = re.compile(r"""(?:href|src)="([^"]+)\"""")


class Seen(NamedTuple):
    """An answer: `headers` with names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def everything(self) -> str:
        """All of it as text."""
        headers = "".join(f"{name}: {value}\n" for name, value in self.headers.items())
        return f"{headers}\n{self.body.decode()}"


class StatusPage(Process):
    """`coalmine status-page run` of a store; `async with` it. `settings` is laid over the rest."""

    def __init__(
        self, folder: Path, store: str, components: Sequence[Json], settings: Json | None = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        config = folder / "status-page.yaml"
        config.write_text(
            yaml.safe_dump(
                {
                    "store": store,
                    "listen": f"127.0.0.1:{self.port}",
                    "page": {"name": "Example"},
                    "components": list(components),
                    **(settings or {}),
                }
            )
        )
        super().__init__([command(), "status-page", "run", str(config)], log=folder / "status-page.log")
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> StatusPage:
        connector = aiohttp.TCPConnector(force_close=True)
        self._session = aiohttp.ClientSession(connector=connector, auto_decompress=True)
        await self.start()
        await self.until_listening(self.port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._session is not None
        await self._session.close()
        if self.running:
            await self.kill()

    async def get(self, path: str, **headers: str) -> Seen:
        """What a reader gets, redirects not followed."""
        return await self.ask("GET", path, headers)

    async def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Seen:
        """The same by any method."""
        assert self._session is not None
        async with self._session.request(
            method, self.url + path, data=body, headers=headers, allow_redirects=False
        ) as answer:
            named = {name.lower(): value for name, value in answer.headers.items()}
            return Seen(answer.status, named, await answer.read())

    async def json(self, name: str) -> Any:
        """What `/api/v2/<name>.json` says."""
        assert self._session is not None
        async with self._session.get(f"{self.url}/api/v2/{name}.json") as answer:
            assert answer.status == 200
            return await answer.json(content_type=None)

    async def statuses(self) -> dict[str, str]:
        """How each component does, by its name."""
        components = (await self.json("summary"))["components"]
        return {each["name"]: each["status"] for each in components if not each["group"]}

    async def front(self) -> str:
        """The page."""
        return (await self.get("/")).body.decode()

    async def measured(self) -> str:
        """The newest second that the page says was measured, as it names it."""
        found = re.search(r'class="measured"[^>]*>.*?datetime="([^"]+)"', await self.front(), re.DOTALL)
        return "" if found is None else found[1]

    async def until(self, condition: Callable[[], Awaitable[T]], deadline_s: float, what: str) -> T:
        """The first true value of a condition."""

        async def guarded() -> T | None:
            try:
                return await condition()
            except (aiohttp.ClientError, TimeoutError, AssertionError):
                return None

        found = await until(guarded, deadline_s=deadline_s, what=what, explain=self.tail)
        assert found is not None
        return found

    async def until_statuses(self, deadline_s: float, **expected: str) -> None:
        """Waits until these components do so, and all others are operational."""

        async def as_expected() -> bool:
            statuses = await self.statuses()
            return all(status == expected.get(name, "operational") for name, status in statuses.items())

        await self.until(as_expected, deadline_s, f"components {expected}")

    async def crawl(self) -> dict[str, Seen]:
        """Every document that a link leads to, from the page and the API on, by its path. Raises
        AssertionError for a link that leads nowhere."""
        waiting = ["/", "/robots.txt", "/api/v2/summary.json"]
        waiting += [f"/api/v2/{name}.json" for name in API]
        found: dict[str, Seen] = {}
        while waiting:
            path = waiting.pop()
            if path in found:
                continue
            found[path] = seen = await self.get(path)
            assert seen.status == 200, path
            if not seen.headers["content-type"].startswith("text/html"):
                continue
            for link in _LINK.findall(seen.body.decode()):
                target = self._below(path, link)
                if target is not None:
                    waiting.append(target)
        return found

    def _below(self, path: str, link: str) -> str | None:
        """The path on this page that a link names; None for other sites and places within a page."""
        joined, _ = urldefrag(urljoin(self.url + path, link))
        return joined.removeprefix(self.url) if joined.startswith(f"{self.url}/") else None


API = (
    "status",
    "components",
    "incidents",
    "incidents/unresolved",
    "scheduled-maintenances",
    "scheduled-maintenances/upcoming",
    "scheduled-maintenances/active",
)
"""What else the API has."""
