"""Mail addresses."""

from __future__ import annotations

import pytest

from coalmine_aggregator.notify.mail.address import MailAddress


@pytest.mark.parametrize(
    "text", ["anna@example.com", "on-call+night@mail.example.co.uk", "root@localhost"]
)
def test_addresses(text: str) -> None:
    assert MailAddress.parse(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "anna",
        "@example.com",
        "anna@",
        "anna@-example.com",
        "anna@example..com",
        ".anna@example.com",
        "anna@example.com\r\nBcc: all@example.com",
        "anna@example.com\n",
        "Anna <anna@example.com>",
        "anna@example.com, ben@example.com",
        '"a b"@example.com',
        "anna@exämple.com",
        f"{'a' * 250}@example.com",
    ],
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="name@example"):
        MailAddress.parse(text)


def test_the_domain() -> None:
    assert MailAddress.parse("anna@example.com").domain == "example.com"
