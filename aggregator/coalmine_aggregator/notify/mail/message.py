"""A page as a mail. Pure."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Sequence
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from coalmine_aggregator.model.alerts import Alert
from coalmine_aggregator.notify.mail.address import MailAddress
from coalmine_aggregator.notify.message_id import message_id
from coalmine_aggregator.notify.notice import Notice
from coalmine_aggregator.notify.plain import cut, one_line, plain

MAX_SUBJECT = 200
MAX_BODY = 64 * 1024


def mail_of(
    notice: Notice, subject: str, body: str, *, sender: MailAddress, to: Sequence[MailAddress]
) -> EmailMessage:
    """The mail for one transition; the same for every try of it.

    Its `Message-ID` is that of the transition (and of the escalation's step), and all mails of one
    alert refer to the same thread, so that mail programs show them together.
    """
    transition = notice.transition
    thread = f"<{_thread_id(transition.alert)}@{sender.domain}>"
    mail = EmailMessage(policy=SMTP)
    mail["From"] = Address("Coalmine", addr_spec=sender)
    mail["To"] = [Address(addr_spec=address) for address in to]
    mail["Subject"] = cut(one_line(subject), MAX_SUBJECT)
    mail["Date"] = format_datetime(datetime.datetime.fromtimestamp(transition.at, datetime.UTC))
    mail["Message-ID"] = f"<{message_id(notice)}@{sender.domain}>"
    mail["In-Reply-To"] = thread
    mail["References"] = thread
    # No out-of-office reply to a page (RFC 3834), and to us least of all.
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail.set_content(cut(plain(body), MAX_BODY), cte="quoted-printable")
    return mail


def _thread_id(alert: Alert) -> str:
    parts = (alert.dedup_key, alert.number, alert.opened_at)
    whole = "\n".join(str(part) for part in parts)
    return f"alert_{hashlib.sha256(whole.encode()).hexdigest()[:32]}"
