"""Where history is kept, and for how long."""

from __future__ import annotations

import pytest

from coalmine_aggregator.store.retention import DAY_S, Retention
from coalmine_aggregator.store.settings import DatabaseUrl, HistorySettings
from coalmine_runtime.settings import ConfigError, loads

PASSWORD = "hunter2"


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///coalmine.db",
        "sqlite:////var/lib/coalmine/history.db",
        "postgresql:///coalmine",
        f"postgresql://coalmine:{PASSWORD}@db.example:5432/coalmine?sslmode=verify-full",
    ],
)
def test_a_url_is_what_was_said_and_shows_no_password(url: str) -> None:
    parsed = DatabaseUrl.parse(url)
    assert parsed.reveal() == url
    assert parsed == DatabaseUrl.parse(url)
    for shown in (str(parsed), repr(parsed), f"{parsed}"):
        assert shown == url.replace(PASSWORD, "***")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "coalmine.db",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite://host/x.db",
        "postgresql://db.example",
        "postgresql+asyncpg://db.example/x",
        f"mysql://u:{PASSWORD}@db.example/x",
        f"postgresql://u:{PASSWORD}@db.example:port/x",
    ],
)
def test_other_urls_are_refused_without_their_password(url: str) -> None:
    with pytest.raises(ValueError, match="expected") as caught:
        DatabaseUrl.parse(url)
    assert PASSWORD not in str(caught.value)


def test_retention_is_said_in_days() -> None:
    text = "seconds: 30d\nminutes: 60d\nhours: 3650d\nstep_times: 2d\nlives: 48h\naudit: 90d"
    text += "\nremediation: 3d"
    assert loads(HistorySettings, text, {}).retention() == Retention(
        30 * DAY_S, 60 * DAY_S, 3650 * DAY_S, 2 * DAY_S, 2 * DAY_S, 90 * DAY_S, 3 * DAY_S
    )
    assert HistorySettings().retention() == Retention()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("seconds: 47h", "seconds: must be from 2d"),
        ("lives: 36501d", "lives: must be from 2d to 36500d"),
        ("audit: 1d", "audit: must be from 2d to 36500d"),
        ("minutes: 30d", "minutes: must not be less than seconds"),
        ("hours: 700d", "hours: must not be less than minutes"),
        ("second: 30d", "seconds"),
    ],
)
def test_what_would_not_do_is_refused(text: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        loads(HistorySettings, text, {})
