"""What may be said of a gateway."""

from __future__ import annotations

import pytest

from coalmine_aggregator.model.alerts import Change
from coalmine_aggregator.notify.gateway.phone import Phone
from coalmine_aggregator.notify.gateway.settings import GatewaySettings
from coalmine_runtime.settings import ConfigError, loads

URL = "url: https://sms.example.com/send\n"
FORM = "form: {To: '{to}', Body: '{text}'}\n"


def test_little_needs_to_be_said() -> None:
    settings = loads(GatewaySettings, URL + FORM, {})
    assert settings.method == "POST"
    assert settings.tell == [Change.OPENED]
    assert settings.segments == 2
    assert settings.places == {"to", "text"}


def test_secrets_are_never_shown() -> None:
    more = "user: AC1\npassword: s3cret\nheaders: [{name: X-Api-Key, value: k3y}]"
    settings = loads(GatewaySettings, URL + FORM + more, {})
    assert "s3cret" not in repr(settings)
    assert "k3y" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (FORM, "url"),
        (URL, "either form or json"),
        (URL + FORM + 'json: \'{"x": "{text}"}\'', "either form or json"),
        (f"url: http://sms.example.com/\n{FORM}", "unencrypted"),
        (URL + FORM + "method: DELETE", "POST, PUT, GET"),
        (URL + 'method: GET\njson: \'{"x": "{text}"}\'', "GET has no body"),
        (URL + "form: {To: '{to}'}", "stands nowhere"),
        (URL + "form: {Body: '{text}'}\nto: '+353861234567'", r"\{to\} stands nowhere"),
        (URL + "form: {Body: '{message}'}", "form.Body.*no place"),
        (URL + "form: {Twiml: '<Say>{text}</Say>'}", "text:xml"),
        (URL + "json: '{'", "no JSON"),
        (URL + FORM + "to: 0861234567", "country code"),
        (URL + FORM + "segments: 4", "1 to 3"),
        (URL + FORM + "tell: [closed]", "always told"),
        (URL + FORM + "user: AC1", "go together"),
        (URL + FORM + "user: 'a:b'\npassword: s3cret", "colon"),
        (URL + FORM + "headers: [{name: 'X Y', value: z}]", "no header"),
        (URL + FORM + "headers: [{name: Content-Length, value: z}]", "no header"),
        (URL + FORM + 'headers: [{name: X-Y, value: "a\\r\\nX-Z: b"}]', "printable"),
        (URL + FORM + "taken: {status: [302]}", "200 to 299"),
        (URL + FORM + "taken: {equals: ok}", "pointer"),
        (URL + FORM + "taken: {pointer: status, equals: ok}", "JSON pointer"),
    ],
)
def test_bad_settings_are_told(text: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what) as caught:
        loads(GatewaySettings, text, {})
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("text", ["+353861234567", "+353 86 123-4567", "+1 (500) 555-0006"])
def test_numbers(text: str) -> None:
    assert Phone.parse(text) == "+" + "".join(c for c in text if c.isdigit())


@pytest.mark.parametrize(
    "text", ["", "086123", "+0861234567", "+353", "+3538612345678901", "+35386\n1234567", "+353x"]
)
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(ValueError, match="country code"):
        Phone.parse(text)
