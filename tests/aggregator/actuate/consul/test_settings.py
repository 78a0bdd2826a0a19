"""Settings of Consul, as people write them."""

from __future__ import annotations

import pytest

from coalmine_aggregator.actuate.consul.settings import (
    CheckName,
    ConsulCheckSettings,
    ConsulSettings,
)
from coalmine_runtime.settings import ConfigError, loads


def test_each_node_has_its_agent() -> None:
    text = "url: https://{node}.dc1.example:8501/\nnodes: {web-9: https://10.0.0.9:8501}"
    settings = loads(ConsulSettings, text, {})
    assert settings.agent_of("ingest", "web-3") == "https://web-3.dc1.example:8501"
    assert settings.agent_of("ingest", "web-9") == "https://10.0.0.9:8501"
    assert not settings.url.one


def test_one_agent_has_them_all() -> None:
    settings = loads(ConsulSettings, "url: http://127.0.0.1:8500", {})
    assert settings.url.one
    assert settings.agent_of("ingest", "web-3") == "http://127.0.0.1:8500"
    assert settings.check.of("ingest", "web-3") == "coalmine-ingest-web-3"


def test_notes_and_names_cannot_leave_their_place_in_a_path() -> None:
    settings = loads(ConsulSettings, "url: http://127.0.0.1:8500", {})
    path = settings.path_of("fail", "a/../b?c", "x&note=y#z é")
    assert path == "/v1/agent/check/fail/a%2F..%2Fb%3Fc?note=x%26note%3Dy%23z%20%C3%A9"


def test_the_pattern_matches_what_may_be_named_and_nothing_else() -> None:
    pattern = CheckName.parse("canary.{service}:{node}").pattern()
    assert pattern.match("canary.ingest:web-3")
    assert not pattern.match("canaryxingest:web-3")
    assert not pattern.match("canary.ingest:web-3 and more")
    assert not pattern.match("service:web")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("url: http://10.0.0.1:8500", "unencrypted"),
        ("url: http://{node}:8500", "unencrypted"),
        ("url: https://{host}:8500", "no place"),
        ("url: https://consul/{node}", "host alone"),
        ("url: https://consul/x?dc=y", "query"),
        ("url: https://consul\ncheck: one", "needs {service} and {node}"),
        ("url: https://consul\ncheck: 'a b {service} {node}'", "A-Z a-z"),
        ("url: https://consul\nnodes: {Web 3: https://x}", "no name of a node"),
        ("url: https://consul\nevery: 10m", "1s to 60s"),
        ("url: https://consul\ntoken: 'a b'", "printable ASCII"),
    ],
)
def test_bad_settings(text: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        loads(ConsulSettings, text, {})


def test_a_listener_beyond_loopback_says_who_may_ask() -> None:
    assert loads(ConsulCheckSettings, "127.0.0.1:8510", {}).listen.port == 8510
    text = "listen: :8510\nallow_from: [10.0.0.0/8]"
    assert len(loads(ConsulCheckSettings, text, {}).allow_from) == 1
    with pytest.raises(ConfigError, match="allow_from"):
        loads(ConsulCheckSettings, ":8510", {})
