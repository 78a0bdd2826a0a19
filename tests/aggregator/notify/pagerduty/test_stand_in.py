"""The stand-in refuses what PagerDuty refuses: a test that leans on it could fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from coalmine_aggregator.notify.notice import Notice
from coalmine_aggregator.notify.pagerduty.event import event_of
from tests.aggregator.store.samples import closed, opened
from tests.servers.pagerduty import ROUTING_KEY, PagerDuty, problems

Event = dict[str, Any]


def without(name: str) -> Callable[[Event], None]:
    return lambda event: event.pop(name)


def put(name: str, value: object) -> Callable[[Event], None]:
    return lambda event: event.__setitem__(name, value)


def payload(name: str, value: object) -> Callable[[Event], None]:
    return lambda event: event["payload"].__setitem__(name, value)


@pytest.mark.parametrize(
    "spoil",
    [
        without("routing_key"),
        put("routing_key", "x" * 31),
        put("event_action", "open"),
        put("dedup_key", "k" * 256),
        put("dedup_key", ""),
        put("extra", 1),
        without("payload"),
        put("payload", "text"),
        payload("summary", "s" * 1025),
        payload("summary", ""),
        payload("source", None),
        payload("severity", "page"),
        payload("timestamp", "yesterday"),
        payload("custom_details", "text"),
        payload("owner", "x"),
        put("links", [{"text": "no address"}]),
        put("links", [{"href": "javascript:alert(1)"}]),
        put("images", [{"href": "https://x.example"}]),
    ],
)
def test_what_is_spoilt_is_refused(spoil: Callable[[Event], None]) -> None:
    event = event_of(Notice((opened(),)), ROUTING_KEY)
    assert problems(event) == []
    spoil(event)
    assert problems(event)


@pytest.mark.parametrize("action", ["acknowledge", "resolve"])
def test_acknowledge_and_resolve_need_a_key(action: str) -> None:
    assert problems({"routing_key": ROUTING_KEY, "event_action": action})
    assert not problems({"routing_key": ROUTING_KEY, "event_action": action, "dedup_key": "k"})


async def test_another_routing_key_resolves_nothing() -> None:
    other = "f" * 32
    async with (
        PagerDuty(routing_keys=(ROUTING_KEY, other)) as pagerduty,
        aiohttp.ClientSession() as http,
    ):

        async def send(event: Event) -> int:
            async with http.post(pagerduty.url, json=event) as response:
                return response.status

        assert await send(event_of(Notice((opened(),)), ROUTING_KEY)) == 202
        assert await send(event_of(Notice((closed(),)), other)) == 202
        assert [incident.resolved for incident in pagerduty.incidents] == [False]
        assert await send(event_of(Notice((closed(),)), ROUTING_KEY)) == 202
        assert [incident.resolved for incident in pagerduty.incidents] == [True]
        # After its resolution the same key opens another incident: that would be a second page.
        assert await send(event_of(Notice((opened(),)), ROUTING_KEY)) == 202
        assert len(pagerduty.incidents) == 2


async def test_too_much_is_refused(pagerduty: PagerDuty) -> None:
    event = event_of(Notice((opened(),)), ROUTING_KEY)
    event["payload"]["custom_details"] = {"much": "x" * 600_000}
    async with aiohttp.ClientSession() as http, http.post(pagerduty.url, json=event) as response:
        assert response.status == 400
