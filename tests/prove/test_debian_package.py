"""The Debian package on a booted Debian without a network: from its installation to its purge.

The tests build on each other, as the days of a host do: what one leaves the next one finds.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from release.source import REPOSITORY
from tests.prove import installed
from tests.prove.booted_debian import BootedDebian, booted_debian
from tests.prove.built import built_release
from tests.prove.installed import AGENT, AGGREGATOR, SERVICES, STATUS_PAGE, until_delivered
from tests.prove.stalls import stretched

pytestmark = [pytest.mark.prove, pytest.mark.timeout(900)]

NEW = "/root/new.deb"
OLD = "/root/old.deb"
FIRST_DATAPOINT_S = 60.0
PACKAGES = "/usr/lib/coalmine/lib/python3.11/site-packages"

AGGREGATOR_CONFIG = """
services:
  ingest: {acceptable_loss: 0.1%}
receive: {tcp: "127.0.0.1:2003"}
store: sqlite:////var/lib/coalmine/history.db
"""

AGENT_CONFIG = """
agent: {location: on-machine, region: eu-west-1, zone: eu-west-1a, host: first}
broker: {url: "mqtt://127.0.0.1:1883"}
services:
  ingest: {tcp: "127.0.0.1:2003"}
"""

STATUS_PAGE_CONFIG = """
store: sqlite:////var/lib/coalmine/history.db
page: {name: Example}
components:
  - {id: ingest, name: Ingestion, service: ingest}
"""

LEFT = r"""
find / -xdev \( -path /root -o -path /tmp \) -prune -o -iname '*coalmine*' -print
grep -rs --exclude='*-' coalmine /etc /var/lib/systemd /var/lib/dpkg/status /var/lib/dpkg/info
"""


def version_before(package: Path, folder: Path) -> Path:
    """A package of an earlier version: it has a module that the new one has no more."""
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run(["dpkg-deb", "--raw-extract", str(package), str(folder)], check=True)
    control = folder / "DEBIAN" / "control"
    control.write_text(
        re.sub(r"^Version: .*$", "Version: 0.0.9+deb12", control.read_text(), flags=re.M)
    )
    modules = folder / PACKAGES.lstrip("/")
    version = modules / "coalmine_runtime" / "version.py"
    version.write_text(re.sub(r'VERSION = ".*"', 'VERSION = "0.0.9"', version.read_text()))
    (modules / "coalmine_runtime" / "given_up.py").write_text('"""Gone in the next version."""\n')
    sums = "find usr lib -type f -print0 | xargs -0 md5sum >DEBIAN/md5sums"
    subprocess.run(["sh", "-c", sums], cwd=folder, check=True)
    made = folder.with_suffix(".deb")
    build = ["dpkg-deb", "--root-owner-group", "-Znone", "--build", str(folder), str(made)]
    subprocess.run(build, check=True, capture_output=True)
    return made


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BootedDebian]:
    """A system with the two packages beside it, and neither installed."""
    folder = tmp_path_factory.mktemp("booted")
    (package,) = built_release().glob("*.deb")
    with booted_debian(folder) as debian:
        debian.give(package, NEW)
        debian.give(version_before(package, folder / "before"), OLD)
        yield debian


def dpkg(host: BootedDebian, *arguments: str) -> str:
    return host.run("env", "DEBIAN_FRONTEND=noninteractive", "dpkg", *arguments, deadline_s=300)


def pid(host: BootedDebian, unit: str) -> str:
    return host.show(unit, "MainPID")


def test_it_installs_without_a_network_and_starts_nothing(host: BootedDebian) -> None:
    began = time.perf_counter()
    dpkg(host, "--install", OLD)
    print(f"installed in {time.perf_counter() - began:.1f} s")
    assert host.run("coalmine", "--version") == "coalmine, version 0.0.9\n"
    assert host.run("ls", "-A", "/etc/coalmine") == ""
    for unit in SERVICES:
        assert host.show(unit, "ActiveState") == "inactive"
        assert host.show(unit, "ConditionResult") == "no"
        assert host.show(unit, "UnitFileState") == "enabled"
        host.run("systemd-analyze", "verify", unit)
    assert host.run("dpkg", "--verify", "coalmine") == ""


def test_its_services_start_once_they_are_configured(host: BootedDebian) -> None:
    host.run("systemctl", "stop", *SERVICES)  # another go starts what the first one did
    began = time.perf_counter()
    installed.configure(host, AGGREGATOR, AGGREGATOR_CONFIG)
    installed.configure(host, AGENT, AGENT_CONFIG)
    installed.configure(host, STATUS_PAGE, STATUS_PAGE_CONFIG)
    host.run("systemctl", "start", *SERVICES)
    until_delivered(host, 1)
    took_s = time.perf_counter() - began
    print(f"datapoints {took_s:.1f} s after the configuration")
    assert took_s <= stretched(FIRST_DATAPOINT_S)
    assert host.run("readlink", "-f", f"/proc/{pid(host, AGENT)}/exe") == "/usr/bin/python3.11\n"
    for unit in SERVICES:
        host.run("systemd-analyze", "security", "--no-pager", "--threshold=15", unit)


def test_all_that_they_import_is_compiled(host: BootedDebian) -> None:
    """Services may not write there, so what is not compiled is compiled at each start."""
    sources = int(host.run("sh", "-c", f"find {PACKAGES} -name '*.py' | wc -l"))
    compiled = int(host.run("sh", "-c", f"find {PACKAGES} -name '*.cpython-311.pyc' | wc -l"))
    assert compiled >= sources - 5
    assert host.succeeds("test", "-s", f"{PACKAGES}/coalmine_agent/__pycache__/app.cpython-311.pyc")


def test_the_script_does_not_install_beside_it(host: BootedDebian) -> None:
    host.give(REPOSITORY / "deploy" / "install" / "install.sh", "/root/install.sh")
    for verb in ("install --role agent", "upgrade", "remove --purge"):
        said = host.fails("bash", "/root/install.sh", *verb.split())
        assert said == (
            "install.sh: Coalmine is installed here as a Debian package: "
            "apt installs, upgrades and removes it"
        )
    assert not host.succeeds("test", "-e", "/opt/coalmine")
    host.run("rm", "/root/install.sh")


def test_an_upgrade_keeps_what_is_configured_and_restarts_what_runs(host: BootedDebian) -> None:
    host.run("systemctl", "disable", "--now", STATUS_PAGE)
    files = (
        "stat",
        "--format=%n %U %G %a %Y",
        "/etc/coalmine/agent.yaml",
        "/etc/coalmine/aggregator.yaml",
    )
    before = {unit: pid(host, unit) for unit in (AGENT, AGGREGATOR)}
    kept = host.run(*files)
    dpkg(host, "--install", NEW)
    assert host.run("coalmine", "--version") != "coalmine, version 0.0.9\n"
    assert host.run(*files) == kept
    for unit, old in before.items():
        assert host.show(unit, "ActiveState") == "active"
        assert pid(host, unit) != old
        assert host.show(unit, "NRestarts") == "0"
    until_delivered(host, 1)
    assert host.show(STATUS_PAGE, "ActiveState") == "inactive"
    assert host.show(STATUS_PAGE, "UnitFileState") == "disabled"
    given_up = host.run("find", PACKAGES, "-name", "given_up*")
    assert given_up == ""


def test_a_package_of_a_version_before_can_be_put_back(host: BootedDebian) -> None:
    dpkg(host, "--install", OLD)
    assert host.run("coalmine", "--version") == "coalmine, version 0.0.9\n"
    until_delivered(host, 1)
    dpkg(host, "--install", NEW)
    until_delivered(host, 1)


def test_a_configuration_with_a_mistake_does_not_fail_the_upgrade(host: BootedDebian) -> None:
    installed.configure(host, AGENT, "agent: {}\n")
    dpkg(host, "--install", NEW)
    assert "install ok installed" in host.run("dpkg", "--status", "coalmine")
    message = host.messages(AGENT, "--identifier=coalmine-agent", "--lines=1")[0]
    assert message.startswith("/etc/coalmine/agent.yaml")
    installed.configure(host, AGENT, AGENT_CONFIG)
    host.run("systemctl", "stop", AGENT)
    host.run("systemctl", "reset-failed", AGENT, check=False)
    host.run("systemctl", "start", AGENT)
    until_delivered(host, 1)


def test_after_a_removal_configuration_and_data_are_there_and_nothing_runs(host: BootedDebian) -> None:
    dpkg(host, "--remove", "coalmine")
    assert host.run("ls", "/etc/coalmine").split() == [
        "agent.yaml",
        "aggregator.yaml",
        "status-page.yaml",
    ]
    host.run("test", "-s", "/var/lib/coalmine/history.db")
    assert not host.succeeds("test", "-e", "/usr/lib/coalmine")
    assert not host.succeeds("pgrep", "-f", "coalmine")
    for unit in SERVICES:
        assert not host.succeeds("systemctl", "start", unit)


def test_installed_again_it_goes_on_with_them(host: BootedDebian) -> None:
    dpkg(host, "--install", NEW)
    until_delivered(host, 1)
    assert host.show(STATUS_PAGE, "UnitFileState") == "disabled"


def test_a_purge_leaves_nothing(host: BootedDebian) -> None:
    host.write("/etc/credstore/coalmine.api-key", "secret\n", "600")
    host.write("/etc/credstore/another", "not ours\n", "600")
    installed.drop_in(host, AGENT, "memory", "[Service]\nMemoryMax=200M\n")
    dpkg(host, "--purge", "coalmine")
    left = host.run("sh", "-c", LEFT, check=False).splitlines()
    assert left == []
    host.run("rm", "/etc/credstore/another")  # fails where it is gone too
    for user in ("coalmine-agent", "coalmine-aggregator", "coalmine-status"):
        assert not host.succeeds("id", user)
    host.run("systemctl", "is-system-running")


def test_installed_anew_it_is_as_on_the_first_day(host: BootedDebian) -> None:
    dpkg(host, "--install", NEW)
    for unit in SERVICES:
        assert host.show(unit, "ConditionResult") == "no"
        assert host.show(unit, "UnitFileState") == "enabled"
    installed.configure(host, AGGREGATOR, AGGREGATOR_CONFIG)
    installed.configure(host, AGENT, AGENT_CONFIG)
    host.reboot()
    until_delivered(host, 1)
    assert [
        each["agent"]
        for each in json.loads(installed.get(host, "http://127.0.0.1:8080/api/v1/agents"))["agents"]
    ] == ["first"]


def test_it_does_not_install_beside_an_installation_by_the_script(host: BootedDebian) -> None:
    dpkg(host, "--purge", "coalmine")
    assert not host.succeeds("test", "-e", "/etc/credstore")
    host.run("mkdir", "--parents", "/opt/coalmine/0.1.0", "/etc/coalmine")
    host.run("ln", "-s", "0.1.0", "/opt/coalmine/current")
    said = host.fails("dpkg", "--install", NEW)
    assert "Coalmine was installed on this host by install.sh" in said
    assert not host.succeeds("test", "-e", "/usr/lib/coalmine")
    host.run("test", "-d", "/etc/coalmine")
