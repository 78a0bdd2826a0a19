"""An aggregator with everybody it tells: what they were told, what its store holds, and kill -9."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import aiohttp

from coalmine_aggregator.demo.ports import free_port
from tests.e2e.fleet import Aggregator
from tests.e2e.wired_fleet import WiredFleet
from tests.servers.alertmanager import Alertmanager
from tests.servers.mosquitto import Mosquitto
from tests.servers.pagerduty import HOOK_SECRET, ROUTING_KEY, PagerDuty
from tests.servers.smtp import SmtpServer
from tests.servers.twilio import ACCOUNT, NUMBER, TOKEN, Twilio
from tests.servers.waiting import until

ROW = (
    "SELECT t.change, o.receiver, o.step, o.repeat, o.made_at, o.delivered_at, o.dead "
    "FROM outbox o JOIN transitions t ON t.id = o.transition ORDER BY t.id"
)


class Row(NamedTuple):
    """A row of the outbox."""

    change: str
    receiver: str
    step: int
    repeat: int
    made_at: float
    delivered_at: float | None
    dead: str | None

    @property
    def pending(self) -> bool:
        """Neither delivered nor given up."""
        return self.delivered_at is None and self.dead is None


class Servers:
    """What several aggregators share: broker, Alertmanager, mail server, SMS gateway."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "smtp").mkdir()
        self.broker = Mosquitto(folder / "broker")
        self.alertmanager = Alertmanager(folder / "alertmanager")
        self.smtp = SmtpServer(folder / "smtp")
        self.twilio = Twilio()
        self.cores = asyncio.Semaphore(2)  # a start fills one

    async def __aenter__(self) -> Servers:
        await self.twilio.__aenter__()
        await asyncio.gather(self.broker.start(), self.alertmanager.start(), self.smtp.__aenter__())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in (self.broker, self.alertmanager, self.smtp):
            if process.running:
                await process.kill()
        await self.twilio.__aexit__(None, None, None)


class Paged:
    """One aggregator by a name of its own: its fleet, PagerDuty, mail address, and phone of who is
    called `called_s` after the page (`calls` are the steps in place of that). Use `paged`."""

    def __init__(
        self,
        name: str,
        number: int,
        servers: Servers,
        calls: list[dict[str, Any]],
        pagerduty: PagerDuty,
    ) -> None:
        self.name = name
        self.servers = servers
        self.pagerduty = pagerduty
        self.mail = f"ops@{name}.example"
        self.phone = f"+3538612345{number:02}"
        tcp_port = free_port()
        login = {"user": ACCOUNT, "password": TOKEN}
        to = {"To": "{to}", "From": NUMBER}
        say = {**to, "Twiml": "<Response><Say>{subject:xml}</Say></Response>"}
        twilio = servers.twilio.url
        self.aggregator = Aggregator(
            servers.folder / name,
            fleet=name,
            responder=TOKEN,
            receive={"tcp": f"127.0.0.1:{tcp_port}"},
            broker={"url": f"mqtt://127.0.0.1:{servers.broker.port}"},
            notify=[
                {
                    "name": "pd",
                    "pagerduty": {
                        "routing_key": ROUTING_KEY,
                        "url": pagerduty.url,
                        "hook_secret": HOOK_SECRET,
                    },
                },
                {"name": "am", "alertmanager": {"urls": [servers.alertmanager.url], "resend": "5s"}},
                {
                    "name": "mail",
                    "mail": {
                        "server": f"127.0.0.1:{servers.smtp.port}",
                        "from": "coalmine@example.com",
                        "to": [self.mail],
                        "security": "none",
                    },
                },
                {
                    "name": "sms",
                    "gateway": {
                        "url": f"{twilio}/Messages.json",
                        "form": {**to, "Body": "{text}"},
                        **login,
                    },
                },
                {"name": "voice", "gateway": {"url": f"{twilio}/Calls.json", "form": say, **login}},
            ],
            paging={
                "people": {"anna": {"phone": self.phone}},
                "escalations": {"calls": calls},
                "routes": [{"to": ["pd", "am", "mail"], "escalation": "calls"}],
            },
        )
        self.fleet = WiredFleet(name, broker_port=servers.broker.port, tcp_ports=[tcp_port])
        self.database = servers.folder / name / "history.db"

    async def restart(self) -> None:
        """Up, or up again."""
        async with self.servers.cores:
            await self.aggregator.start()

    # What it says, and what its store holds.

    def logged(self, event: str) -> int:
        """How often an event was logged, over all lives."""
        return self.aggregator.text().count(f" {event} ")

    async def rows(self) -> list[Row]:
        """The outbox."""
        return [Row(*row) for row in await self.query(ROW)]

    async def query(self, sql: str) -> list[tuple[Any, ...]]:
        """What the store answers, whoever writes."""

        def read() -> list[tuple[Any, ...]]:
            file = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=5.0)
            try:
                return file.execute(sql).fetchall()
            finally:
                file.close()

        return await asyncio.to_thread(read)

    @asynccontextmanager
    async def locked(self) -> AsyncIterator[None]:
        """Nothing is committed meanwhile."""

        def lock() -> sqlite3.Connection:
            file = sqlite3.connect(
                self.database, isolation_level=None, timeout=5.0, check_same_thread=False
            )
            file.execute("BEGIN IMMEDIATE")
            return file

        file = await asyncio.to_thread(lock)
        try:
            yield
        finally:
            await asyncio.to_thread(file.close)

    async def until(self, true: Any, what: str, deadline_s: float = 30.0) -> Any:
        """Waits for a condition, plain or to be awaited."""

        async def holds() -> Any:
            found = true()
            return await found if asyncio.iscoroutine(found) else found

        return await until(
            holds, deadline_s=deadline_s, what=f"{self.name}: {what}", explain=self.aggregator.tail
        )

    async def until_delivered(self) -> None:
        """Waits until the outbox has nothing more to do."""

        async def nothing() -> bool:
            rows = await self.rows()
            return bool(rows) and not any(row.pending for row in rows)

        await self.until(nothing, "the outbox is empty")

    # What they were told.

    def events(self, action: str) -> list[dict[str, Any]]:
        """What PagerDuty took, of one kind."""
        return [event for event in self.pagerduty.events if event["event_action"] == action]

    def sms(self) -> int:
        """Messages to the phone."""
        return sum(message.to == self.phone for message in self.servers.twilio.messages)

    def voice(self) -> int:
        """Calls to the phone."""
        return sum(call.to == self.phone for call in self.servers.twilio.calls)

    async def firing(self) -> list[dict[str, Any]]:
        """What fires at Alertmanager of this fleet's service."""
        query = [("filter", f'fleet="{self.name}"'), ("filter", 'service="ingest"'), ("active", "true")]
        url = f"{self.servers.alertmanager.url}/api/v2/alerts"
        async with aiohttp.ClientSession() as http, http.get(url, params=query) as response:
            assert response.status == 200, await response.text()
            found: list[dict[str, Any]] = await response.json()
            return found

    async def acknowledge(self, ref: str) -> int:
        """The status of the API's answer; 0 where there was none."""
        status, _ = await self.aggregator.api.post(f"/api/v1/alerts/{ref}/ack", {})
        return status

    async def acknowledge_at_pagerduty(self, by: str) -> int:
        """The status of our answer to PagerDuty's webhook."""
        hook = f"http://127.0.0.1:{self.aggregator.web_port}/api/v1/hooks/pagerduty/pd"
        return await self.pagerduty.acknowledge(self.pagerduty.incidents[-1], by, hook)


@asynccontextmanager
async def paged(
    name: str, number: int, servers: Servers, calls: list[dict[str, Any]]
) -> AsyncIterator[Paged]:
    """It runs, its fleet is whole."""
    async with PagerDuty() as pagerduty:
        running = Paged(name, number, servers, calls, pagerduty)
        try:
            await running.restart()
            async with running.fleet, running.aggregator.api as api:
                await api.until_whole({"tcp": 6})
                yield running
        finally:
            if running.aggregator.running:
                await running.aggregator.kill()
