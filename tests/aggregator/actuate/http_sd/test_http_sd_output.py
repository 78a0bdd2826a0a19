"""Who is told to Prometheus: everybody who serves, as long as that is known, and ours to say."""

from __future__ import annotations

import pytest

from coalmine_aggregator.actuate.http_sd.http_sd_output import HttpSdOutput
from coalmine_aggregator.actuate.http_sd.settings import HttpSdSettings
from coalmine_aggregator.model.withdrawal import Mode
from coalmine_runtime import clock
from coalmine_runtime.settings import ConfigError, loads
from tests.aggregator.actuate.words import NODES, word, words


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(clock, "boottime", lambda: self.now)


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that a test moves."""
    return Clock(monkeypatch)


def hosts(output: HttpSdOutput) -> list[str] | None:
    groups = output.targets("ingest", 9100)
    return None if groups is None else [target for group in groups for target in group.targets]


def test_everybody_who_serves(moved: Clock) -> None:
    settings = HttpSdSettings(domain=".dc1.example", addresses={"web-2": "2001:db8::2"})
    output = HttpSdOutput(settings, ["ingest", "other"])
    output.show(words(word("web-3")))
    assert hosts(output) == ["web-1.dc1.example:9100", "[2001:db8::2]:9100", "web-4.dc1.example:9100"]
    groups = output.targets("ingest", 1) or []
    labels = {"__meta_coalmine_service": "ingest", "__meta_coalmine_node": "web-1"}
    assert groups[0].labels == labels
    assert output.standing().out == {"ingest": ("web-3",)}
    assert output.services == {"ingest", "other"}


def test_nobody_knows_before_the_first_word_and_after_the_last_one_s_lease(moved: Clock) -> None:
    output = HttpSdOutput(HttpSdSettings(), ["ingest"])
    assert hosts(output) is None
    last = word("web-3", at=5.0, lease_s=20.0)
    output.show(words(last))
    moved.now += 19.9
    assert hosts(output) == ["web-1:9100", "web-2:9100", "web-4:9100"]
    output.show(words(last))  # said again it is no news
    moved.now += 0.2
    assert hosts(output) is None
    assert output.standing().out == {}
    output.show(words(word("web-3", at=6.0)))
    assert hosts(output) is not None


def test_it_is_for_the_other_to_say_while_that_decides(moved: Clock) -> None:
    output = HttpSdOutput(HttpSdSettings(), ["ingest"])
    output.show(words(word("web-3", at=5.0)))
    output.show(words(word("web-3", at=6.0, mode=Mode.STANDBY)))
    assert hosts(output) is None


@pytest.mark.parametrize("mode", [Mode.DRY_RUN, Mode.STOPPED])
def test_a_dry_run_and_a_stop_leave_everybody_in(moved: Clock, mode: Mode) -> None:
    output = HttpSdOutput(HttpSdSettings(), ["ingest"])
    output.show(words(word("web-3", mode=mode)))
    assert hosts(output) == [f"{node}:9100" for node in NODES]


def test_where_everybody_is_out_nothing_is_said(moved: Clock) -> None:
    output = HttpSdOutput(HttpSdSettings(), ["ingest"])
    output.show(words(word(*NODES)))
    assert hosts(output) is None


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("domain: example", "domain: expected one such as .dc1.example"),
        ("addresses: {Web: a}", "addresses.Web: has other characters"),
        ("addresses: {web-1: a b}", 'addresses.web-1: "a b" is no host name'),
    ],
)
def test_settings(text: str, what: str) -> None:
    with pytest.raises(ConfigError) as raised:
        loads(HttpSdSettings, text, {})
    assert what in str(raised.value)
