"""The role `coalmine` run by ansible-playbook against a booted Debian."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

from release.source import REPOSITORY
from tests.deploy.tools import tool
from tests.prove.booted_debian import BootedDebian

ANSIBLE = REPOSITORY / "deploy" / "ansible"
_PLUGINS = Path(__file__).parent / "ansible" / "connection_plugins"
_DEADLINE_S = 400.0


@dataclasses.dataclass(frozen=True)
class Played:
    """What became of a run: the tasks and handlers that changed something, or failed, in order."""

    status: int
    changed: list[str]
    failed: list[str]
    said: str


class Playbook:
    """A play of one role for one host, whose variables are given anew each time."""

    def __init__(self, host: BootedDebian, folder: Path) -> None:
        self._host = host
        self._folder = folder
        folder.mkdir()
        play = {"hosts": "all", "gather_facts": False, "force_handlers": True, "roles": ["coalmine"]}
        (folder / "play.yml").write_text(json.dumps([play]))

    def run(self, variables: dict[str, Any], *options: str) -> Played:
        """Runs it. A status that is not 0 is the caller's to judge."""
        connection = {
            "ansible_connection": "booted",
            "booted_entering": json.dumps(self._host.entering),
            "ansible_python_interpreter": "/usr/bin/python3",
        }
        inventory = {"all": {"hosts": {"first": {**connection, **variables}}}}
        (self._folder / "inventory.json").write_text(json.dumps(inventory))
        env = {
            "ANSIBLE_CONNECTION_PLUGINS": str(_PLUGINS),
            "ANSIBLE_ROLES_PATH": str(ANSIBLE / "roles"),
            "ANSIBLE_HOME": str(self._folder / "home"),
            "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_LOCALHOST_WARNING": "0",
            "LC_ALL": "C.UTF-8",
        }
        done = subprocess.run(
            [tool("ansible-playbook"), "-i", "inventory.json", "play.yml", *options],
            cwd=self._folder,
            env={**os.environ, **env},
            capture_output=True,
            text=True,
            timeout=_DEADLINE_S,
            check=False,
        )
        said = done.stdout + done.stderr
        assert "PLAY RECAP" in said, said
        failed = _tasks(said, ("fatal: ", "failed: "))
        return Played(done.returncode, _tasks(said, ("changed: ",)), failed, said)


def _tasks(said: str, outcome: tuple[str, ...]) -> list[str]:
    """Those under whose heading a line begins so."""
    task = ""
    found: list[str] = []
    for line in said.splitlines():
        if heading := re.match(r"(?:TASK|RUNNING HANDLER) \[(?:coalmine : )?(.*)\] \*", line):
            task = heading[1]
        elif line.startswith(outcome) and task not in found[-1:]:
            found.append(task)
    return found
