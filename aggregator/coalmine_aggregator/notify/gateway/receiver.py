"""Asks a gateway to send an SMS or to call; what answer means that it will, the settings say."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from urllib.parse import urlencode

import msgspec

from coalmine_aggregator.model.alerts import Transition
from coalmine_aggregator.notify.gateway.message import sms_of, spoken
from coalmine_aggregator.notify.gateway.phone import Phone
from coalmine_aggregator.notify.gateway.settings import GatewaySettings, Method
from coalmine_aggregator.notify.http import Client
from coalmine_aggregator.notify.message_id import message_id
from coalmine_aggregator.notify.notice import Notice
from coalmine_aggregator.notify.page import page_text
from coalmine_aggregator.notify.receiver import RefusedError
from coalmine_wire.bad_json import BAD_JSON


class Gateway:
    """One way of one gateway: SMS, or calls."""

    takes_groups = False

    def __init__(self, settings: GatewaySettings, client: Client) -> None:
        self._settings = settings
        self._client = client
        self._headers = {header.name: header.value.reveal() for header in settings.headers}
        if settings.password is not None:
            login = f"{settings.user}:{settings.password.reveal()}".encode()
            self._headers["Authorization"] = f"Basic {base64.b64encode(login).decode()}"

    @property
    def address(self) -> str:
        """See the settings."""
        return self._settings.address

    def start(self, standing: Sequence[Transition]) -> None:
        """A phone keeps what it was told."""

    async def deliver(self, notice: Notice) -> None:
        """See `Receiver.deliver`; every try of a message has the same `{id}`."""
        settings = self._settings
        page = page_text(notice.transition, notice.links)
        values = {
            "to": self._to(notice),
            "text": sms_of(page.subject, page.body, settings.segments),
            "subject": spoken(page.subject),
            "id": message_id(notice),
        }
        url, body, kind = self._request(values)
        answer = await self._client.request(
            settings.method,
            url,
            body,
            accept=settings.taken.status,
            headers={"Content-Type": kind, **self._headers},
        )
        self._judge(answer)

    async def close(self) -> None:
        """Closes its connections."""
        await self._client.close()

    def _to(self, notice: Notice) -> str:
        if not self.address:
            return self._settings.to or ""
        try:
            return Phone.parse(notice.contact)
        except ValueError as error:
            raise RefusedError(str(error)) from None

    def _request(self, values: dict[str, str]) -> tuple[str, bytes, str]:
        """URL, body and content type."""
        settings = self._settings
        if settings.json is not None:
            return settings.url.text, settings.json.filled(values), "application/json"
        form = urlencode({name: each.filled(values) for name, each in settings.form.items()})
        if settings.method is Method.GET:
            return f"{settings.url}{'&' if '?' in settings.url.text else '?'}{form}", b"", _FORM
        return settings.url.text, form.encode(), _FORM

    def _judge(self, answer: bytes) -> None:
        """Raises where the answer says otherwise than that it was taken. It is not tried again: a
        message that was sent all the same would be sent every minute."""
        taken = self._settings.taken
        if taken.pointer is None:
            return
        try:
            found = taken.pointer.found_in(msgspec.json.decode(answer))
        except BAD_JSON:
            raise RefusedError(f"no JSON: {answer[:500].decode(errors='replace')}") from None
        if found != taken.equals:
            raise RefusedError(f"{taken.pointer} is {found!r}, not {taken.equals!r}")


_FORM = "application/x-www-form-urlencoded"
