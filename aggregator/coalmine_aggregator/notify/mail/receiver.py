"""Sends mail: 4xx replies are tried later, for those alone who have not taken it; 5xx never again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from email.message import EmailMessage

import aiosmtplib

from coalmine_aggregator.model.alerts import Transition
from coalmine_aggregator.notify.mail.address import MailAddress
from coalmine_aggregator.notify.mail.message import mail_of
from coalmine_aggregator.notify.mail.settings import MailSettings, Security
from coalmine_aggregator.notify.mail.told_client import ToldClient, flat
from coalmine_aggregator.notify.notice import Notice
from coalmine_aggregator.notify.page import page_text
from coalmine_aggregator.notify.receiver import RefusedError, TryLaterError
from coalmine_aggregator.notify.trace import Say
from coalmine_runtime.logs import get_logger
from coalmine_runtime.tls import TlsClientSettings, client_context

TIMEOUT_S = 20.0
"""For each reply. Servers that slow down strangers wait some seconds before they greet."""

PARTLY_TAKEN = 1_000
"""Mails of which it is remembered who has taken them, while others have not."""

log = get_logger("notify.mail")


class Mail:
    """One mail server and the addresses it is given. Every step of a mail is told to `say`."""

    takes_groups = False

    def __init__(self, settings: MailSettings, say: Say | None = None) -> None:
        self._settings = settings
        self._say = say
        self._tls = client_context(TlsClientSettings(ca_file=settings.ca_file))
        self._taken: dict[str, set[str]] = {}  # by Message-ID

    @property
    def address(self) -> str:
        """A person's mail address, unless the settings have fixed ones."""
        return self._settings.address

    def start(self, standing: Sequence[Transition]) -> None:
        """A mail server keeps what it was told."""

    async def deliver(self, notice: Notice) -> None:
        """See `Receiver.deliver`; every try of a mail has the same Message-ID."""
        to = self._to(notice)
        page = page_text(notice.transition, notice.links)
        mail = mail_of(notice, page.subject, page.body, sender=self._settings.from_, to=to)
        key = str(mail["Message-ID"])
        left = [address for address in to if address not in self._taken.get(key, ())]
        refusals = await self._send(mail, left)
        later = {who: what for who, what in refusals.items() if what.code < 500}
        if later:
            taken = self._taken.setdefault(key, set())
            taken.update(address for address in left if address not in later)
            while len(self._taken) > PARTLY_TAKEN:
                del self._taken[next(iter(self._taken))]
            raise TryLaterError(_told(later))
        self._taken.pop(key, None)
        if len(refusals) == len(to):
            raise RefusedError(_told(refusals))
        if refusals:
            log.error("notify.mail.refused", recipients=_told(refusals), mail=key)

    async def close(self) -> None:
        """Runs nothing."""

    def _to(self, notice: Notice) -> list[MailAddress]:
        if self._settings.to:
            return self._settings.to
        try:
            return [MailAddress.parse(notice.contact)]
        except ValueError as error:
            raise RefusedError(str(error)) from None

    async def _send(
        self, mail: EmailMessage, to: Sequence[str]
    ) -> Mapping[str, aiosmtplib.SMTPResponse]:
        """Who did not take it, with the reply. Raises for what concerns all of them."""
        settings = self._settings
        client = ToldClient(
            self._say,
            hostname=settings.server.host,
            port=settings.server.port,
            use_tls=settings.security is Security.TLS,
            tls_context=None if settings.security is Security.NONE else self._tls,
            timeout=TIMEOUT_S,
        )
        try:
            await client.connect()
            try:
                if settings.security is Security.STARTTLS:
                    await client.starttls()
                if settings.password is not None:
                    await client.login(settings.user, settings.password.reveal())
                refusals, _ = await client.sendmail(settings.from_, to, mail.as_bytes())
            finally:
                client.close()
        except aiosmtplib.SMTPRecipientsRefused as error:
            return {
                each.recipient: aiosmtplib.SMTPResponse(each.code, each.message)
                for each in error.recipients
            }
        except aiosmtplib.SMTPResponseException as error:
            what = f"{error.code} {flat(error.message)}"
            raise (RefusedError(what) if error.code >= 500 else TryLaterError(what)) from None
        except (aiosmtplib.SMTPException, TimeoutError, OSError) as error:
            raise TryLaterError(f"{type(error).__name__}: {flat(str(error))}") from None
        return refusals


def _told(refusals: Mapping[str, aiosmtplib.SMTPResponse]) -> str:
    return "; ".join(f"{who}: {code} {flat(text)}" for who, (code, text) in refusals.items())
