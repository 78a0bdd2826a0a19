"""Every kind of receiver at once, by its documented rules: trouble of one is no trouble of another.

One that is dead delays no other: a page is with the others within `SOON_S` of its transition, its
commit included. One that limits its rate, fails or is slow is told of everything in the end, in order.
"""

from __future__ import annotations

import asyncio
import json
import random
import textwrap
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from coalmine_aggregator.model.alerts import Transition
from coalmine_aggregator.notify import backoff
from coalmine_aggregator.notify.notifier import Notifier
from coalmine_aggregator.notify.outlet import OutletView
from coalmine_aggregator.notify.settings import KINDS, NotifySettings
from coalmine_aggregator.store.store import Store
from coalmine_runtime import clock
from tests.aggregator.notify.receivers import SECRET, notifying, paging, receivers
from tests.aggregator.notify.test_notifier import put
from tests.aggregator.store.samples import changed, closed, opened
from tests.servers.alert_api import API_KEY, AlertApiServer
from tests.servers.alertmanager import Alertmanager
from tests.servers.black_hole import BlackHole
from tests.servers.chat import MATTERMOST_HOOK, ChatServer
from tests.servers.hook import Hook
from tests.servers.pagerduty import ROUTING_KEY, Answer, PagerDuty
from tests.servers.smtp import SmtpServer
from tests.servers.twilio import ACCOUNT, NUMBER, TOKEN, Twilio
from tests.servers.waiting import until

SOON_S = 1.0

PAGING = """
people: {anna: {phone: "+353861234567"}}
routes:
  - to: [%s]
"""

ENTRIES = {
    "alertmanager": "urls: ['http://{at}']",
    "chat": f"url: mmost://{{at}}/{MATTERMOST_HOOK}",
    "gateway": (
        f"url: http://{{at}}/2010-04-01/Accounts/{ACCOUNT}/Messages.json\n"
        f"user: {ACCOUNT}\npassword: {TOKEN}\ntell: [opened, changed, closed]\n"
        f"form: {{{{To: '{{{{to}}}}', From: '{NUMBER}', Body: '{{{{text}}}}'}}}}"
    ),
    "jira": f"url: http://{{at}}/v2/alerts\napi_key: {API_KEY}",
    "mail": "server: '{at}'\nfrom: c@example.com\nto: [a@example.com]\nsecurity: none",
    "opsgenie": f"url: http://{{at}}/v2/alerts\napi_key: {API_KEY}",
    "pagerduty": f"routing_key: {ROUTING_KEY}\nurl: http://{{at}}/v2/enqueue",
    "webhook": f"url: http://{{at}}/hook\nsecret: {SECRET}",
}
"""The settings of one of each kind, at an address."""


def entry(kind: str, port: int, name: str) -> NotifySettings:
    """A receiver of that kind at a port of this machine."""
    settings = textwrap.indent(ENTRIES[kind].format(at=f"127.0.0.1:{port}"), "      ")
    (found,) = receivers(f"  - name: {name}\n    {kind}:\n{settings}")
    return found


class Everybody:
    """A stand-in, or a real server, of each kind."""

    def __init__(self, folder: Path, opsgenie_per_s: int | None = None) -> None:
        (folder / "smtp").mkdir()
        self.alertmanager = Alertmanager(folder / "alertmanager")
        self.chat = ChatServer()
        self.twilio = Twilio()
        self.jira = AlertApiServer(names=False)
        self.smtp = SmtpServer(folder / "smtp")
        self.opsgenie = AlertApiServer(per_s=opsgenie_per_s)
        self.pagerduty = PagerDuty()
        self.hook = Hook()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[list[NotifySettings]]:
        """They run; gives a receiver for each, by the name of its kind."""
        async with AsyncExitStack() as stack:
            parts = (self.chat, self.twilio, self.jira, self.opsgenie, self.pagerduty, self.hook)
            for part in parts:
                await stack.enter_async_context(part)
            await stack.enter_async_context(self.smtp)
            await self.alertmanager.start()
            stack.push_async_callback(self.alertmanager.kill)
            ports = {
                "alertmanager": self.alertmanager.port,
                "chat": self.chat.port,
                "gateway": self.twilio.port,
                "jira": self.jira.port,
                "mail": self.smtp.port,
                "opsgenie": self.opsgenie.port,
                "pagerduty": self.pagerduty.port,
                "webhook": self.hook.port,
            }
            yield [entry(kind, ports[kind], kind) for kind in KINDS]


@asynccontextmanager
async def telling(store: Store, entries: list[NotifySettings]) -> AsyncIterator[Notifier]:
    """A notifier for all of them; who needs a person tells anna."""
    targets = ", ".join(
        f"{{receiver: {each.known_as}, to: anna}}" if each.kind == "gateway" else each.known_as
        for each in entries
    )
    async with notifying(store, entries, paging(PAGING % targets)) as running:
        yield running


def views(running: Notifier) -> dict[str, OutletView]:
    return {view.name: view for view in running.view()}


@pytest.mark.timed
async def test_dead_receivers_of_every_kind_delay_no_other(store: Store, tmp_path: Path) -> None:
    took, everybody = [], Everybody(tmp_path)
    async with everybody.running() as alive, BlackHole() as hole:
        dead = [entry(kind, hole.port, f"dead-{kind}") for kind in KINDS]
        async with telling(store, dead + alive) as running:
            # The dead hold every connection that a receiver may have, once a few alerts have opened.
            for number in range(1, 7):
                began = clock.monotonic()
                put(store, running, opened(number, f"service{number}"))
                # A channel is told a message a second at most, whoever lives or dies.
                quick = [each.known_as for each in alive if each.kind != "chat" or number == 1]
                await until(
                    partial(_told, running, quick, number),
                    deadline_s=10.0,
                    what=f"alert {number} is with all that live",
                    explain=lambda: str(running.view()),
                )
                took.append(clock.monotonic() - began)
            await until(partial(_told, running, ["chat"], 6), deadline_s=15.0, what="the chat has all")
            assert hole.entered >= len(dead)
            found = views(running)
            assert all(found[each.known_as].delivered == 0 for each in dead)
            assert all(found[each.known_as].pending for each in dead)
    print("seconds from the transition to all receivers:", [round(each, 3) for each in took])
    assert max(took) <= SOON_S
    assert len(everybody.pagerduty.incidents) == len(everybody.jira.open) == 6
    assert len(everybody.smtp.taken()) == len(everybody.twilio.messages) == 6


async def _told(running: Notifier, names: list[str], count: int) -> bool:
    found = views(running)
    return all(found[name].delivered >= count for name in names)


async def test_all_are_told_of_everything_in_order_whatever_trouble_they_have(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backoff, "FIRST_S", 0.05)
    seed = random.SystemRandom().randrange(2**32)
    dice = random.Random(seed)
    print("seed", seed)
    alerts, everybody = 5, Everybody(tmp_path, opsgenie_per_s=5)
    async with everybody.running() as alive, telling(store, alive) as running:
        _trouble(everybody, dice)
        story: list[Transition] = []
        for number in range(1, alerts + 1):
            name = f"service{number}"
            story += [opened(number, name), changed(number, name), closed(number, name)]
        for transition in story:
            put(store, running, transition)
            await asyncio.sleep(dice.uniform(0.0, 0.1))  # what waits may be left out: so something must
        await until(partial(_is_over, store), deadline_s=45.0, what="all are told")
        found = views(running)
        assert {name: view.dead for name, view in found.items() if view.dead} == {}
        assert sum(view.failed for view in found.values()) >= len(KINDS) - 1
        await everybody.alertmanager.until_quiet()
    assert everybody.pagerduty.refusals == []
    assert everybody.jira.refusals == everybody.opsgenie.refusals == []
    assert len(everybody.pagerduty.incidents) == alerts
    assert all(incident.resolved for incident in everybody.pagerduty.incidents)
    for server in (everybody.jira, everybody.opsgenie):
        assert server.open == []
        assert len(server.alerts) == alerts
    seen: defaultdict[int, list[str]] = defaultdict(list)
    for message in everybody.hook.messages:
        told = json.loads(message.body)
        seen[told["data"]["number"]].append(told["type"])
    assert len(seen) == alerts
    for types in seen.values():
        first_of_each = list(dict.fromkeys(types))
        assert first_of_each in (
            ["alert.opened", "alert.changed", "alert.closed"],
            ["alert.opened", "alert.closed"],
        )


async def _is_over(store: Store) -> bool:
    return await store.flushed() and not (await store.standing(0.0)).pending


def _trouble(everybody: Everybody, dice: random.Random) -> None:
    """Limits, errors and slow answers, of each kind as it has them."""
    limited = (429, {"Retry-After": "1"})
    for answers in (everybody.hook.answers, everybody.twilio.answers, everybody.chat.answers):
        answers.extend(dice.sample([(503, {}), (500, {}), (503, {})], 3))
    everybody.hook.answers.append(limited)
    everybody.twilio.answers.append(limited)
    everybody.jira.answers.extend([(503, {}), (429, {"X-RateLimit-Period-In-Sec": "1"}), (500, {})])
    everybody.opsgenie.answers.extend([(500, {}), (503, {})])
    everybody.pagerduty.moody.extend([Answer(503), Answer(429, {"Retry-After": "1"}), Answer(500)])
    everybody.pagerduty.lag_s = lambda: dice.choice([0.0, 0.0, 0.2])
