"""The units, as systemd's own tools judge them. That they work is proved on a booted system."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.servers.process import executable

SYSTEMD = Path(__file__).resolve().parents[2] / "deploy" / "systemd"
SERVICES = ("coalmine-agent", "coalmine-aggregator", "coalmine-status-page")
EXPOSURE = 1.5
EXPOSURE_WITH_LOW_PORTS = 1.6
"""A capability, and with it the host's user namespace."""

PROGRAMS = re.compile(r"(?:^ExecStart(?:Pre)?=|^ExecReload=\+?|^  )(/\S+)", re.MULTILINE)
SANDBOX = re.compile(r"^NoNewPrivileges=.*?(?=^\[Install\])", re.MULTILINE | re.DOTALL)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A system that has the units, what they run, and systemd's own units."""
    units = tmp_path / "etc/systemd/system"
    units.mkdir(parents=True)
    shutil.copytree("/usr/lib/systemd/system", tmp_path / "usr/lib/systemd/system", symlinks=True)
    for unit in SYSTEMD.glob("*.service"):
        shutil.copy(unit, units)
        for program in PROGRAMS.findall(unit.read_text()):
            path = tmp_path / program.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("#!/bin/sh\n")
            path.chmod(0o755)
    return tmp_path


def analyze(verb: str, root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = executable("systemd-analyze", "systemd")
    return subprocess.run(
        [program, verb, f"--root={root}", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def exposure(root: Path, service: str) -> float:
    said = analyze("security", root, "--offline=true", "--no-pager", f"{service}.service")
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said.stdout)
    assert found, said.stdout + said.stderr
    return float(found[1])


def use(root: Path, service: str, drop_in: str) -> None:
    folder = root / f"etc/systemd/system/{service}.service.d"
    folder.mkdir(exist_ok=True)
    shutil.copy(SYSTEMD / "drop-ins" / f"{drop_in}.conf", folder)


def test_systemd_finds_nothing_wrong(root: Path) -> None:
    units = [f"{service}.service" for service in SERVICES]
    instance = "coalmine-revive@coalmine-agent.service.service"
    said = analyze("verify", root, "--man=no", *units, instance)
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("service", "drop_in", "limit"),
    [
        ("coalmine-aggregator", "low-ports", EXPOSURE_WITH_LOW_PORTS),
        ("coalmine-status-page", "low-ports", EXPOSURE_WITH_LOW_PORTS),
        ("coalmine-status-page", "public", EXPOSURE),
    ],
)
def test_systemd_finds_nothing_wrong_with_the_drop_ins(
    root: Path, service: str, drop_in: str, limit: float
) -> None:
    use(root, service, drop_in)
    said = analyze("verify", root, "--man=no", f"{service}.service")
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")
    assert exposure(root, service) <= limit


@pytest.mark.parametrize("service", SERVICES)
def test_little_is_exposed(root: Path, service: str) -> None:
    assert exposure(root, service) <= EXPOSURE


def test_a_low_port_takes_one_capability_and_no_more(root: Path) -> None:
    use(root, "coalmine-aggregator", "low-ports")
    said = analyze("security", root, "--offline=true", "--json=short", "coalmine-aggregator.service")
    granted = [
        each["name"]
        for each in json.loads(said.stdout)
        if each["name"].startswith("CapabilityBoundingSet") and not each["set"]
    ]
    assert granted == ["CapabilityBoundingSet=~CAP_NET_(BIND_SERVICE|BROADCAST|RAW)"]


def test_the_sandbox_is_the_same_but_for_what_a_service_needs() -> None:
    lines = {
        service: set(SANDBOX.findall((SYSTEMD / f"{service}.service").read_text())[0].splitlines())
        for service in SERVICES
    }
    assert lines["coalmine-agent"] == lines["coalmine-status-page"]
    needed = {line for line in lines["coalmine-aggregator"] if not line.startswith("#")}
    assert needed - lines["coalmine-agent"] == {"SystemCallFilter=setpriority"}
    assert lines["coalmine-agent"] - needed == {"ProcSubset=pid"}


def test_users_and_groups(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    program = executable("systemd-sysusers", "systemd")
    subprocess.run(
        [program, f"--root={tmp_path}", str(SYSTEMD / "coalmine.sysusers")],
        check=True,
        capture_output=True,
        timeout=60,
    )
    passwd = [line.split(":") for line in (tmp_path / "etc/passwd").read_text().splitlines()]
    assert {user[0] for user in passwd} == {
        "coalmine-agent",
        "coalmine-aggregator",
        "coalmine-status",
    }
    assert all(user[-1].endswith("/nologin") for user in passwd)
    groups = {
        line.split(":")[0]: line.split(":")[-1]
        for line in (tmp_path / "etc/group").read_text().splitlines()
    }
    assert groups["coalmine-store"] == "coalmine-aggregator,coalmine-status"
