"""Two aggregators that watch each other, a real broker, one PagerDuty: each cause is one incident,
whoever of them dies when."""

from __future__ import annotations

import asyncio
import random
import re
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from coalmine_aggregator.demo.ports import free_port
from coalmine_runtime import clock
from tests.e2e.api import Api
from tests.e2e.fleet import SERVICE, Aggregator
from tests.e2e.wired_fleet import REGIONS, WiredFleet
from tests.servers.mosquitto import Mosquitto
from tests.servers.pagerduty import ROUTING_KEY, Incident, PagerDuty
from tests.servers.twilio import ACCOUNT, NUMBER, TOKEN, Twilio
from tests.servers.waiting import until

FLEET = "prod"
KEY = f"{FLEET}/{SERVICE}/loss/1"
ROWS = (
    "SELECT t.change, o.receiver, o.step, o.delivered_at IS NOT NULL "
    "FROM outbox o JOIN transitions t ON t.id = o.transition ORDER BY t.id, o.step"
)

SMS_S, CALL_S = 2.0, 7.0
"""How long after a page the phone gets an SMS, and a call."""


class Pair:
    """Both, their fleet, and whom they tell; a phone too, where `paging` calls it. Use `paired`."""

    def __init__(
        self,
        folder: Path,
        broker: Mosquitto,
        pagerduty: PagerDuty,
        phone: Sequence[dict[str, Any]],
        paging: dict[str, Any],
        more: dict[str, Any],
    ) -> None:
        self.pagerduty = pagerduty
        self.broker = broker
        self.dice = random.Random()
        ports = [free_port(), free_port()]
        self.both = [
            Aggregator(
                folder / name,
                fleet=FLEET,
                responder=TOKEN,
                receive={"tcp": f"127.0.0.1:{port}"},
                broker={
                    "url": f"mqtt://127.0.0.1:{broker.port}",
                    "username": f"coalmine-{name}",
                    "password": TOKEN,
                },
                notify=[
                    {"name": "pd", "pagerduty": {"routing_key": ROUTING_KEY, "url": pagerduty.url}},
                    *phone,
                ],
                paging=paging,
            )
            for name, port in zip("ab", ports, strict=True)
        ]
        for aggregator, name, peer in zip(self.both, "ab", "ba", strict=True):
            aggregator.settings |= {"pair": {"name": name, "peer": peer}, **more}
            aggregator.write()
        self.fleet = WiredFleet(FLEET, broker_port=broker.port, tcp_ports=ports, password=TOKEN)

    def incidents(self, what: str = "loss") -> list[Incident]:
        """Those of a class."""
        return [each for each in self.pagerduty.incidents if f"/{what}/" in each.dedup_key]

    def told(self, number: int) -> int:
        """Notices that one of them told."""
        return self.both[number].text().count(" notify.delivered ")

    def rows(self, number: int) -> list[tuple[str, str, int, bool]]:
        """The outbox of one of them: what became of the alert, receiver, step, whether it was taken."""
        history = self.both[number].config.with_name("history.db")
        file = sqlite3.connect(f"file:{history}?mode=ro", uri=True, timeout=5.0)
        try:
            return file.execute(ROWS).fetchall()
        finally:
            file.close()

    async def until_incident(self, *, resolved: bool, count: int = 1, deadline_s: float = 40.0) -> None:
        """Waits for the newest incident of loss."""

        async def seen() -> bool:
            found = self.incidents()
            return len(found) >= count and found[-1].resolved is resolved

        what = f"incident {count} is {'resolved' if resolved else 'open'}"
        await until(seen, deadline_s=deadline_s, what=what, explain=self.tail)

    def tail(self) -> str:
        return "\n".join(aggregator.tail() for aggregator in self.both)


def rights() -> str:
    """The access list that the documentation gives, and one user for all agents."""
    page = (Path(__file__).parents[2] / "docs" / "pair.md").read_text()
    (found,) = re.findall(r"^```\n(user coalmine-a\n.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return f"{found}\nuser wired-{FLEET}\ntopic write coalmine/v1/{FLEET}/agent/#\n"


@asynccontextmanager
async def paired(
    folder: Path,
    phone: Sequence[dict[str, Any]] = (),
    paging: dict[str, Any] | None = None,
    more: dict[str, Any] | None = None,
) -> AsyncIterator[Pair]:
    """They run, and have heard of each other. `more` are settings of both."""
    users = ("coalmine-a", "coalmine-b", f"wired-{FLEET}")
    broker = Mosquitto(folder / "broker", passwords=dict.fromkeys(users, TOKEN), rights=rights())
    await broker.start()
    async with PagerDuty() as pagerduty:
        pair = Pair(folder, broker, pagerduty, phone, paging or {}, more or {})
        try:
            for aggregator in pair.both:
                await aggregator.start()
            async with pair.fleet, pair.both[0].api, pair.both[1].api:
                for aggregator in pair.both:
                    await aggregator.api.until_whole({"tcp": 6})
                yield pair
        finally:
            for aggregator in pair.both:
                if aggregator.running:
                    await aggregator.kill()
            await broker.stop()


async def test_the_first_tells_and_the_second_goes_on_when_it_dies(tmp_path: Path) -> None:
    async with paired(tmp_path) as pair:
        pair.fleet.broken = {REGIONS[0]}
        await pair.until_incident(resolved=False)
        for aggregator in pair.both:

            async def opened(aggregator: Aggregator = aggregator) -> bool:
                return len((await aggregator.api.alerts())["open"]) == 1

            await until(opened, deadline_s=20, what="both see it", explain=pair.tail)
        await asyncio.sleep(11)  # longer than the second waits
        assert (pair.told(0), pair.told(1)) == (1, 0)
        for aggregator, waiting in zip(pair.both, (0, 1), strict=True):
            assert await aggregator.api.metric("coalmine_peer_waiting_notices") == waiting
            assert await aggregator.api.metric("coalmine_peer_up") == 1
        await pair.both[0].kill()
        pair.fleet.broken = set()
        await pair.until_incident(resolved=True)
        assert pair.told(1) == 1
        assert [each.dedup_key for each in pair.incidents()] == [KEY]


async def test_the_second_tells_what_the_first_is_not_there_to_tell(tmp_path: Path) -> None:
    async with paired(tmp_path) as pair:
        await pair.both[0].kill()
        assert await pair.both[1].api.metric("coalmine_peer_up") == 0
        pair.fleet.broken = {REGIONS[0]}
        await pair.until_incident(resolved=False, deadline_s=20)
        await pair.both[0].start()  # it finds the same, under the same key, and says no more
        await pair.both[0].api.until_ready()
        pair.fleet.broken = set()
        await pair.until_incident(resolved=True)
        assert [each.dedup_key for each in pair.incidents()] == [KEY]


async def test_a_silence_and_an_acknowledgement_at_one_hold_at_the_other(tmp_path: Path) -> None:
    async with Twilio() as twilio, paired(tmp_path, gateways(twilio), escalation()) as pair:
        one, other = (aggregator.api for aggregator in pair.both)
        body = {"match": {"service": [SERVICE]}, "why": "new disks", "ends_at": clock.wall() + 3600}
        status, answer = await one.post("/api/v1/silences", body)
        assert status == 201, answer
        silence = msgspec.json.decode(answer)["silence"]["id"]

        async def silenced() -> bool:
            return [each["id"] for each in (await other.get("/api/v1/silences"))["silences"]] == [
                silence
            ]

        await other.until(silenced, 1, "the other has the silence")
        pair.fleet.broken = {REGIONS[0]}
        for api in (one, other):
            alert = await api.until_alert(service=SERVICE)
            assert alert["held"]["kind"] == "silence"
        await other.until_settled(int(clock.wall()))
        assert pair.pagerduty.requests == 0
        assert pair.rows(0) == pair.rows(1) == []

        # The other ends it, the first tells.
        status, answer = await other.post(f"/api/v1/silences/{silence}/end", {})
        assert status == 200, answer
        await pair.until_incident(resolved=False, deadline_s=3)
        paged_at = clock.wall()

        async def texted() -> bool:
            return bool(twilio.messages)

        await until(texted, deadline_s=SMS_S + 2, what="an SMS comes", explain=pair.tail)

        status, answer = await other.post("/api/v1/alerts/ingest-loss-1/ack", {})
        assert status == 200, answer
        await one.until_alert(1, service=SERVICE, acknowledged_by="anna")
        await asyncio.sleep(paged_at + CALL_S + 2 - clock.wall())  # past the time of the call
        assert (len(twilio.messages), len(twilio.calls)) == (1, 0)
        assert [each.acknowledged for each in pair.incidents()] == [True]
        first, second = pair.rows(0), pair.rows(1)
        assert not [row for row in (*first, *second) if row[1] == "voice"], "neither means to call"
        # The first told all of it; what the second had to tell was left to the first.
        assert {row[:3] for row in first if row[3]} == {
            ("opened", "pd", 0),
            ("opened", "sms", 1),
            ("acknowledged", "pd", 0),
        }
        assert not [row for row in second if row[3]]


async def test_a_silence_that_was_ended_does_not_come_back(tmp_path: Path) -> None:
    async with paired(tmp_path) as pair:
        one, other = (aggregator.api for aggregator in pair.both)
        body = {"match": {"service": [SERVICE]}, "why": "new disks", "ends_at": clock.wall() + 3600}
        status, answer = await one.post("/api/v1/silences", body)
        assert status == 201, answer
        silence = msgspec.json.decode(answer)["silence"]["id"]
        await other.until(lambda: silences(other), 1, "the other has the silence")
        await other.until_settled(int(clock.wall()))  # committed
        await pair.both[1].kill()
        status, answer = await one.post(f"/api/v1/silences/{silence}/end", {})
        assert status == 200, answer
        await pair.both[0].kill()
        await pair.both[0].start()
        await pair.both[1].start()

        async def ended() -> bool:
            assert await silences(one) == []
            return await silences(other) == []

        await other.until(ended, 5, "the silence is ended at the other")


async def silences(api: Api) -> list[str]:
    """The ids of those that hold."""
    return [each["id"] for each in (await api.get("/api/v1/silences"))["silences"]]


def gateways(twilio: Twilio) -> list[dict[str, Any]]:
    """Entries of `notify`: SMS and calls."""
    login = {"user": ACCOUNT, "password": TOKEN}
    to = {"To": "{to}", "From": NUMBER}
    say = {**to, "Twiml": "<Response><Say>{subject:xml}</Say></Response>"}
    sms = {"url": f"{twilio.url}/Messages.json", "form": {**to, "Body": "{text}"}, **login}
    call = {"url": f"{twilio.url}/Calls.json", "form": say, **login}
    return [{"name": "sms", "gateway": sms}, {"name": "voice", "gateway": call}]


def escalation() -> dict[str, Any]:
    """`paging`: an SMS, then a call."""
    steps = [
        {"after": f"{after}s", "to": [{"receiver": receiver, "to": "anna"}]}
        for receiver, after in (("sms", SMS_S), ("voice", CALL_S))
    ]
    return {
        "people": {"anna": {"phone": "+353861234501"}},
        "escalations": {"calls": steps},
        "routes": [{"to": ["pd"], "escalation": "calls"}],
    }


@pytest.mark.prove
@pytest.mark.timeout(600)
async def test_either_dies_at_any_moment(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    async with paired(tmp_path) as pair:
        pair.pagerduty.lag_s = lambda: dice.choice([0.0, 0.02, 0.2])
        for count in range(1, 6):
            pair.fleet.broken = {REGIONS[0]}
            victim = pair.both[dice.randrange(2)]
            await asyncio.sleep(dice.uniform(3.0, 9.0))
            await victim.kill()
            await asyncio.sleep(dice.uniform(0.0, 3.0))
            await victim.start()
            await pair.until_incident(resolved=False, count=count)
            await asyncio.sleep(dice.uniform(0.0, 5.0))
            pair.fleet.broken = set()
            victim = pair.both[dice.randrange(2)]
            await asyncio.sleep(dice.uniform(0.0, 8.0))
            await victim.kill()
            await victim.start()
            await pair.until_incident(resolved=True, count=count, deadline_s=90)
            for aggregator in pair.both:

                async def over(aggregator: Aggregator = aggregator) -> bool:
                    return not (await aggregator.api.alerts())["open"]

                await until(over, deadline_s=60, what="both see it end", explain=pair.tail)
            assert len(pair.incidents()) == count
        assert pair.pagerduty.refusals == []


async def test_one_of_the_two_acts_and_the_other_when_it_dies(tmp_path: Path) -> None:
    more = {"remediation": {"services": [SERVICE]}}
    async with paired(tmp_path, more=more) as pair:

        async def holders() -> list[int]:
            living = [each for each in pair.both if each.running]
            return [int(await each.api.metric("coalmine_remediation_holder")) for each in living]

        async def first_acts() -> bool:
            return await holders() == [1, 0]

        async def other_acts() -> bool:
            return await holders() == [1]

        await until(first_acts, deadline_s=40, what="the first acts", explain=pair.tail)
        stop_file = pair.both[1].config.with_name("remediation.stop")
        stop_file.write_text("see ticket 12")

        async def both_stopped() -> bool:
            said = [await each.api.metric("coalmine_remediation_stopped") for each in pair.both]
            return said == [1, 1]

        await until(both_stopped, deadline_s=20, what="both are stopped", explain=pair.tail)
        await pair.both[0].kill()
        await until(other_acts, deadline_s=40, what="the second acts", explain=pair.tail)
