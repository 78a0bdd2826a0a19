"""Events for PagerDuty, held to its documented rules by a stand-in that enforces them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.model.alerts import Severity
from coalmine_aggregator.notify.http import Client
from coalmine_aggregator.notify.links import Links
from coalmine_aggregator.notify.notice import Notice
from coalmine_aggregator.notify.pagerduty.event import dedup_key, event_of
from coalmine_aggregator.notify.pagerduty.receiver import BURST, PER_S
from coalmine_aggregator.notify.pagerduty.receiver import PagerDuty as Receiver
from coalmine_aggregator.notify.pagerduty.settings import PagerDutySettings
from coalmine_aggregator.notify.receiver import RefusedError, TryLaterError
from coalmine_aggregator.notify.web_url import WebUrl
from coalmine_runtime.settings import Secret, SettingError, loads
from tests.aggregator.store.samples import acknowledged, alert, changed, closed, opened
from tests.servers.pagerduty import ROUTING_KEY, Answer, PagerDuty, problems


def receiver(pagerduty: PagerDuty, client: Client, key: str = ROUTING_KEY) -> Receiver:
    settings = PagerDutySettings(routing_key=Secret(key), url=WebUrl.parse(pagerduty.url))
    return Receiver(settings, client)


async def test_an_alert_is_one_incident_from_trigger_to_resolve(
    pagerduty: PagerDuty, client: Client
) -> None:
    sender = receiver(pagerduty, client)
    for transition in (opened(), changed(), closed()):
        await sender.deliver(Notice((transition,)))
    (incident,) = pagerduty.incidents
    assert incident.dedup_key == "prod/ingest/loss/1"
    assert incident.resolved
    assert [event["event_action"] for event in pagerduty.events] == ["trigger", "trigger", "resolve"]
    event = pagerduty.events[0]
    assert event["payload"]["summary"] == "Restore ingest UDP: 100% lost, all regions"
    assert event["payload"]["severity"] == "critical"
    assert event["payload"]["class"] == "loss"
    assert event["payload"]["component"] == "protocol=udp"
    assert event["payload"]["custom_details"]["owner"] == "ingest-oncall"
    assert "lost 44" in event["payload"]["custom_details"]["fates"]
    assert event["payload"]["custom_details"]["page"].startswith("ASSESS        44 of 44 udp")
    assert "client_url" not in event
    assert event["links"] == [{"href": "https://wiki.example/ingest", "text": "Playbook"}]
    assert ROUTING_KEY not in str(event["payload"])


async def test_who_acknowledged_it_here_acknowledged_it_there(
    pagerduty: PagerDuty, client: Client
) -> None:
    sender = receiver(pagerduty, client)
    await sender.deliver(Notice((opened(),)))
    await sender.deliver(Notice((acknowledged(),)))
    (incident,) = pagerduty.incidents
    assert incident.acknowledged
    assert not incident.resolved
    assert len(incident.triggers) == 1
    assert "TAKEN         by anna" in pagerduty.events[1]["payload"]["custom_details"]["page"]


async def test_the_links_lead_to_the_page_and_the_playbook(
    pagerduty: PagerDuty, client: Client
) -> None:
    links = Links("https://coalmine.example")
    await receiver(pagerduty, client).deliver(Notice((opened(),), links=links))
    (event,) = pagerduty.events
    view = links.view(alert())
    assert event["links"] == [
        {"href": view, "text": "View"},
        {"href": "https://wiki.example/ingest", "text": "Playbook"},
    ]
    assert event["client_url"] == view


async def test_a_storm_keeps_to_what_a_key_may_send(pagerduty: PagerDuty, client: Client) -> None:
    """60 leave at once; the one after them waits for its second."""
    sender = receiver(pagerduty, client)
    began = asyncio.get_running_loop().time()
    await asyncio.gather(*(sender.deliver(Notice((opened(n),))) for n in range(BURST + 1)))
    assert len(pagerduty.events) == BURST + 1
    assert asyncio.get_running_loop().time() - began >= 1 / PER_S - 0.01


async def test_a_ticket_is_a_warning(pagerduty: PagerDuty, client: Client) -> None:
    ticket = opened()._replace(alert=alert()._replace(severity=Severity.TICKET))
    await receiver(pagerduty, client).deliver(Notice((ticket,)))
    assert pagerduty.events[0]["payload"]["severity"] == "warning"


async def test_400_is_never_tried_again(pagerduty: PagerDuty, client: Client) -> None:
    with pytest.raises(RefusedError, match="unknown routing key"):
        await receiver(pagerduty, client, "f" * 32).deliver(Notice((opened(),)))


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_429_and_5xx_are_tried_later(pagerduty: PagerDuty, client: Client, status: int) -> None:
    pagerduty.mood = Answer(status, {"Retry-After": "7"})
    with pytest.raises(TryLaterError, match=str(status)) as caught:
        await receiver(pagerduty, client).deliver(Notice((opened(),)))
    assert caught.value.after_s == 7.0


async def test_200_is_not_202(pagerduty: PagerDuty, client: Client) -> None:
    """A proxy's friendly page is no delivery."""
    pagerduty.mood = Answer(200)
    with pytest.raises(RefusedError, match="200"):
        await receiver(pagerduty, client).deliver(Notice((opened(),)))


async def test_no_server_is_tried_later(client: Client) -> None:
    async with PagerDuty() as gone:
        sender = receiver(gone, client)
    with pytest.raises(TryLaterError):
        await sender.deliver(Notice((opened(),)))


@given(st.text(min_size=1, max_size=600), st.text(max_size=3000))
def test_no_names_or_texts_break_the_rules(service: str, owner: str) -> None:
    shown = alert(service=service)._replace(owner=owner)
    for transition in (opened(), changed(), closed()):
        event: dict[str, Any] = event_of(Notice((transition._replace(alert=shown),)), ROUTING_KEY)
        assert problems(event) == []


def test_long_keys_stay_apart() -> None:
    one, other = dedup_key("x" * 300 + "1"), dedup_key("x" * 300 + "2")
    assert one != other
    assert len(one) == len(other) == 255
    assert dedup_key("short") == "short"


def test_settings_are_held_to_the_rules() -> None:
    good = loads(PagerDutySettings, f"routing_key: {ROUTING_KEY}", {})
    assert good.url.text == "https://events.pagerduty.com/v2/enqueue"
    assert ROUTING_KEY not in repr(good)
    with pytest.raises(SettingError, match="32"):
        PagerDutySettings(routing_key=Secret("short"))
    with pytest.raises(SettingError, match="unencrypted"):
        PagerDutySettings(routing_key=Secret(ROUTING_KEY), url=WebUrl.parse("http://pd.example/"))
