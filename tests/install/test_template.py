"""Every template becomes a configuration that loads; values stand there as they were said."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from coalmine_agent.settings import Settings
from coalmine_aggregator.settings import AggregatorSettings
from coalmine_aggregator.status_settings import StatusPageSettings
from coalmine_install import written
from coalmine_install.findings import find
from coalmine_install.place import Place
from coalmine_install.refusal import RefusalError
from coalmine_install.sockets import Listening
from coalmine_install.template import check_names, names, render, scalar
from coalmine_runtime.settings import loads

TEMPLATES = Path(__file__).resolve().parents[2] / "deploy" / "install" / "templates"
TYPES: dict[str, type] = {
    "external": Settings,
    "internal": Settings,
    "on-machine": Settings,
    "aggregator": AggregatorSettings,
    "status-page": StatusPageSettings,
}
SAID: dict[str, dict[str, str]] = {
    "external": {
        "broker": "mqtts://coalmine.example:8883",
        "service": "ingest",
        "target": "carbon.example",
    },
    "internal": {"broker": "mqtts://coalmine.example", "service": "ingest", "tcp": "[fd00::1]:2003"},
    "on-machine": {"broker": "mqtts://coalmine.example", "service": "ingest"},
    "aggregator": {"service": "ingest"},
    "status-page": {"service": "ingest", "name": "Example: status"},
}
MORE: dict[str, dict[str, str]] = {
    "external": {
        "host": "canary01",
        "id": "canary01",
        "fleet": "eu",
        "username": "agents",
        "udp": "carbon.example:2003",
        "tls": "carbon.example:2013",
        "pickle": "carbon.example:2004",
        "pickle_tls": "carbon.example:2014",
        "https": "https://carbon.example/api/v1/sink",
        "statsd": "127.0.0.1:8125",
        "metrics": "127.0.0.1:9205",
    },
    "aggregator": {
        "fleet": "eu",
        "owner": "on call",
        "playbook": "https://wiki.example/ingest",
        "receive_udp": "127.0.0.1:2003",
        "allow_from": "10.0.0.0/8",
        "store": "postgresql://coalmine@db.example/coalmine",
    },
    "status-page": {"fleet": "eu", "url": "https://status.example"},
}


def rendered(name: str, root: Path, said: dict[str, str]) -> str:
    found = find(
        name,
        said,
        root,
        lambda _root: Place("eu-west-1", "eu-west-1a", "the test"),
        lambda: [Listening("tcp", "127.0.0.1", 2003, 1), Listening("tcp", "127.0.0.1", 2004, 1)],
    )
    template = (TEMPLATES / f"{name}.yaml").read_text()
    check_names(template, said)
    return render(template, found.values)


def test_there_is_no_other_template() -> None:
    assert {path.stem for path in TEMPLATES.glob("*.yaml")} == set(TYPES)


@pytest.mark.parametrize("name", TYPES)
def test_with_what_must_be_said(name: str, tmp_path: Path) -> None:
    text = rendered(name, tmp_path, SAID[name])
    assert "@" not in text
    loads(TYPES[name], text, {})  # raises where something is wrong


@pytest.mark.parametrize("name", MORE)
def test_with_all_that_can_be_said(name: str, tmp_path: Path) -> None:
    said = {**SAID[name], **MORE[name]}
    text = rendered(name, tmp_path, said)
    loads(TYPES[name], text, {})  # raises where something is wrong
    for value in MORE[name].values():
        assert value in text


def test_what_is_on_the_machine_is_found(tmp_path: Path) -> None:
    settings = loads(Settings, rendered("on-machine", tmp_path, SAID["on-machine"]), {})
    (endpoints,) = settings.services.values()
    assert {str(key): str(getattr(each, "address", "")) for key, each in endpoints.items()} == {
        "tcp": "127.0.0.1:2003",
        "pickle": "127.0.0.1:2004",
    }
    assert (settings.agent.region, settings.agent.zone) == ("eu-west-1", "eu-west-1a")


def test_an_aggregator_takes_by_both_protocols_what_a_target_is_sent(tmp_path: Path) -> None:
    said = {"service": "ingest", "receive_tcp": "127.0.0.1:2103"}
    settings = loads(AggregatorSettings, rendered("aggregator", tmp_path, said), {})
    assert {key: str(each) for key, each in settings.receive.listeners().items()} == {
        "tcp": "127.0.0.1:2103",
        "udp": "127.0.0.1:2103",
    }


def test_what_an_aggregator_on_the_machine_says_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "etc/coalmine"
    folder.mkdir(parents=True)
    (folder / "aggregator.yaml").write_text(rendered("aggregator", tmp_path, {"service": "ingest"}))
    settings = loads(Settings, rendered("internal", tmp_path, {"target": "localhost"}), {})
    assert list(settings.services) == ["ingest"]
    assert str(settings.broker.url) == "mqtt://127.0.0.1:1883"


def test_credentials_are_used_where_they_are(tmp_path: Path) -> None:
    store, secrets = tmp_path / "etc/credstore", tmp_path / "secrets"
    store.mkdir(parents=True)
    secrets.mkdir()
    for name in ("coalmine.mqtt-password", "coalmine.api-key"):
        (store / name).touch()
        (secrets / name).write_text(f"{name}\n")
    text = rendered("external", tmp_path, SAID["external"])
    settings = loads(Settings, text, {"CREDENTIALS_DIRECTORY": str(secrets)})
    assert settings.broker.password is not None
    assert settings.broker.password.reveal() == "coalmine.mqtt-password"
    (endpoints,) = settings.services.values()
    assert {each.key.reveal() for each in endpoints.values() if each.key} == {"coalmine.api-key"}
    assert len(endpoints) == 2


def test_everything_that_is_missing_is_named_at_once(tmp_path: Path) -> None:
    template = (TEMPLATES / "external.yaml").read_text()
    with pytest.raises(RefusalError) as caught:
        render(template, find("external", {}, tmp_path, lambda _root: None, list).values)
    assert str(caught.value) == (
        "could not be found out, please say: --set region=... --set zone=... --set broker=... "
        "--set service=... --set target=..."
    )


def test_a_name_that_is_not_known_is_told_with_the_nearest() -> None:
    template = (TEMPLATES / "external.yaml").read_text()
    assert "pickle_tls" in names(template)
    with pytest.raises(RefusalError, match='no "regoin"; did you mean "region"'):
        check_names(template, ["regoin"])


@pytest.mark.parametrize(
    "value",
    ["eu-west-1", "1.10", "true", "null", "a: b", "a, b", "it's", '"', "#x", "[::1]:2003", "@x"],
)
def test_a_value_reads_as_it_was_said(value: str) -> None:
    assert yaml.safe_load(f"key: {scalar(value)}\nlist: [{scalar(value)}]") == {
        "key": value,
        "list": [value],
    }


def test_the_head_tells_whether_somebody_edited_it() -> None:
    text = written.with_head("a: 1\n", "0.1.0", "internal region=x")
    assert written.how_written(text) == "internal region=x"
    assert written.how_written(text + "b: 2\n") is None
    assert written.version_written(text + "b: 2\n") == "0.1.0"
    assert written.how_written("a: 1\n") is written.version_written("a: 1\n") is None
