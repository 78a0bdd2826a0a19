"""Mails as their readers' programs see them."""

from __future__ import annotations

import email
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.notify.mail.address import MailAddress
from coalmine_aggregator.notify.mail.message import MAX_BODY, MAX_SUBJECT, mail_of
from coalmine_aggregator.notify.notice import Notice
from tests.aggregator.store.samples import changed, closed, opened

FROM = MailAddress.parse("coalmine@example.com")
ANNA = MailAddress.parse("anna@example.com")
BEN = MailAddress.parse("ben@example.com")

HEADERS = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
    "Content-Type",
    "Content-Transfer-Encoding",
    "MIME-Version",
]


def read(notice: Notice, subject: str = "Restore", body: str = "all") -> EmailMessage:
    raw = mail_of(notice, subject, body, sender=FROM, to=[ANNA, BEN]).as_bytes()
    parsed = email.message_from_bytes(raw, policy=SMTP)
    assert isinstance(parsed, EmailMessage)
    return parsed


def test_a_page_is_a_plain_text() -> None:
    mail = read(Notice((opened(),)), "Restore ingest UDP: 100% lost", "ASSESS  44 of 44\nAck: …")
    assert mail["From"] == "Coalmine <coalmine@example.com>"
    assert mail["To"] == "anna@example.com, ben@example.com"
    assert mail["Subject"] == "Restore ingest UDP: 100% lost"
    assert mail["Date"] == "Thu, 13 Nov 2025 02:13:24 +0000"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content().splitlines() == ["ASSESS  44 of 44", "Ack: …"]


def test_the_mails_of_an_alert_are_one_thread() -> None:
    mails = [read(Notice((each,))) for each in (opened(), changed(), closed())]
    assert len({mail["Message-ID"] for mail in mails}) == 3
    # `changed()` and `closed()` of the samples count their opening at the usual time.
    assert len({mail["References"] for mail in mails}) == 1
    assert mails[0]["In-Reply-To"] == mails[0]["References"]
    assert read(Notice((opened(2),)))["References"] != mails[0]["References"]
    assert read(Notice((opened(),))).as_bytes() == mails[0].as_bytes()


@given(st.text(max_size=400), st.text(max_size=3000))
def test_no_text_becomes_a_header_or_a_part(subject: str, body: str) -> None:
    mail = read(Notice((opened(),)), subject, body)
    assert sorted(mail.keys()) == sorted(HEADERS)
    assert not mail.defects
    assert len(mail["Subject"]) <= MAX_SUBJECT
    assert max(map(len, mail.as_bytes().split(b"\r\n"))) <= 998
    assert mail.get_content_type() == "text/plain"


@pytest.mark.parametrize(
    "label", ["x\r\nBcc: evil@example.com", "x\n\nHello", "x\r\n.\r\nMAIL FROM:<y@z>"]
)
def test_newlines_inject_nothing(label: str) -> None:
    mail = read(Notice((opened(),)), f"Restore {label}", f"in {label}")
    assert sorted(mail.keys()) == sorted(HEADERS)
    assert "\n" not in mail["Subject"]
    assert "evil@example.com" not in str(mail["To"])


def test_texts_are_bounded() -> None:
    mail = read(Notice((opened(),)), "s" * 5000, "b" * 200_000)
    assert len(mail["Subject"]) == MAX_SUBJECT
    assert len(mail.get_content().strip()) == MAX_BODY
