"""The Ansible role against a booted Debian: what a playbook says is so afterwards, and twice is once.

The tests build on each other, as the days of a host do: what one leaves running the next one finds.
"""

from __future__ import annotations

import copy
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from coalmine_runtime.version import VERSION
from release.source import REPOSITORY
from release.sums import KEY
from tests.prove import installed
from tests.prove.booted_debian import BootedDebian, booted_debian
from tests.prove.built import needed_wheels
from tests.prove.installed import (
    AGENT,
    AGGREGATOR,
    COALMINE,
    PASSWORD,
    STATUS_PAGE,
    schema,
    until_delivered,
)
from tests.prove.playbook import Playbook
from tests.prove.release import LATER, NEWEST, Change, make_release, migrates

pytestmark = [pytest.mark.prove, pytest.mark.timeout(900)]

NEXT = "90.0.0"
BROKEN = "90.0.1"
MIGRATED = "90.0.2"
CREDENTIAL = f"${{CREDENTIALS_DIRECTORY}}/{PASSWORD}"

VARIABLES: dict[str, Any] = {
    "coalmine_components": ["agent", "aggregator", "status-page"],
    "coalmine_pip_arguments": ["--no-index", f"--find-links={installed.WHEELS}"],
    "coalmine_credentials": {PASSWORD: "correct horse battery staple"},
    "coalmine_agent_config": {
        "agent": {
            "location": "on-machine",
            "region": "eu-west-1",
            "zone": "eu-west-1a",
            "host": "first",
        },
        "broker": {"url": "mqtt://127.0.0.1:1883", "password_file": CREDENTIAL},
        "services": {"ingest": {"tcp": "127.0.0.1:2003", "udp": "127.0.0.1:2003"}},
        "metrics": "127.0.0.1:9105",
    },
    "coalmine_aggregator_config": {
        "services": {"ingest": {"acceptable_loss": "0.1%"}},
        "receive": {"tcp": "127.0.0.1:2003", "udp": "127.0.0.1:2003"},
        "broker": {"password_file": CREDENTIAL},
        "store": "sqlite:////var/lib/coalmine/history.db",
    },
    "coalmine_status_page_config": {
        "store": "sqlite:////var/lib/coalmine/history.db",
        "page": {"name": "Example"},
        "components": [{"id": "ingest", "name": "Ingestion", "service": "ingest"}],
    },
}


def broken(files: dict[str, bytes]) -> None:
    """An agent that does not start, after an aggregator that has migrated its store."""
    migrates(files)
    files["coalmine_agent/app.py"] += b"\n\ndef run_agent(*_):\n    raise SystemExit('broken')\n"


class Fleet:
    """The host, its playbook, and the variables as they are now."""

    def __init__(self, host: BootedDebian, folder: Path) -> None:
        self.host = host
        self.playbook = Playbook(host, folder / "play")
        self.variables = copy.deepcopy(VARIABLES)
        self.releases = folder
        self.take(VERSION)
        self.variables["coalmine_release_key"] = f"{self.variables['coalmine_release']}/{KEY}"

    def take(self, version: str, change: Change | None = None) -> None:
        """The next run is of this version."""
        path = make_release(self.releases, version, *([change] if change else []))
        self.variables |= {"coalmine_version": version, "coalmine_release": str(path)}

    def play(self, *options: str) -> list[str]:
        """What a run changed that went well."""
        played = self.playbook.run(self.variables, *options)
        print(played.said)
        assert played.status == 0, played.said
        return played.changed


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("ansible")
    with booted_debian(folder, {needed_wheels(): installed.WHEELS}) as debian:
        yield Fleet(debian, folder)


def main_pid(host: BootedDebian, unit: str) -> str:
    return host.show(unit, "MainPID")


def test_a_check_of_a_fresh_host_changes_nothing(fleet: Fleet) -> None:
    assert fleet.play("--check", "--diff")
    for path in ("/opt/coalmine", "/etc/coalmine", f"/etc/systemd/system/{AGENT}"):
        assert not fleet.host.succeeds("test", "-e", path)


def test_the_first_run_installs_and_datapoints_are_delivered(fleet: Fleet) -> None:
    changed = fleet.play()
    assert "Install Coalmine" in changed
    for unit in installed.SERVICES:
        assert fleet.host.show(unit, "ActiveState") == "active"
        assert fleet.host.show(unit, "UnitFileState") == "enabled"
        assert fleet.host.show(unit, "NRestarts") == "0"
    until_delivered(fleet.host, 2)
    assert fleet.host.run(COALMINE, "--version") == f"coalmine, version {VERSION}\n"
    modes = fleet.host.run("stat", "--format=%U:%G %a", "/etc/coalmine/agent.yaml").strip()
    assert modes == "root:coalmine-agent 640"
    assert (
        fleet.host.run("stat", "--format=%U:%G %a", f"/etc/credstore/{PASSWORD}") == "root:root 600\n"
    )


def test_the_second_run_changes_nothing(fleet: Fleet) -> None:
    pids = [main_pid(fleet.host, unit) for unit in installed.SERVICES]
    assert fleet.play() == []
    assert fleet.play("--check") == []
    assert [main_pid(fleet.host, unit) for unit in installed.SERVICES] == pids


def test_a_changed_configuration_of_the_agent_reloads_it(fleet: Fleet) -> None:
    pids = [main_pid(fleet.host, unit) for unit in installed.SERVICES]
    fleet.variables["coalmine_agent_config"]["services"]["ingest"]["tcp-second"] = "127.0.0.1:2003"
    assert fleet.play() == ["Configure agent", "Reload agent"]
    until_delivered(fleet.host, 3)
    assert fleet.host.show(AGENT, "StatusText") == "3 endpoints, revision 2"
    assert [main_pid(fleet.host, unit) for unit in installed.SERVICES] == pids


def test_a_configuration_with_a_mistake_is_not_written(fleet: Fleet) -> None:
    before = fleet.host.run("cat", "/etc/coalmine/agent.yaml")
    good = fleet.variables["coalmine_agent_config"]
    fleet.variables["coalmine_agent_config"] = {**good, "servces": {}}
    played = fleet.playbook.run(fleet.variables)
    fleet.variables["coalmine_agent_config"] = good
    assert played.status != 0
    assert "servces" in played.said
    assert played.changed == []
    assert fleet.host.run("cat", "/etc/coalmine/agent.yaml") == before
    assert fleet.play() == []


def test_what_needs_a_restart_gets_one(fleet: Fleet) -> None:
    agent, aggregator, page = (main_pid(fleet.host, unit) for unit in (AGENT, AGGREGATOR, STATUS_PAGE))
    fleet.variables["coalmine_aggregator_config"]["metrics"] = "127.0.0.1:9464"
    assert fleet.play() == ["Configure aggregator", "Restart aggregator"]
    assert main_pid(fleet.host, AGGREGATOR) != aggregator
    assert main_pid(fleet.host, AGENT) == agent
    fleet.variables["coalmine_credentials"] = {PASSWORD: "incorrect horse battery staple"}
    assert fleet.play() == [
        "Put secrets into place",
        "Restart aggregator",
        "Restart status-page",
        "Restart agent",
    ]
    assert main_pid(fleet.host, AGENT) != agent
    assert main_pid(fleet.host, STATUS_PAGE) != page
    until_delivered(fleet.host, 3)


def test_another_version_is_an_upgrade(fleet: Fleet) -> None:
    fleet.take(NEXT)
    changed = fleet.play()
    assert "Install Coalmine" in changed
    assert "Start, or restart as this version" in changed
    assert not [each for each in changed if each.startswith(("Restart ", "Reload "))]
    assert fleet.host.run(COALMINE, "--version") == f"coalmine, version {NEXT}\n"
    until_delivered(fleet.host, 3)
    assert fleet.host.run("ls", "/opt/coalmine").split() == [VERSION, NEXT, "current"]
    assert fleet.play() == []


def test_a_version_that_does_not_run_is_taken_back(fleet: Fleet) -> None:
    fleet.take(BROKEN, broken)
    played = fleet.playbook.run(fleet.variables)
    print(played.said)
    assert played.status != 0
    assert f"{NEXT} runs again" in played.said
    assert fleet.host.run("readlink", "/opt/coalmine/current").strip() == NEXT
    until_delivered(fleet.host, 3)
    for unit in installed.SERVICES:
        assert fleet.host.show(unit, "ActiveState") == "active"
    assert schema(fleet.host) == NEWEST


def test_back_over_a_migration_takes_a_copy(fleet: Fleet) -> None:
    fleet.take(MIGRATED, migrates)
    assert "Copy the store as the version before left it" in fleet.play()
    until_delivered(fleet.host, 3)
    assert schema(fleet.host) == LATER
    fleet.variables |= {"coalmine_version": NEXT, "coalmine_release": str(fleet.releases / NEXT)}
    pids = [main_pid(fleet.host, unit) for unit in installed.SERVICES]
    played = fleet.playbook.run(fleet.variables)
    assert played.status != 0
    assert f"{NEXT} does not know the store's schema {LATER}" in played.said
    assert fleet.host.run("readlink", "/opt/coalmine/current").strip() == MIGRATED
    assert [main_pid(fleet.host, unit) for unit in installed.SERVICES] == pids


def test_a_release_that_is_not_what_it_says_touches_nothing(fleet: Fleet) -> None:
    folder = Path(fleet.variables["coalmine_release"])
    (wheel,) = folder.glob("*.whl")
    with wheel.open("ab") as content:
        content.write(b"more")
    played = fleet.playbook.run(fleet.variables)
    assert played.status != 0
    assert "is not what SHA256SUMS says" in played.said
    assert (played.failed, played.changed) == (["Hold it to its checksums"], [])
    sums = folder / "SHA256SUMS"  # who changes the sums as well lacks the key
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    sums.write_text(
        re.sub(
            rf"^\w+(  {re.escape(wheel.name)})$", rf"{digest}\1", sums.read_text(), flags=re.MULTILINE
        )
    )
    played = fleet.playbook.run(fleet.variables)
    assert played.status != 0
    assert played.failed == ["Hold the checksums to their signature"]
    assert played.changed == []


def test_the_script_does_not_install_beside_it_until_it_is_gone(fleet: Fleet) -> None:
    host = fleet.host
    host.give(REPOSITORY / "deploy" / "install" / "install.sh", "/root/install.sh")
    said = host.fails("bash", "/root/install.sh", "upgrade")
    assert said == "install.sh: Coalmine is installed here by Ansible: docs/ansible.md"
    gone = re.search(r"^```sh\n(.*?)^```", (REPOSITORY / "docs/ansible.md").read_text(), re.M | re.S)
    assert gone
    host.run("sh", "-euc", gone[1])
    assert host.run("systemctl", "list-unit-files", "coalmine*", "--no-legend", check=False) == ""
    assert "Coalmine is not installed here" in host.fails("bash", "/root/install.sh", "upgrade")
