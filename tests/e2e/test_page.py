"""From a real outage to a page: every receiver hears once that it began, and that it is over."""

from __future__ import annotations

import json
from pathlib import Path

from standardwebhooks import Webhook as Verifier

from coalmine_runtime import clock
from tests.aggregator.notify.receivers import SECRET
from tests.conftest import Authority, Certificate
from tests.e2e.api import Json
from tests.e2e.fleet import Fleet
from tests.e2e.site import Site
from tests.servers.alertmanager import Alertmanager
from tests.servers.hook import Hook
from tests.servers.pagerduty import ROUTING_KEY, PagerDuty

PAGED_S = 6.0
"""Of a loss that is refused at once: one second that fails, settled 3 s after it began, and told."""


PAGES: Json = {
    "routes": [
        {"match": {"severity": "page"}, "to": ["alertmanager", "pagerduty", "webhook"]},
        {"to": []},
    ]
}
"""The relay takes three protocols with it: one page, and tickets for what began with it."""


async def test_an_outage_is_told_once_and_so_is_its_end(
    tmp_path: Path, authority: Authority, loopback: Certificate
) -> None:
    server = Alertmanager(tmp_path / "alertmanager")
    await server.start()
    async with PagerDuty() as pagerduty, Hook() as hook:
        notify: list[Json] = [
            {"alertmanager": {"urls": [server.url]}},
            {"pagerduty": {"routing_key": ROUTING_KEY, "url": pagerduty.url}},
            {"webhook": {"url": hook.url, "secret": SECRET}},
        ]
        async with Site(tmp_path, authority, loopback, notify=notify, paging=PAGES) as site:
            await site.api.until_ready()
            fleet = Fleet(tmp_path / "agents", broker=site.broker, endpoints=site.endpoints)
            try:
                await fleet.start()
                await site.api.until_whole(fleet.expected)
                assert pagerduty.requests == 0
                await site.relay.kill()
                killed = clock.wall()
                firing = await server.until_firing(PAGED_S)
                assert clock.wall() - killed < PAGED_S
                await pagerduty.until_events(1)
                await hook.until(1)
                await site.relay.start()
                await site.api.until_whole(fleet.expected)
                await server.until_quiet(30.0)
                await site.api.until_quiet()
            finally:
                await fleet.kill()
            (incident,) = pagerduty.incidents
            while not incident.resolved:
                await pagerduty.until_events(len(pagerduty.events) + 1)
    await server.stop()
    assert pagerduty.refusals == []
    labels = firing["labels"]
    assert (labels["alertname"], labels["service"]) == ("CoalmineLoss", "ingest")
    assert firing["annotations"]["runbook_url"] == "https://wiki.example/ingest"
    payload = incident.triggers[0]["payload"]
    assert payload["summary"].startswith("Restore ingest")
    assert payload["custom_details"]["owner"] == "ingest-oncall"
    told = []
    for message in hook.messages:
        headers = {name.lower(): value for name, value in message.headers.items()}
        Verifier(SECRET).verify(message.body, headers)
        told.append(json.loads(message.body)["type"])
    assert (told[0], told[-1]) == ("alert.opened", "alert.closed")
    assert set(told[1:-1]) <= {"alert.changed"}
    assert len({message.headers["webhook-id"] for message in hook.messages}) == len(told)
