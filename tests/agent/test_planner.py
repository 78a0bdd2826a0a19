"""From a configuration file to plans: names, phases, keys, TLS, headers, and what is never shown."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from coalmine_agent.loaded import load_agent, unchangeable
from coalmine_runtime.config_error import ConfigError
from coalmine_wire.protocols import Protocol
from coalmine_wire.series import parse_name
from tests.conftest import Authority

SHORT = """
agent: {location: external, region: EU West 1, zone: eu-west-1a, host: Canary01.Example}
broker: {url: "mqtts://coalmine.example:8883", password_file: mqtt}
services:
  ingest:
    tcp: carbon.example:2003
    udp-ipv6: {address: "[2001:db8::1]:2003", family: ipv6, key: KEY}
    tls: {address: "carbon.example:2013", ca_file: ca.pem, server_name: other.example}
    pickle_tls: {address: "carbon.example:2014", ca_file: ca.pem}
    https: {url: "https://carbon.example/api/v1/sink?a=b", key_file: key, ca_file: ca.pem}
    https-auth: {url: "https://carbon.example:8443", username: me, password: "${PW}"}
"""


@pytest.fixture
def folder(tmp_path: Path, authority: Authority) -> Path:
    (tmp_path / "agent.yaml").write_text(SHORT)
    (tmp_path / "mqtt").write_text("sesame\n")
    (tmp_path / "key").write_text("apikey\n")
    (tmp_path / "ca.pem").write_bytes(authority.ca_file.read_bytes())
    return tmp_path


def test_every_form_of_an_endpoint(folder: Path) -> None:
    loaded = load_agent(folder / "agent.yaml", {"PW": "sesame"}, boot="b", started_at=1.0)
    tcp, udp, tls, pickle_tls, https, auth = loaded.plans
    assert (tcp.host, tcp.port, tcp.protocol) == ("carbon.example", 2003, Protocol.TCP)
    assert tcp.series_name == ("canary.ingest.external.eu_west_1.eu-west-1a.canary01_example.tcp")
    assert (udp.host, udp.family, udp.variant) == ("2001:db8::1", "ipv6", "ipv6")
    assert udp.wire_name == f"KEY.{udp.series_name}"
    assert tls.tls is not None
    assert pickle_tls.tls is not None
    assert (tls.tls.server_name, pickle_tls.tls.server_name) == ("other.example", "carbon.example")
    assert tls.tls.context is pickle_tls.tls.context  # the same files, one context
    assert (https.host, https.port, https.path) == ("carbon.example", 443, "/api/v1/sink?a=b")
    assert base64.b64decode(https.authorization.removeprefix("Basic ")) == b"apikey:"
    assert https.key == ""
    assert (auth.port, auth.path) == (8443, "/")
    assert base64.b64decode(auth.authorization.removeprefix("Basic ")) == b"me:sesame"
    assert len({plan.phase_ms for plan in loaded.plans}) == 6


def test_births_tell_the_same_series_as_the_names_that_travel(folder: Path) -> None:
    loaded = load_agent(folder / "agent.yaml", {"PW": "x"}, boot="b", started_at=1.0)
    birth = loaded.identity.birth(1, 100, loaded.plans)
    assert birth.series() == [parse_name(plan.wire_name) for plan in loaded.plans]
    assert [endpoint.phase_ms for endpoint in birth.endpoints] == [
        plan.phase_ms for plan in loaded.plans
    ]


def test_id_and_user_fall_back_to_the_host(folder: Path) -> None:
    loaded = load_agent(folder / "agent.yaml", {"PW": "x"}, boot="b", started_at=1.0)
    assert loaded.identity.id == "canary01_example"
    assert loaded.broker.username == "canary01_example"
    assert loaded.broker.password is not None
    assert loaded.broker.password.reveal() == "sesame"
    assert loaded.broker_context is not None


def test_nothing_shows_a_secret(folder: Path) -> None:
    loaded = load_agent(folder / "agent.yaml", {"PW": "sesame"}, boot="b", started_at=1.0)
    shown = f"{loaded!r} {loaded.settings} {loaded.plans}"
    for secret in ("sesame", "apikey", "KEY", loaded.plans[4].authorization):
        assert secret not in shown


def test_the_state_folder_is_systemds_where_none_is_given(folder: Path) -> None:
    env = {"PW": "x", "STATE_DIRECTORY": "/var/lib/one:/var/lib/two"}
    loaded = load_agent(folder / "agent.yaml", env, boot="b", started_at=1.0)
    assert loaded.state_dir == Path("/var/lib/one")


def test_what_a_reload_cannot_change(folder: Path) -> None:
    path = folder / "agent.yaml"
    old = load_agent(path, {"PW": "x"}, boot="b", started_at=1.0)
    path.write_text(
        SHORT.replace("host: Canary01.Example", "host: b").replace('8883"', '8883", fleet: f')
    )
    new = load_agent(path, {"PW": "x"}, boot="b", started_at=1.0)
    assert [problem.key for problem in unchangeable(old, new, path)] == ["agent.id", "broker.fleet"]
    assert unchangeable(old, old, path) == []


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"agent\.yaml: No such file or directory$"):
        load_agent(tmp_path / "agent.yaml", {}, boot="b", started_at=1.0)
