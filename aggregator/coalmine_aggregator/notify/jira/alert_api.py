"""Speaks the alert API: 202 is taken, what is wrong with a request or a key is never tried again.

202 says that a request will be worked off, in a while; its number is logged, by which the provider's
own log tells what came of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from coalmine_aggregator.model.alerts import Transition
from coalmine_aggregator.notify.http import Client
from coalmine_aggregator.notify.jira.alert import Request, requests_of
from coalmine_aggregator.notify.notice import Notice
from coalmine_aggregator.notify.receiver import TryLaterError
from coalmine_runtime.logs import get_logger
from coalmine_wire.bad_json import BAD_JSON

_ACCEPTED = (202,)

log = get_logger("notify.alert_api")


class AlertApi:
    """One integration. `url` is the address of all alerts."""

    takes_groups = False
    address = ""

    def __init__(
        self,
        url: str,
        api_key: str,
        client: Client,
        responders: Sequence[Mapping[str, str]],
        tags: Sequence[str],
    ) -> None:
        self._url = url
        self._headers = {"Authorization": f"GenieKey {api_key}"}
        self._client = client
        self._responders = responders
        self._tags = tags

    def start(self, standing: Sequence[Transition]) -> None:
        """It keeps what it was told."""

    async def deliver(self, notice: Notice) -> None:
        """See `Receiver.deliver`; what is told twice is told apart by its alias."""
        for request in requests_of(notice, self._responders, self._tags):
            await self._send(request)

    async def close(self) -> None:
        """Runs nothing."""

    async def _send(self, request: Request) -> None:
        answer = await self._client.request(
            "POST",
            f"{self._url}{request.path}",
            msgspec.json.encode(request.body),
            accept=_ACCEPTED,
            headers=self._headers,
        )
        try:
            number = msgspec.json.decode(answer, type=_Accepted).requestId
        except BAD_JSON:
            raise TryLaterError("202, but from something else: it has no requestId") from None
        log.info("notify.alert_api.accepted", request=number, path=request.path)


class _Accepted(msgspec.Struct):
    requestId: str  # noqa: N815 - as it is sent
