"""Mail through a real server in a process of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from coalmine_aggregator.demo.ports import free_port
from coalmine_aggregator.notify.links import Links
from coalmine_aggregator.notify.mail.receiver import Mail
from coalmine_aggregator.notify.mail.settings import MailSettings
from coalmine_aggregator.notify.notice import Notice
from coalmine_aggregator.notify.page import page_text
from coalmine_aggregator.notify.receiver import RefusedError, TryLaterError
from coalmine_runtime.settings import loads
from tests.aggregator.store.samples import alert, closed, opened
from tests.conftest import Authority, Certificate
from tests.servers.smtp import SmtpServer

LINKS = Links("https://coalmine.example")


def mail(port: int, more: str = "security: none", to: str = "[anna@example.com]") -> Mail:
    text = f"server: 127.0.0.1:{port}\nfrom: coalmine@example.com\nto: {to}\n{more}"
    return Mail(loads(MailSettings, text, {}))


async def test_an_alert_is_two_mails_in_one_thread(tmp_path: Path) -> None:
    async with SmtpServer(tmp_path) as server:
        sender = mail(server.port, to="[anna@example.com, ben@example.com]")
        for transition in (opened(), closed()):
            await sender.deliver(Notice((transition,), links=LINKS))
        first, second = server.taken()
    page = page_text(opened(), LINKS)
    assert (first.sender, first.to) == ("coalmine@example.com", ["anna@example.com", "ben@example.com"])
    assert first.mail["Subject"] == page.subject
    assert first.mail.get_content().splitlines() == page.body.rstrip().splitlines()
    assert first.mail["References"] == second.mail["References"]
    assert first.mail["Message-ID"] != second.mail["Message-ID"]


async def test_a_person_s_address_is_used_where_none_is_fixed(tmp_path: Path) -> None:
    async with SmtpServer(tmp_path) as server:
        sender = mail(server.port, to="[]")
        assert sender.address == "mail"
        await sender.deliver(Notice((opened(),), contact="ben@example.com"))
        with pytest.raises(RefusedError, match=r"name@example"):
            await sender.deliver(Notice((opened(),), contact="ben@example.com\r\nRCPT TO:<x@y>"))
        assert [each.to for each in server.taken()] == [["ben@example.com"]]
    assert mail(1).address == ""


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_tls_is_verified_and_the_login_goes_through_it(
    tmp_path: Path, authority: Authority, loopback: Certificate, security: str
) -> None:
    starttls = security == "starttls"
    server = SmtpServer(tmp_path, certificate=loopback, starttls=starttls, login=("canary", "pw"))
    login = f"security: {security}\nca_file: {authority.ca_file}\nuser: canary\npassword:"
    async with server:
        await mail(server.port, f"{login} pw").deliver(Notice((opened(),)))
        with pytest.raises(RefusedError, match="535"):
            await mail(server.port, f"{login} wrong").deliver(Notice((opened(),)))
        with pytest.raises(TryLaterError, match=r"(?i)certificate"):
            await mail(server.port, f"security: {security}").deliver(Notice((opened(),)))
        (taken,) = server.taken()
    assert taken.encrypted
    assert taken.login == "canary"


async def test_a_certificate_of_another_name_is_refused(tmp_path: Path, authority: Authority) -> None:
    other = authority.issue("mail.example.com")
    async with SmtpServer(tmp_path, certificate=other) as server:
        sender = mail(server.port, f"security: tls\nca_file: {authority.ca_file}")
        with pytest.raises(TryLaterError, match=r"(?i)certificate|mismatch"):
            await sender.deliver(Notice((opened(),)))
        assert server.taken() == []


async def test_nothing_is_said_in_the_clear_to_a_server_without_starttls(
    tmp_path: Path, authority: Authority
) -> None:
    async with SmtpServer(tmp_path) as server:
        sender = mail(server.port, f"security: starttls\nca_file: {authority.ca_file}")
        with pytest.raises(TryLaterError, match="STARTTLS"):
            await sender.deliver(Notice((opened(),)))
        assert server.taken() == []


async def test_a_greylisted_recipient_is_tried_later_and_no_other_twice(tmp_path: Path) -> None:
    async with SmtpServer(tmp_path) as server:
        sender = mail(server.port, to="[anna@example.com, grey@example.com]")
        with pytest.raises(TryLaterError, match=r"grey@example\.com: 451"):
            await sender.deliver(Notice((opened(),)))
        await sender.deliver(Notice((opened(),)))
        first, second = server.taken()
    assert (first.to, second.to) == (["anna@example.com"], ["grey@example.com"])
    assert first.raw == second.raw


async def test_who_is_unknown_is_never_tried_again_and_keeps_nobody_else_from_it(
    tmp_path: Path,
) -> None:
    async with SmtpServer(tmp_path) as server:
        with pytest.raises(RefusedError, match=r"unknown@example\.com: 550"):
            await mail(server.port, to="[unknown@example.com]").deliver(Notice((opened(),)))
        with pytest.raises(RefusedError, match=r"full@example\.com: 552"):
            await mail(server.port, to="[unknown@example.com, full@example.com]").deliver(
                Notice((opened(),))
            )
        assert server.taken() == []
        await mail(server.port, to="[unknown@example.com, anna@example.com]").deliver(
            Notice((opened(),))
        )
        assert [each.to for each in server.taken()] == [["anna@example.com"]]


async def test_once_some_have_it_a_refusal_of_the_others_is_no_refusal(tmp_path: Path) -> None:
    async with SmtpServer(tmp_path) as server:
        sender = mail(server.port, to="[anna@example.com, grey@example.com, unknown@example.com]")
        with pytest.raises(TryLaterError, match=r"grey@example\.com"):
            await sender.deliver(Notice((opened(),)))
        await sender.deliver(Notice((opened(),)))
        assert [each.to for each in server.taken()] == [["anna@example.com"], ["grey@example.com"]]


@pytest.mark.parametrize(("word", "error"), [("virus", RefusedError), ("busy", TryLaterError)])
async def test_what_is_said_after_the_content(
    tmp_path: Path, word: str, error: type[Exception]
) -> None:
    async with SmtpServer(tmp_path) as server:
        named = opened()._replace(alert=alert()._replace(owner=word))
        with pytest.raises(error, match=r"refused|try again"):
            await mail(server.port).deliver(Notice((named,)))


async def test_no_server_is_tried_later() -> None:
    with pytest.raises(TryLaterError):
        await mail(free_port()).deliver(Notice((opened(),)))
