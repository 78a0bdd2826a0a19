"""docs/operations.md as an operator follows it, on a booted Debian: its commands, in their order.

The tests build on each other, as the days of a host do: what one leaves running the next one finds.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from coalmine_runtime import clock
from coalmine_runtime.version import VERSION
from release.source import REPOSITORY
from tests.prove import installed
from tests.prove.booted_debian import BootedDebian, booted_debian
from tests.prove.built import needed_wheels
from tests.prove.installed import AGENT, AGGREGATOR
from tests.prove.release import make_release

pytestmark = [pytest.mark.prove, pytest.mark.timeout(600)]

PAGE = REPOSITORY / "docs" / "operations.md"
RELEASES = "/mnt/releases"
STORE = "/var/lib/coalmine/history.db"
OPENED_S = 30.0
UNMET = """
systemctl start coalmine-status-page
systemctl status coalmine-status-page
false
"""

# What an operator's shell has, besides what the page exports.
_SHELL = """
set -euo pipefail
export PATH=/usr/local/sbin:/usr/local/bin:$PATH
cd /root/coalmine
"""


class Operator:
    """Reads the page and types what stands there."""

    def __init__(self, host: BootedDebian) -> None:
        self.host = host
        self.done: list[str] = []
        self._exports = ""
        self._said = sections(PAGE.read_text())

    def follow(self, section: str, *, only: str = "") -> str:
        """Runs the commands of a section, of those that have `only` in them; what they said."""
        said = ""
        for block in commands(self._said[section]):
            if only in block and block not in self.done:
                self.done.append(block)
                said += self.type(block)
                print(said)
                self._exports += "".join(f"{line}\n" for line in re.findall(r"^export .*", block, re.M))
        assert said or only or self.done
        return said

    def type(self, script: str) -> str:
        """Runs a script as the operator would."""
        return self.host.run("bash", "-c", f"{_SHELL}{self._exports}{script}", deadline_s=300)

    def file(self, section: str, name: str) -> None:
        """Writes the section's first piece of YAML to a file."""
        found = re.search(r"^```yaml\n(.*?)^```", self._said[section], re.M | re.S)
        assert found
        self.host.write(f"/root/coalmine/{name}", found[1])

    def ask(self, path: str) -> Any:
        """What the aggregator's API answers."""
        url = shlex.quote(f"https://coalmine.example:8443/api/v1/{path}")
        return json.loads(
            self.type(f'curl -sS --cacert ca.pem -H "Authorization: Bearer $(cat token)" {url}')
        )

    def until_delivered(self, endpoints: int) -> None:
        """Waits until each of the newest three seconds, the last of them from now on, has a datapoint
        of so many endpoints."""
        begun = clock.wall()

        def delivered() -> bool:
            received = [0, 0, 0]
            answer = self.ask("rates")
            for group in answer["groups"]:
                received = [
                    a + b for a, b in zip(received, ([0] * 3 + group["received"])[-3:], strict=True)
                ]
            return received == [endpoints] * 3 and answer["settled"] >= begun

        self.host.until(delivered, deadline_s=60, what=f"{endpoints} datapoints in each of 3 seconds")

    def open_alert(self) -> dict[str, Any]:
        """The one that is open; there must be one."""

        def opened() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = self.ask("alerts")["open"]
            return found

        return self.host.until(opened, deadline_s=OPENED_S, what="an alert opens")[0]

    def memory(self, newest: int) -> dict[str, Any]:
        """What the store alone knows: sums up to a second, alerts, incidents."""
        minute = newest // 60 * 60
        alert = self.ask("alerts")["open"][0]
        incident = self.ask("incidents")["incidents"][0]
        return {
            "sums": self.ask(f"rates?from={minute - 120}&to={newest}&step=1s")["groups"],
            "alert": {name: alert[name] for name in ("id", "opened_at", "class", "incident")},
            "incident": {name: incident[name] for name in ("number", "opened_at", "title")},
        }


def sections(text: str) -> dict[str, str]:
    """The texts below headings, whatever their level."""
    parts = re.split(r"^#{1,3} (.*)\n", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def commands(text: str) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """On a host that has the release, the wheels of what it needs, and no network."""
    folder = tmp_path_factory.mktemp("operations")
    releases = folder / "releases"
    releases.mkdir()
    make_release(releases, VERSION)
    binds = {needed_wheels(): installed.WHEELS, releases: RELEASES}
    with booted_debian(folder, binds, ("curl", "postgresql", "sqlite3")) as debian:
        debian.run("cp", "--recursive", f"{RELEASES}/{VERSION}", "/root/coalmine")
        debian.run("ln", "--symbolic", installed.WHEELS, "/root/coalmine/wheels")
        names = "echo 127.0.0.1 coalmine.example carbon.example >>/etc/hosts"
        debian.run("sh", "-c", names)
        other = ("openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=other")
        debian.run(*other, "-keyout", "/dev/null", "-out", "/root/coalmine/other.pem")
        yield Operator(debian)


def test_from_nothing_to_the_first_datapoint(operator: Operator) -> None:
    operator.follow("Certificates and secrets")
    operator.file("The aggregator", "aggregator.yaml")
    said = operator.follow("The aggregator")
    assert f"installed: {AGGREGATOR}, Coalmine {VERSION}" in said
    assert said.rstrip().endswith("}")  # the API answers
    said = operator.follow("Agents")
    assert "healthy: coalmine-agent.service: 2 endpoints, ok" in said
    operator.until_delivered(2)


@pytest.fixture
def told(operator: Operator) -> Iterator[list[str]]:
    """What the test saw; the page must have it."""
    seen: list[str] = []
    yield seen
    text = PAGE.read_text()
    assert [words for words in seen if f"`{words}`" not in text] == []


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("coalmine alerts list", "wants a token"),
        ("COALMINE_TOKEN=00000000000000000000 coalmine alerts list", "refuses the token"),
        (
            "coalmine alerts list --url http://coalmine.example:8443 --token-file token",
            "would carry the token unencrypted; take https://",
        ),
        (
            "coalmine alerts list --url https://coalmine.example:9 --token-file token",
            "is the aggregator running there?",
        ),
        ("coalmine aggregator run /etc/coalmine/aggregator.yaml", "Address already in use"),
        ("echo 'agnet: {}' >wrong.yaml; coalmine agent check wrong.yaml", "unknown key"),
        (
            "sed '/allow_from/d' aggregator.yaml >wrong.yaml; coalmine aggregator check wrong.yaml",
            'is beyond loopback and needs "allow_from"',
        ),
        (UNMET, "skipped because of an unmet condition check"),
    ],
)
def test_a_mistake_is_told_in_the_words_of_the_page(
    operator: Operator, told: list[str], command: str, words: str
) -> None:
    said = operator.type(f"({command}) 2>&1 && echo went well || true")
    assert words in said
    assert "went well" not in said
    told.append(words)


def test_an_agent_without_a_broker_says_so_in_the_words_of_the_page(
    operator: Operator, told: list[str]
) -> None:
    host = operator.host
    for path, text, words in (
        ("/etc/credstore/coalmine.mqtt-password", "another\n", "Not authorized"),
        (
            "/etc/coalmine/ca.pem",
            host.run("cat", "/root/coalmine/other.pem"),
            "CERTIFICATE_VERIFY_FAILED",
        ),
    ):
        kept = host.run("cat", path)
        host.write(path, text, host.run("stat", "--format=%a", path).strip())
        host.run("systemctl", "restart", AGENT)

        def heard(words: str = words) -> bool:
            lines = host.messages(AGENT, "--lines=20")
            return any("agent.broker.unreachable" in line and words in line for line in lines)

        host.until(heard, deadline_s=30, what=words)
        told += ["agent.broker.unreachable", words]
        host.write(path, kept, host.run("stat", "--format=%a", path).strip())
    host.run("systemctl", "restart", AGENT)
    operator.until_delivered(2)


def test_a_drill_pages(operator: Operator) -> None:
    operator.follow("Try it before you need it", only="sed")
    alert = operator.open_alert()
    assert (alert["class"], alert["severity"]) == ("loss", "page")
    operator.host.until(
        lambda: operator.ask("incidents")["incidents"], deadline_s=OPENED_S, what="an incident opens"
    )
    said = operator.follow("Try it before you need it")
    assert "ingest-loss-1" in said


def damaged(operator: Operator) -> None:
    """The aggregator dies, and its store is no store any more."""
    operator.host.run("systemctl", "stop", AGGREGATOR)
    operator.host.run("dd", "if=/dev/urandom", f"of={STORE}", "bs=64K", "count=4")


def test_an_sqlite_store_is_restored_from_its_backup(operator: Operator, told: list[str]) -> None:
    operator.follow("Backup and restore", only="VACUUM INTO")
    newest = max(operator.ask("rates")["groups"][0]["slots"])
    before = operator.memory(newest - 5)
    damaged(operator)
    operator.host.run("systemctl", "start", AGGREGATOR, check=False)
    assert "file is not a database" in "\n".join(operator.host.messages(AGGREGATOR, "--lines=20"))
    told.append("file is not a database")
    operator.follow("Backup and restore", only="install --owner")
    operator.until_delivered(2)
    assert operator.memory(newest - 5) == before


def test_a_store_in_postgresql_is_restored_from_its_backup(operator: Operator) -> None:
    operator.follow("Backup and restore", only="createuser")
    operator.open_alert()
    operator.host.until(
        lambda: operator.ask("incidents")["incidents"], deadline_s=OPENED_S, what="an incident opens"
    )
    operator.until_delivered(2)
    operator.follow("Backup and restore", only="pg_dump")
    newest = max(operator.ask("rates")["groups"][0]["slots"])
    before = operator.memory(newest - 5)
    operator.host.run("systemctl", "stop", AGGREGATOR)
    drop = "DROP SCHEMA public CASCADE"
    operator.host.run("runuser", "-u", "postgres", "--", "psql", "-c", drop, "coalmine")
    operator.follow("Backup and restore", only="pg_restore")
    operator.until_delivered(2)
    assert operator.memory(newest - 5) == before


def test_who_goes_for_good_is_expected_no_more(operator: Operator) -> None:
    operator.follow("Two hundred hosts")
    assert operator.host.show(AGENT, "ActiveState") == "inactive"
    operator.host.until(
        lambda: operator.ask("agents")["by_status"]["retired"] == 1,
        deadline_s=30,
        what="the agent is retired",
    )


def test_every_command_of_the_page_was_run(operator: Operator) -> None:
    assert [block for block in commands(PAGE.read_text()) if block not in operator.done] == []
