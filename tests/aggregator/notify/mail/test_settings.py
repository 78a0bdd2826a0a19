"""What may be said of a mail server."""

from __future__ import annotations

import pytest

from coalmine_aggregator.notify.mail.settings import MailSettings, Security
from coalmine_runtime.settings import ConfigError, loads

GOOD = "server: mail.example.com:587\nfrom: coalmine@example.com\n"


def test_little_needs_to_be_said() -> None:
    settings = loads(MailSettings, GOOD, {})
    assert settings.security is Security.STARTTLS
    assert settings.to == []


def test_the_password_is_never_shown() -> None:
    settings = loads(MailSettings, f"{GOOD}user: coalmine\npassword: s3cret", {})
    assert settings.password is not None
    assert settings.password.reveal() == "s3cret"
    assert "s3cret" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("server: mail.example.com:587", "from"),
        ("from: coalmine@example.com", "server"),
        ("server: ':25'\nfrom: coalmine@example.com", "expected host:port"),
        (f"{GOOD}to: [anna]", r"to\[0\].*name@example.com"),
        (f"{GOOD}to: [anna@example.com, anna@example.com]", "twice"),
        (f"{GOOD}to: [{', '.join(f'p{i}@example.com' for i in range(51))}]", "at most 50"),
        (f"{GOOD}security: none", "unencrypted"),
        (f"{GOOD}security: ssl", "none of starttls, tls, none"),
        (f"{GOOD}user: coalmine", "password.*go together"),
        (f"{GOOD}password: s3cret", "user.*go together"),
        (f"{GOOD}ca_file: /nowhere/ca.pem", "ca_file"),
        ("server: mail.example.com:587\nfrom: 'Coalmine <c@example.com>'", "from.*name@example.com"),
    ],
)
def test_bad_settings_are_told(text: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what) as caught:
        loads(MailSettings, text, {})
    assert "s3cret" not in str(caught.value)


def test_on_loopback_it_may_be_unencrypted() -> None:
    text = "server: 127.0.0.1:25\nfrom: coalmine@example.com\nsecurity: none"
    assert loads(MailSettings, text, {}).security is Security.NONE
