"""kill -9 to real aggregators at moments between detection and delivery, and what people saw of it.

Invariants, for any moments of the kills:
- Every outage was paged, and is one incident at PagerDuty by its own rules: opened before it is
  resolved, resolved once it is over, and never opened anew.
- Alertmanager fired and fell quiet; mails of an outage are one thread, each message known by one
  identifier however often it came.
- Who acknowledged is remembered once the API has said so, and nobody is called after that; where nobody
  acknowledges, the phone gets its message.
- The outbox ends empty, with as many alerts as there were outages.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import pytest

from coalmine_runtime import clock
from tests.e2e.paged import Paged, Servers, paged
from tests.e2e.wired_fleet import REGIONS
from tests.servers.pagerduty import Answer
from tests.servers.waiting import within

CALL_S = 8.0
ALERT = "ingest-loss-1"
FIRST_TOLD = """
SELECT min(o.made_at) FROM outbox o JOIN transitions t ON t.id = o.transition
WHERE t.number = (SELECT max(number) FROM alerts)
"""
ACTIONS = {"opened": "trigger", "closed": "resolve"}


class Moment(StrEnum):
    """Where a kill strikes, in the life of what is told."""

    COMMIT = "before the commit"
    OUTBOX = "committed, not yet delivered"
    REQUEST = "during the request"
    ANSWER = "taken, before the answer"
    MARK = "answered, before that was committed"
    CALL = "as an escalation's step is due"
    ACK = "as somebody acknowledges"


OF_CHANGES = (Moment.COMMIT, Moment.OUTBOX, Moment.REQUEST, Moment.ANSWER, Moment.MARK)


class Executioner:
    """Kills one aggregator at moments. `struck` counts where they hit, by what the store and PagerDuty
    had at the time of death."""

    def __init__(self, subject: Paged, dice: random.Random) -> None:
        self.subject = subject
        self.dice = dice
        self.struck: Counter[str] = Counter()

    async def strike(self, moment: Moment, change: str) -> None:
        """Waits for the moment in the life of the next transition of that kind, kills, restarts."""
        subject = self.subject
        before = (len(subject.events(ACTIONS[change])), await self._committed(change))
        async with self._moment(moment, change, before):
            await subject.aggregator.kill()
            taken = len(subject.events(ACTIONS[change])) - before[0]
        subject.pagerduty.mood = None
        subject.pagerduty.lag_s = lambda: 0.0
        hit = self._hit(await self._committed(change) > before[1], await self._marked(change), taken)
        self.struck[f"{change}: {hit}"] += 1
        await subject.restart()

    async def strike_at(self, moment: Moment, at: float) -> None:
        """Kills about a time, seconds since the epoch, and restarts."""
        await asyncio.sleep(at + self.dice.uniform(-0.2, 0.4) - clock.wall())
        await self.subject.aggregator.kill()
        self.struck[moment] += 1
        await self.subject.restart()

    @asynccontextmanager
    async def _moment(
        self, moment: Moment, change: str, before: tuple[int, int]
    ) -> AsyncIterator[None]:
        """Entered at the moment; what holds it up ends with it."""
        subject, pagerduty, dice = self.subject, self.subject.pagerduty, self.dice
        match moment:
            case Moment.COMMIT:
                logged = subject.logged(f"alert.{change}")
                # An open alert changes too; whatever is told waits as long as this is held.
                await asyncio.sleep(2.0 if change == "opened" else 6.0)
                async with subject.locked():
                    await subject.until(
                        lambda: subject.logged(f"alert.{change}") > logged, f"{change} is logged"
                    )
                    await asyncio.sleep(dice.uniform(0.0, 0.3))
                    yield
            case Moment.OUTBOX:
                pagerduty.mood = dice.choice(
                    [Answer(503), Answer(500), Answer(429, {"Retry-After": "1"}), Answer(hang=True)]
                )
                await self._until_committed(change, before[1])
                await asyncio.sleep(dice.uniform(0.0, 0.4))
                yield
            case Moment.REQUEST:
                async with self._slow(before=0.4, after=0.0) as asked:
                    await self._until_committed(change, before[1])
                    await within(asked[0].wait(), 10)
                    await asyncio.sleep(dice.uniform(0.0, 0.3))
                    yield
            case Moment.ANSWER:
                async with self._slow(before=0.0, after=0.4):
                    await self._until_taken(change, before[0])
                    await asyncio.sleep(dice.uniform(0.0, 0.3))
                    yield
            case _:
                async with self._slow(before=0.0, after=0.3):
                    await self._until_taken(change, before[0])
                    delivered = subject.logged("notify.delivered receiver=pd")
                    async with subject.locked():
                        await subject.until(
                            lambda: subject.logged("notify.delivered receiver=pd") > delivered,
                            "PagerDuty has answered",
                        )
                        await asyncio.sleep(dice.uniform(0.0, 0.2))
                        yield

    @asynccontextmanager
    async def _slow(self, *, before: float, after: float) -> AsyncIterator[list[asyncio.Event]]:
        """PagerDuty takes its time; the events say that it was asked, and that it has taken it."""
        said = [asyncio.Event(), asyncio.Event()]
        draws = 0

        def lag_s() -> float:
            nonlocal draws
            draws += 1
            said[1 - draws % 2].set()
            return before if draws % 2 else after

        self.subject.pagerduty.lag_s = lag_s
        yield said

    async def _until_committed(self, change: str, before: int) -> None:
        async def more() -> bool:
            return await self._committed(change) > before

        await self.subject.until(more, f"{change} is committed")

    async def _until_taken(self, change: str, before: int) -> None:
        await self.subject.until(
            lambda: len(self.subject.events(ACTIONS[change])) > before, f"PagerDuty has taken {change}"
        )

    async def _committed(self, change: str) -> int:
        sql = f"SELECT count(*) FROM transitions WHERE change = '{change}' AND body LIKE '%\"loss\"%'"
        ((count,),) = await self.subject.query(sql)
        return int(count)

    async def _marked(self, change: str) -> bool:
        rows = [each for each in await self.subject.rows() if each.change == change]
        return bool(rows) and all(not each.pending for each in rows if each.receiver == "pd")

    def _hit(self, committed: bool, marked: bool, taken: int) -> str:
        if not committed:
            return "before the commit"
        if marked:
            return "after all of it"
        return "taken, not marked" if taken else "committed, not taken"


class Outage(NamedTuple):
    """When kills strike in it."""

    opening: Moment
    then: Moment
    closing: Moment


async def outage(executioner: Executioner, opening: Moment, then: Moment, closing: Moment) -> None:
    """From whole through an outage to whole again, with a kill at each of these moments."""
    subject, dice = executioner.subject, executioner.dice
    incidents = subject.pagerduty.incidents
    count, texts = len(incidents), subject.sms()
    await asyncio.sleep(dice.uniform(0.0, 1.0))
    subject.fleet.broken = {REGIONS[0]}
    await executioner.strike(opening, "opened")
    await subject.until(lambda: len(incidents) > count, "it is paged")
    await subject.until(subject.firing, "Alertmanager fires")
    if then is Moment.CALL:
        ((first,),) = await subject.query(FIRST_TOLD)
        await executioner.strike_at(then, first + CALL_S)
        await subject.until(lambda: subject.sms() > texts, "anna gets an SMS")
    else:
        texts = await acknowledged(executioner)
    subject.fleet.broken = set()
    await executioner.strike(closing, "closed")
    await subject.until(lambda: incidents[-1].resolved, "it is resolved", 60)

    async def quiet() -> bool:
        return not await subject.firing()

    await subject.until(quiet, "Alertmanager is quiet")
    await subject.until_delivered()
    assert len(incidents) == count + 1
    if then is Moment.ACK:
        assert incidents[-1].acknowledged
        assert subject.sms() == texts


async def acknowledged(executioner: Executioner) -> int:
    """Somebody acknowledges while the aggregator is killed; again, where it did not say yes.

    Returns how often the phone had been told by then."""
    subject = executioner.subject
    asked = asyncio.create_task(subject.acknowledge(ALERT))
    await executioner.strike_at(Moment.ACK, clock.wall() + executioner.dice.uniform(0.2, 0.25))
    said = await asked

    async def yes() -> bool:
        return await subject.acknowledge(ALERT) == 200

    if said != 200:
        await subject.until(yes, "it is acknowledged")
    alert = await subject.aggregator.api.until_alert(id=ALERT)
    assert alert["acknowledged_at"] is not None
    # A call that was on its way when somebody answered is not taken back.
    texts = subject.sms()
    await asyncio.sleep(max(0.0, alert["opened_at"] + CALL_S + 2.0 - clock.wall()))
    return texts


async def check(subject: Paged, outages: int) -> None:
    pagerduty = subject.pagerduty
    assert pagerduty.refusals == []
    assert len(pagerduty.incidents) == outages
    assert all(incident.resolved and incident.triggers for incident in pagerduty.incidents)
    assert {event["dedup_key"] for event in pagerduty.events} == {f"{subject.name}/ingest/loss/1"}
    opened = False
    for event in pagerduty.events:
        opened = opened or event["event_action"] == "trigger"
        assert opened, "resolved before it was paged"
    threads: defaultdict[str, set[str]] = defaultdict(set)
    subjects: defaultdict[str, set[str]] = defaultdict(set)
    for taken in subject.servers.smtp.taken():
        if taken.to == [subject.mail]:
            mail = taken.mail
            threads[mail["References"]].add(mail["Message-ID"])
            subjects[mail["Message-ID"]].add(mail["Subject"])
    assert len(threads) == outages
    assert all(len(messages) >= 2 for messages in threads.values()), threads
    assert all(len(each) == 1 for each in subjects.values()), subjects
    alerts = await subject.query("SELECT number, closed_at FROM alerts")
    assert len(alerts) == outages
    assert all(closed_at is not None for _, closed_at in alerts)
    rows = await subject.rows()
    assert not [row for row in rows if row.pending or (row.dead and row.receiver == "pd")]


def moments(dice: random.Random, count: int) -> Callable[[], Moment]:
    """So many moments of changes, all alike often, in random order."""
    whole = [OF_CHANGES[index % len(OF_CHANGES)] for index in range(count)]
    dice.shuffle(whole)
    return whole.pop


async def lane(subject: Paged, dice: random.Random, plan: list[Outage]) -> Counter[str]:
    executioner = Executioner(subject, dice)
    for each in plan:
        await outage(executioner, *each)
    await check(subject, len(plan))
    return executioner.struck


async def run(tmp_path: Path, seed: int, lanes: int, thens: list[Moment]) -> Counter[str]:
    """So many aggregators at once. Each goes through as many outages as there are `thens`, with a kill
    as it opens, at `then`, and as it closes."""
    dice = random.Random(seed)
    draw = moments(dice, 2 * lanes * len(thens))
    calls = [{"after": f"{CALL_S}s", "to": [{"receiver": "sms", "to": "anna"}]}]
    async with Servers(tmp_path) as servers, AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        subjects = await asyncio.gather(
            *(
                stack.enter_async_context(paged(f"fleet{number}", number, servers, calls))
                for number in range(lanes)
            )
        )
        tasks = []
        for subject in subjects:
            plan = [Outage(draw(), then, draw()) for then in thens]
            tasks.append(group.create_task(lane(subject, random.Random(dice.random()), plan)))
        found = await asyncio.gather(*tasks)
    struck = sum(found, Counter[str]())
    print(f"seed {seed}: {struck.total()} kills hit", dict(sorted(struck.items())))
    return struck


@pytest.mark.prove
@pytest.mark.timeout(240)
async def test_three_kills_in_the_life_of_one_page(tmp_path: Path) -> None:
    struck = await run(tmp_path, random.SystemRandom().randrange(2**32), 1, [Moment.CALL])
    assert struck.total() == 3


@pytest.mark.prove
@pytest.mark.timeout(600)
async def test_more_than_fifty_kills(tmp_path: Path) -> None:
    thens = [Moment.CALL, Moment.ACK, Moment.CALL]
    struck = await run(tmp_path, random.SystemRandom().randrange(2**32), 6, thens)
    assert struck.total() == 54
    for hit in ("before the commit", "committed, not taken", "taken, not marked"):
        assert struck[f"opened: {hit}"] >= 2, struck
        assert struck[f"closed: {hit}"] >= 1, struck
