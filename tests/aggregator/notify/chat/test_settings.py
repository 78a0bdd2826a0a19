"""What may be said of a chat."""

from __future__ import annotations

import pytest

from coalmine_aggregator.notify.chat.settings import ChatSettings
from coalmine_runtime.settings import ConfigError, loads

SLACK = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7"


def test_the_url_is_a_secret() -> None:
    settings = loads(ChatSettings, f"url: {SLACK}", {})
    assert "T1JJ3T3L2" not in repr(settings)
    assert settings.platform.name == "Slack"


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("pover://T1JJ3T3L2@token", "begins with slack://"),
        ("https://hooks.slack.com/services/T1JJ3T3L2/x/y", "begins with slack://"),
        (f"{SLACK}?format=markdown", "format"),
        (f"{SLACK}?Verify=no", "verify"),
        (f"{SLACK}?template=/etc/passwd", "template"),
        ("mmost://mattermost.example.com/T1JJ3T3L2", "unencrypted"),
        ("matrix://T1JJ3T3L2@matrix.example.com/!room", "unencrypted"),
        ("matrixs://me:T1JJ3T3L2@matrix.example.com/!room", "access token"),
        ("slack://T1JJ3T3L2", "does not understand"),
        (f"{SLACK}/#a/#b", "several channels"),
        ("slack://[T1JJ3T3L2", "no URL"),
    ],
)
def test_bad_settings_are_told_without_the_url(
    url: str, what: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError, match=what) as caught:
        loads(ChatSettings, f"url: '{url}'", {})
    assert "T1JJ3T3L2" not in str(caught.value)
    assert "T1JJ3T3L2" not in "".join(capfd.readouterr())


def test_plain_http_can_be_allowed() -> None:
    text = "url: mmost://mattermost.example.com/token\nallow_http: true"
    assert loads(ChatSettings, text, {}).platform.name == "Mattermost"
