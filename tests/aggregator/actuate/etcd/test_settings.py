"""Settings of etcd: what is taken, and what is said of the rest."""

from __future__ import annotations

import pytest

from coalmine_aggregator.actuate.etcd.endpoint import Endpoint
from coalmine_aggregator.actuate.etcd.settings import EtcdSettings
from coalmine_runtime.settings import ConfigError, loads


def test_the_least() -> None:
    settings = loads(EtcdSettings, "endpoints: [https://etcd-1.example]", {})
    assert settings.endpoints == [Endpoint.parse("https://etcd-1.example:2379")]
    assert (settings.prefix, settings.register) == ("coalmine", None)


def test_everything() -> None:
    text = """
endpoints: [http://127.0.0.1:2379, http://10.0.0.1:2379]
allow_http: true
prefix: fleets/eu
username: coalmine
password: battery staple
register:
  aggregator: agg-1.example:9464
  agents: "{host}.example:9105"
"""
    settings = loads(EtcdSettings, text, {})
    assert settings.register is not None
    assert str(settings.register.agents) == "{host}.example:9105"
    assert "battery" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("endpoints: []", "endpoints: expected 1 to 16"),
        ("endpoints: [http://etcd:2379]", "endpoints[0]: http://etcd:2379 is unencrypted"),
        ("endpoints: [https://a:b@etcd:2379]", "user and password have keys of their own"),
        ("endpoints: [https://etcd:2379/v3]", "expected only host and port"),
        ("{endpoints: [https://etcd], prefix: /}", "prefix: expected up to 200"),
        ("{endpoints: [https://etcd], username: me}", "password: username and password go together"),
        ("{endpoints: [https://etcd], password: me}", "username: username and password go together"),
        ("{endpoints: ['http://[::1]:2379'], server_name: x}", "endpoints: certificates need https"),
        (
            "{endpoints: [https://etcd], register: {aggregator: ':9464'}}",
            "register.aggregator: :9464: expected a host and a port",
        ),
        (
            "{endpoints: [https://etcd], register: {aggregator: 'a:1', agents: '{hots}:1'}}",
            'register.agents: no place "{hots}"; there are agent, host, region, zone',
        ),
        (
            "{endpoints: [https://etcd], register: {aggregator: 'a:1', agents: '{host}'}}",
            "register.agents: expected host:port",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_key(text: str, what: str) -> None:
    with pytest.raises(ConfigError) as raised:
        loads(EtcdSettings, text, {})
    assert what in str(raised.value)
