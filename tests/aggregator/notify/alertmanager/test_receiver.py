"""Against the real Alertmanager: fires, changes, resolves, is told again, and to every peer."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from coalmine_aggregator.demo.ports import free_port
from coalmine_aggregator.model.alerts import AlertClass, Cause, Transition
from coalmine_aggregator.notify import http
from coalmine_aggregator.notify.alertmanager.alert import alert_of
from coalmine_aggregator.notify.alertmanager.receiver import Alertmanager as Receiver
from coalmine_aggregator.notify.alertmanager.settings import AlertmanagerSettings
from coalmine_aggregator.notify.http import Client
from coalmine_aggregator.notify.notice import Notice
from coalmine_aggregator.notify.receiver import RefusedError, TryLaterError
from coalmine_aggregator.notify.web_url import WebUrl
from coalmine_runtime import clock
from tests.aggregator.store.samples import changed, closed, just_now, opened
from tests.servers.alertmanager import Alertmanager
from tests.servers.hook import Hook

PLAYBOOK = "https://wiki.example/ingest"


@asynccontextmanager
async def receiver(
    client: Client, *urls: str, resend: float = 1.0, standing: tuple[Transition, ...] = ()
) -> AsyncIterator[Receiver]:
    sender = Receiver(
        AlertmanagerSettings(urls=[WebUrl.parse(url) for url in urls], resend=resend), client
    )
    sender.start(standing)
    yield sender
    await sender.close()


@pytest.fixture
async def server(tmp_path: Path, hook: Hook) -> AsyncIterator[Alertmanager]:
    server = Alertmanager(tmp_path / "am", hook=hook.url)
    await server.start()
    yield server
    await server.stop()


def test_the_alert_name_is_one_word_and_annotations_are_texts() -> None:
    silent = opened().alert._replace(
        alert_class=AlertClass.AGENTS_MISSING, cause=Cause.AGENT, note="2 of 2 agents silent: a1, a2"
    )
    told = alert_of(opened()._replace(alert=silent), now=opened().at)
    assert told["labels"]["alertname"] == "CoalmineAgentsMissing"
    assert told["labels"]["class"] == "agents_missing"
    assert told["annotations"]["cause"].startswith("agent")
    assert told["annotations"]["note"] == "2 of 2 agents silent: a1, a2"
    assert all(isinstance(text, str) for text in told["annotations"].values())


async def test_an_alert_fires_moves_and_resolves(
    server: Alertmanager, hook: Hook, client: Client
) -> None:
    async with receiver(client, server.url, resend=60.0) as sender:
        await sender.deliver(Notice((just_now(opened()),)))
        firing = await server.until_firing()
        assert firing["labels"] == {
            "alertname": "CoalmineLoss",
            "fleet": "prod",
            "service": "ingest",
            "class": "loss",
            "ordinal": "1",
            "severity": "page",
            "owner": "ingest-oncall",
        }
        told = firing["annotations"]
        assert told["subject"] == "Restore ingest UDP: 100% lost, all regions"
        assert told["counts"] == "44 of 44 lost in 2 s, acceptable 0.1%"
        assert told["scope"] == "protocol=udp"
        assert told["runbook_url"] == PLAYBOOK
        # Another scope is the same alert.
        await sender.deliver(Notice((just_now(changed()),)))
        assert (await server.until_firing())["annotations"]["scope"] == "all of it"
        await sender.deliver(Notice((just_now(closed()),)))
        await server.until_quiet()
    # What Alertmanager notified: fired first, resolved last, one group.
    while (last := json.loads(hook.messages[-1].body))["status"] != "resolved":
        await hook.until(len(hook.messages) + 1)
    states = [json.loads(message.body)["status"] for message in hook.messages]
    assert states[0] == "firing"
    assert len({json.loads(message.body)["groupKey"] for message in hook.messages}) == 1
    assert last["alerts"][0]["labels"]["service"] == "ingest"


async def test_what_an_alertmanager_forgot_it_is_told_again(tmp_path: Path, client: Client) -> None:
    server = Alertmanager(tmp_path / "am")
    await server.start()
    async with receiver(client, server.url) as sender:
        await sender.deliver(Notice((just_now(opened()),)))
        await server.until_firing()
        # A peer that is started anew, elsewhere and empty, on the same address.
        await server.kill()
        server = Alertmanager(tmp_path / "anew", port=server.port)
        await server.start()
        await server.until_firing()
        # It misses the resolution, and hears of that too.
        await server.kill()
        with pytest.raises(TryLaterError):
            await sender.deliver(Notice((just_now(closed()),)))
        server = Alertmanager(tmp_path / "anew", port=server.port)
        await server.start()
        await server.until_quiet()
    await server.stop()


async def test_what_stands_after_a_restart_is_told(server: Alertmanager, client: Client) -> None:
    async with receiver(client, server.url, standing=(just_now(opened()),)):
        await server.until_firing()


async def test_every_peer_is_told_and_a_dead_one_holds_up_nothing(
    tmp_path: Path, client: Client
) -> None:
    first = Alertmanager(tmp_path / "one", peers=[])
    await first.start()
    second = Alertmanager(tmp_path / "two", peers=[first.cluster_port])
    await second.start()
    dead = f"http://127.0.0.1:{free_port()}"
    async with receiver(client, dead, first.url, second.url, resend=60.0) as sender:
        began = clock.monotonic()
        await sender.deliver(Notice((just_now(opened()),)))
        assert clock.monotonic() - began < 3.0
        for peer in (first, second):
            await peer.until_firing()
        await sender.deliver(Notice((just_now(closed()),)))
        for peer in (first, second):
            await peer.until_quiet()
    await second.stop()
    await first.stop()


async def test_an_older_state_never_comes_last(hook: Hook, client: Client) -> None:
    """Rounds and deliveries of one peer take turns: after the resolution nothing fires again."""
    async with receiver(client, f"http://127.0.0.1:{hook.port}", resend=1.0) as sender:
        hook.status = 200
        await sender.deliver(Notice((just_now(opened()),)))
        await sender.deliver(Notice((just_now(closed()),)))
        seen = len(hook.messages)
        await hook.until(seen + 2)
    ends = [json.loads(message.body)[0]["endsAt"] for message in hook.messages]
    over = ends[-1]
    assert over < ends[0]
    assert set(ends[ends.index(over) :]) == {over}


async def test_all_peers_refusing_is_a_refusal(hook: Hook, client: Client) -> None:
    hook.status = 400
    async with receiver(client, f"http://127.0.0.1:{hook.port}", resend=60.0) as sender:
        with pytest.raises(RefusedError):
            await sender.deliver(Notice((just_now(opened()),)))


async def test_a_fault_with_one_peer_refuses_nothing_that_others_took(
    hook: Hook, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = [ZeroDivisionError()]

    def fault_once(*_: object) -> None:
        if faults:
            raise faults.pop()

    monkeypatch.setattr(http, "retry_after_s", fault_once)
    hook.status = 200
    async with (
        Hook(status=200) as other,
        receiver(client, hook.url, other.url, resend=60.0) as sender,
    ):
        await sender.deliver(Notice((just_now(opened()),)))
        assert (len(hook.messages), len(other.messages)) == (1, 1)
    assert not faults
