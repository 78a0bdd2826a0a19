"""Sends events to PagerDuty: 202 is taken, 400 never tried again, 429 and 5xx tried later."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from coalmine_aggregator.model.alerts import Transition
from coalmine_aggregator.notify.http import Client
from coalmine_aggregator.notify.notice import Notice
from coalmine_aggregator.notify.pagerduty.event import event_of
from coalmine_aggregator.notify.pagerduty.settings import PagerDutySettings

_ACCEPTED = (202,)


class PagerDuty:
    """One integration of PagerDuty's."""

    takes_groups = False
    address = ""

    def __init__(self, settings: PagerDutySettings, client: Client) -> None:
        self._settings = settings
        self._client = client

    def start(self, standing: Sequence[Transition]) -> None:
        """PagerDuty keeps what it was told."""

    async def deliver(self, notice: Notice) -> None:
        """See `Receiver.deliver`; what is told twice is told apart by its de-duplication key."""
        event = event_of(notice.transition, self._settings.routing_key.reveal())
        await self._client.post(self._settings.url.text, msgspec.json.encode(event), accept=_ACCEPTED)

    async def close(self) -> None:
        """Runs nothing."""
