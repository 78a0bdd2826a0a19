"""Coalmine as an installation leaves it on a booted Debian: version, units, users, files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from coalmine_runtime import clock
from release.source import REPOSITORY
from tests.prove.booted_debian import BootedDebian

SYSTEMD = REPOSITORY / "deploy" / "systemd"
WHEELS = "/opt/wheels"
COALMINE = "/opt/coalmine/current/bin/coalmine"
AGENT = "coalmine-agent.service"
AGGREGATOR = "coalmine-aggregator.service"
STATUS_PAGE = "coalmine-status-page.service"
SERVICES = (AGENT, AGGREGATOR, STATUS_PAGE)
PASSWORD = "coalmine.mqtt-password"
"""The name of a credential."""

_INSTALL = f"""
set -eu
python3 -m venv "/opt/coalmine/$1"
"/opt/coalmine/$1/bin/pip" install --quiet --disable-pip-version-check --no-index \
  --find-links={WHEELS} --find-links=/root 'coalmine[aggregator]'
ln -sfn "$1" /opt/coalmine/current
systemd-sysusers coalmine.conf
systemd-tmpfiles --create coalmine.conf
systemctl daemon-reload
"""

READ = """
import sys, urllib.request
with urllib.request.urlopen(sys.argv[1], timeout=10) as answer:
    sys.stdout.write(answer.read().decode())
"""


def install(debian: BootedDebian, wheel: Path, version: str) -> None:
    """Puts everything into place and starts nothing. The wheels of what it needs are in `WHEELS`."""
    debian.give(wheel, f"/root/{wheel.name}")
    for unit in SYSTEMD.glob("*.service"):
        debian.give(unit, f"/usr/lib/systemd/system/{unit.name}")
    debian.give(SYSTEMD / "coalmine.sysusers", "/usr/lib/sysusers.d/coalmine.conf")
    debian.give(SYSTEMD / "coalmine.tmpfiles", "/usr/lib/tmpfiles.d/coalmine.conf")
    debian.run("sh", "-c", _INSTALL, "sh", version, deadline_s=300)


def configure(debian: BootedDebian, unit: str, text: str) -> None:
    """Writes a service's configuration, which it alone can read."""
    name = unit.removeprefix("coalmine-").removesuffix(".service")
    debian.write(f"/etc/coalmine/{name}.yaml", text)
    debian.run("systemd-tmpfiles", "--create", "coalmine.conf")


def drop_in(debian: BootedDebian, unit: str, name: str, text: str) -> None:
    """Puts a drop-in into place and tells systemd."""
    debian.write(f"/etc/systemd/system/{unit}.d/{name}.conf", text)
    debian.run("systemctl", "daemon-reload")


def get(debian: BootedDebian, url: str) -> str:
    """What a listener in there answers."""
    return debian.run("python3", "-c", READ, url)


def schema(debian: BootedDebian) -> str:
    """That of the aggregator's store."""
    read = (
        "import sqlite3; print(sqlite3.connect('file:/var/lib/coalmine/history.db?mode=ro', uri=True)"
        ".execute('select version_num from alembic_version').fetchone()[0])"
    )
    return debian.run("python3", "-c", read).strip()


def rates(debian: BootedDebian) -> list[dict[str, int]]:
    """The newest settled seconds, oldest first: `slot`, `expected`, `received`."""
    answer = json.loads(get(debian, "http://127.0.0.1:8080/api/v1/rates"))
    return [
        {"slot": slot, "expected": expected, "received": received}
        for group in answer["groups"]
        for slot, expected, received in zip(
            group["slots"], group["expected"], group["received"], strict=True
        )
    ]


def agents(debian: BootedDebian) -> dict[str, Any]:
    """The agents that the aggregator knows, by id."""
    answer = json.loads(get(debian, "http://127.0.0.1:8080/api/v1/agents"))
    return {agent["agent"]: agent for agent in answer["agents"]}


def until_delivered(debian: BootedDebian, endpoints: int, seconds: int = 3) -> None:
    """Waits until the newest so many settled seconds have all datapoints of that many endpoints, the
    last of them from now on: what was so before a restart says nothing of who runs now."""
    begun = clock.wall()

    def delivered() -> bool:
        newest = rates(debian)[-seconds:]
        whole = [each for each in newest if each["expected"] == each["received"] == endpoints]
        return len(whole) == seconds and newest[-1]["slot"] >= begun

    debian.until(delivered, deadline_s=60, what=f"{endpoints} datapoints in each of {seconds} seconds")
