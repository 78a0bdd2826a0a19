"""Posts the full state: any 2xx has taken it, 410 ends it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from coalmine_aggregator.actuate.output import Standing
from coalmine_aggregator.actuate.rounds import sentence
from coalmine_aggregator.actuate.telling import Telling
from coalmine_aggregator.actuate.webhook.settings import StateWebhookSettings
from coalmine_aggregator.model.withdrawal import Wanted
from coalmine_aggregator.notify.guarded import guarded
from coalmine_aggregator.notify.http import Client, HttpRefusedError
from coalmine_aggregator.notify.receiver import GoneError, RefusedError, TryLaterError
from coalmine_aggregator.notify.targets import target_of
from coalmine_aggregator.notify.webhook.signature import parse_secrets, sign
from coalmine_runtime import clock
from coalmine_runtime.tls import TlsClientSettings, client_context

TIMEOUT_S = 5.0
"""Of one request; what is not taken by then is told anew, by what is wanted then."""

_TAKEN = range(200, 300)
_GONE = 410


class WebhookOutput:
    """One endpoint; see `Output`. `fleet` stands in every message. Raises `SettingError` for a
    `ca_file` that is none."""

    name = "webhook"

    def __init__(self, settings: StateWebhookSettings, fleet: str) -> None:
        self._settings = settings
        self._keys = parse_secrets(settings.secret.reveal())
        self._target = target_of(settings.url, private=settings.allow_private)
        tls = TlsClientSettings(ca_file=settings.ca_file)
        self._tls = None if settings.ca_file is None else client_context(tls)
        self._telling = Telling(self.name, fleet, settings.every, self._deliver)
        self._run_id = secrets.token_hex(8)
        self._count = 0
        self._gone = ""

    def show(self, wanted: Mapping[str, Wanted]) -> None:
        """See `Output.show`."""
        self._telling.show(wanted)

    async def run(self) -> None:
        """See `Output.run`."""
        await self._telling.run()

    async def clear(self) -> None:
        """See `Output.clear`: a message that every withdrawal is over."""
        try:
            await self._telling.clear()
        except (TryLaterError, RefusedError, GoneError) as error:
            raise OSError(f"the webhook did not take it: {sentence(error)}") from None

    def standing(self) -> Standing:
        """See `Output.standing`."""
        return self._telling.standing()

    async def _deliver(self, body: bytes) -> None:
        if self._gone:
            raise GoneError(self._gone)
        self._count += 1
        message_id = f"remediation_{self._run_id}_{self._count}"
        headers = sign(self._keys, message_id, int(clock.wall()), body)
        url = self._settings.url.text
        # A connection of its own: a message every ten seconds is not worth one that is kept.
        client = Client(guarded(self._target), self._tls, owned=True)
        try:
            await client.post(url, body, accept=_TAKEN, headers=headers, timeout_s=TIMEOUT_S)
        except HttpRefusedError as error:
            if error.status == _GONE:
                self._gone = f"wants no messages any more, until we start again: {sentence(error)}"
                raise GoneError(self._gone) from None
            raise
        finally:
            await client.close()
