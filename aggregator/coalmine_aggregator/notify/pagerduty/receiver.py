"""Sends events to PagerDuty: 202 is taken, 400 never tried again, 429 and 5xx tried later."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from coalmine_aggregator.model.alerts import Transition
from coalmine_aggregator.notify.http import Client
from coalmine_aggregator.notify.notice import Notice
from coalmine_aggregator.notify.pace import Pace
from coalmine_aggregator.notify.pagerduty.event import event_of
from coalmine_aggregator.notify.pagerduty.settings import PagerDutySettings

_ACCEPTED = (202,)

BURST, PER_S = 60, 1.0
"""At most 120 events in any minute, which is what PagerDuty takes for a key."""


class PagerDuty:
    """One integration of PagerDuty's."""

    takes_groups = False
    address = ""

    def __init__(self, settings: PagerDutySettings, client: Client) -> None:
        self._settings = settings
        self._client = client
        self._pace = Pace(BURST, PER_S)

    def start(self, standing: Sequence[Transition]) -> None:
        """PagerDuty keeps what it was told."""

    async def deliver(self, notice: Notice) -> None:
        """See `Receiver.deliver`; what is told twice is told apart by its de-duplication key."""
        await asyncio.sleep(self._pace.wait_s(asyncio.get_running_loop().time()))
        event = event_of(notice, self._settings.routing_key.reveal())
        await self._client.post(self._settings.url.text, msgspec.json.encode(event), accept=_ACCEPTED)

    async def close(self) -> None:
        """Runs nothing."""
