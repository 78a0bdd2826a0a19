"""How Ansible reaches a system of `tests.prove.booted_debian`, which has no network: by its namespaces.

Everything else is as over SSH: a module is copied there and run there.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from ansible.errors import AnsibleError
from ansible.plugins.connection import ConnectionBase

DOCUMENTATION = """
name: booted
short_description: run in the namespaces of a booted system
description: [Runs what Ansible runs with a command in front of it.]
author: The Coalmine authors
options:
  entering:
    description: The command that stands in front, as a JSON list.
    required: true
    type: str
    vars: [{name: booted_entering}]
"""


class Connection(ConnectionBase):
    """A connection that is no more than a command in front of others."""

    transport = "booted"
    has_pipelining = True

    def _connect(self) -> Connection:
        self._connected = True
        return self

    def exec_command(
        self, cmd: str, in_data: bytes | None = None, sudoable: bool = True
    ) -> tuple[int, bytes, bytes]:
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        return self._run("sh", "-c", cmd, given=in_data or b"")

    def put_file(self, in_path: str, out_path: str) -> None:
        super().put_file(in_path, out_path)
        self._done("sh", "-c", 'cat >"$1"', "sh", out_path, given=Path(in_path).read_bytes())

    def fetch_file(self, in_path: str, out_path: str) -> None:
        super().fetch_file(in_path, out_path)
        Path(out_path).write_bytes(self._done("cat", in_path))

    def close(self) -> None:
        self._connected = False

    def _run(self, *argv: str, given: bytes = b"") -> tuple[int, bytes, bytes]:
        entering = json.loads(self.get_option("entering"))
        done = subprocess.run([*entering, *argv], input=given, capture_output=True, check=False)
        return done.returncode, done.stdout, done.stderr

    def _done(self, *argv: str, given: bytes = b"") -> bytes:
        status, output, errors = self._run(*argv, given=given)
        if status:
            raise AnsibleError(f"{' '.join(argv)}: status {status}: {errors.decode()}")
        return output
