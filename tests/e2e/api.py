"""The aggregator's API as the tests read it, and waiting for what it says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

import aiohttp

from coalmine_aggregator.model.fates import BAD, Fate
from tests.servers.waiting import until

Json = dict[str, Any]

T = TypeVar("T")

FATES = tuple(fate.label for fate in Fate)


class SlotRow(NamedTuple):
    """One group in one settled slot; `fates` by name."""

    slot: int
    expected: int
    received: int
    fates: dict[str, int]

    @property
    def whole(self) -> bool:
        """Everything that was expected arrived, and was delivered."""
        return self.expected == self.received == self.fates["delivered"] > 0

    @property
    def exact(self) -> bool:
        """Everything that was expected arrived, once, and nothing is held against the service.

        A datapoint that arrived from an agent that was impaired is unknown and yet in the sum rate:
        machines stall, and that must show as what it is.
        """
        arrived = self.fates["delivered"] + self.fates["unknown"]
        return self.expected == self.received == arrived > 0

    @property
    def bad(self) -> int:
        """What the service did not take in time."""
        return sum(self.fates[fate.label] for fate in BAD)


class Api:
    """`http://127.0.0.1:<port>`; `async with` it. Answers are plain JSON. `token` lets in, where one is
    needed."""

    def __init__(self, port: int, metrics_port: int, token: str = "") -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.metrics_url = f"http://127.0.0.1:{metrics_port}/metrics"
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._session: aiohttp.ClientSession | None = None
        self.explain: Callable[[], str] = lambda: ""

    async def __aenter__(self) -> Api:
        self._session = aiohttp.ClientSession(
            self.url,
            headers=self._headers,
            timeout=aiohttp.ClientTimeout(total=5),
            # An aggregator that was killed must not be met on a connection from before.
            connector=aiohttp.TCPConnector(force_close=True),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._session is not None
        await self._session.close()

    async def get(self, path: str, **query: str) -> Json:
        """The answer's JSON; AssertionError for anything but 200."""
        assert self._session is not None
        async with self._session.get(path, params=query) as response:
            body = await response.text()
            assert response.status == 200, f"GET {path} {query}: {response.status} {body[:500]}"
            answer: Json = await response.json(content_type=None)
            return answer

    async def post(self, path: str, body: Json) -> tuple[int, str]:
        """Status and body; 0 where the aggregator went away meanwhile."""
        assert self._session is not None
        try:
            async with self._session.post(path, json=body) as response:
                return response.status, await response.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            return 0, str(error)

    async def text(self, path: str) -> tuple[int, str]:
        """Status and body."""
        assert self._session is not None
        async with self._session.get(path) as response:
            return response.status, await response.text()

    async def until_ready(self, deadline_s: float = 20) -> None:
        """Waits for `/readyz`."""

        async def ready() -> bool:
            try:
                status, _ = await self.text("/readyz")
            except (aiohttp.ClientError, TimeoutError):
                return False
            return status == 200

        await until(ready, deadline_s=deadline_s, what="the aggregator is ready", explain=self.explain)

    async def rates(
        self, by: str = "", *, first: int | None = None, last: int = 20, **where: str
    ) -> dict[str, list[SlotRow]]:
        """Rows by slot for each group, under the values of its labels joined by a slash.

        The newest `last` settled slots, or those from `first` on.
        """
        span = {"from": str(first)} if first is not None else {"last": f"{last}s"}
        answer = await self.get("/api/v1/rates", **({"by": by} if by else {}), **span, **where)
        labels = [label for label in by.split(",") if label]
        return {
            "/".join(group["labels"][label] for label in labels): rows_of(group)
            for group in answer["groups"]
        }

    async def settled(self) -> int:
        """The newest settled slot."""
        answer = await self.get("/api/v1/rates", last="1s")
        return int(answer["settled"])

    async def fates(self, **query: str) -> Json:
        """`/api/v1/fates`."""
        return await self.get("/api/v1/fates", **query)

    async def alerts(self) -> Json:
        """`/api/v1/alerts`."""
        return await self.get("/api/v1/alerts", limit="100")

    async def agents(self, **query: str) -> list[Json]:
        """Every agent; two that share an id stand there both."""
        answer = await self.get("/api/v1/agents", **query)
        return list(answer["agents"])

    async def oddities(self) -> dict[str, int]:
        """What was counted apart since the aggregator started, by kind."""
        return dict((await self.fates(last="1s"))["oddities"])

    async def exposition(self) -> str:
        """What Prometheus would scrape."""
        assert self._session is not None
        async with self._session.get(self.metrics_url) as response:
            assert response.status == 200
            return await response.text()

    async def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples of `name` in `/metrics` that carry these labels; 0 without any."""
        text = await self.exposition()
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        return sum(
            float(line.rsplit(" ", 1)[1])
            for line in text.splitlines()
            if line.split("{")[0].split(" ")[0] == name and all(label in line for label in wanted)
        )

    async def until_settled(self, slot: int, deadline_s: float = 20) -> None:
        """Waits until `slot` is settled."""

        async def reached() -> bool:
            return await self.settled() >= slot

        await self.until(reached, deadline_s, f"slot {slot} is settled")

    async def until_whole(
        self, expected: Mapping[str, int], *, slots: int = 3, deadline_s: float = 60
    ) -> int:
        """Waits until in the newest `slots` slots every protocol delivered exactly `expected`.

        Returns the first of them.
        """

        async def whole() -> int:
            found = await self.rates("protocol", last=slots)
            same = found.keys() == expected.keys() and all(
                len(rows) == slots and all(row.whole and row.received == expected[name] for row in rows)
                for name, rows in found.items()
            )
            return next(iter(found.values()))[0].slot if same else 0

        return await self.until(whole, deadline_s, f"{slots} slots of {dict(expected)}")

    async def until_alert(self, deadline_s: float = 30, **fields: object) -> Json:
        """Waits for an open alert with these fields."""

        async def opened() -> Json | None:
            for alert in (await self.alerts())["open"]:
                if all(alert[key] == value for key, value in fields.items()):
                    found: Json = alert
                    return found
            return None

        found = await self.until(opened, deadline_s, f"an open alert with {fields}")
        return found or {}

    async def until_quiet(self, deadline_s: float = 60) -> None:
        """Waits until no alert is open."""

        async def quiet() -> bool:
            return not (await self.alerts())["open"]

        await self.until(quiet, deadline_s, "no alert is open")

    async def until(self, condition: Callable[[], Awaitable[T]], deadline_s: float, what: str) -> T:
        """Waits for a condition on the answers; the aggregator may be away meanwhile."""

        async def guarded() -> T | None:
            try:
                return await condition()
            except (aiohttp.ClientError, TimeoutError):
                return None

        found = await until(guarded, deadline_s=deadline_s, what=what, explain=self.explain)
        assert found is not None
        return found


def rows_of(group: Json) -> list[SlotRow]:
    """A group of `/api/v1/rates` as rows."""
    return [
        SlotRow(
            slot,
            group["expected"][index],
            group["received"][index],
            {fate: group["fates"][fate][index] for fate in FATES},
        )
        for index, slot in enumerate(group["slots"])
    ]


def total(rows: list[SlotRow]) -> dict[str, int]:
    """Fates summed over slots."""
    return {fate: sum(row.fates[fate] for row in rows) for fate in FATES}
