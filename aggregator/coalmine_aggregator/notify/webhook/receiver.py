"""Sends messages: any 2xx is taken, 410 ends it, 429 and 5xx are tried later."""

from __future__ import annotations

from collections.abc import Sequence

from coalmine_aggregator.model.alerts import Transition
from coalmine_aggregator.notify.http import Client, HttpRefusedError
from coalmine_aggregator.notify.message_id import message_id
from coalmine_aggregator.notify.notice import Notice
from coalmine_aggregator.notify.receiver import GoneError
from coalmine_aggregator.notify.webhook.bodies import BUILT_IN
from coalmine_aggregator.notify.webhook.message import body_of
from coalmine_aggregator.notify.webhook.settings import WebhookSettings
from coalmine_aggregator.notify.webhook.signature import parse_secrets, sign
from coalmine_runtime import clock

_ACCEPTED = range(200, 300)
_GONE = 410


class Webhook:
    """One endpoint."""

    takes_groups = False
    address = ""

    def __init__(self, settings: WebhookSettings, client: Client) -> None:
        self._url = settings.url.text
        self._keys = parse_secrets(settings.secret.reveal()) if settings.secret else ()
        self._headers = {"Authorization": f"Bearer {settings.token.reveal()}"} if settings.token else {}
        filled = settings.template.filled if settings.template else body_of
        self._body = BUILT_IN.get(settings.body, filled)
        self._client = client

    def start(self, standing: Sequence[Transition]) -> None:
        """A webhook keeps what it was told."""

    async def deliver(self, notice: Notice) -> None:
        """See `Receiver.deliver`; tries of one message share their `webhook-id`."""
        body = self._body(notice)
        headers = dict(self._headers)
        if self._keys:
            headers |= sign(self._keys, message_id(notice), int(clock.wall()), body)
        try:
            await self._client.post(self._url, body, accept=_ACCEPTED, headers=headers)
        except HttpRefusedError as error:
            if error.status == _GONE:
                raise GoneError(str(error)) from None
            raise

    async def close(self) -> None:
        """Closes its connections."""
        await self._client.close()
