"""Each kind of receiver from its entry, with what routes need to know of it."""

from __future__ import annotations

import pytest

from coalmine_aggregator.model.alerts import Change
from coalmine_aggregator.notify.http import Client
from coalmine_aggregator.notify.registry import receiver_of
from coalmine_aggregator.notify.settings import KINDS
from tests.aggregator.notify.receivers import SECRET, receivers
from tests.servers.alert_api import API_KEY
from tests.servers.chat import SLACK_HOOK
from tests.servers.pagerduty import ROUTING_KEY

ENTRIES = {
    "alertmanager": "{urls: ['http://am:9093']}",
    "chat": f"{{url: 'slack://{SLACK_HOOK}'}}",
    "gateway": "{url: 'https://sms.example', form: {to: '{to}', text: '{text}'}}",
    "jira": f"{{api_key: {API_KEY}}}",
    "mail": "{server: 'mail.example:587', from: c@example.com}",
    "opsgenie": f"{{api_key: {API_KEY}}}",
    "pagerduty": f"{{routing_key: {ROUTING_KEY}}}",
    "webhook": f"{{url: 'https://hooks.example', secret: '{SECRET}'}}",
}


@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_has_its_receiver_and_they_agree_on_what_it_is_like(
    client: Client, kind: str
) -> None:
    (entry,) = receivers(f"  - {kind}: {ENTRIES[kind]}")
    receiver = receiver_of(entry, client.session)
    assert type(receiver).__module__ == f"coalmine_aggregator.notify.{kind}.receiver"
    assert receiver.address == entry.traits.address
    assert receiver.takes_groups == entry.traits.takes_groups
    await receiver.close()


def test_phones_hear_of_openings_alone_unless_told() -> None:
    form = "url: 'https://sms.example', form: {to: '{to}', text: '{text}'}"
    (entry,) = receivers(f"  - gateway: {{{form}}}")
    assert entry.traits.hears == {Change.OPENED}
    (entry,) = receivers(f"  - gateway: {{{form}, tell: [opened, closed]}}")
    assert entry.traits.hears == {Change.OPENED, Change.CLOSED}
