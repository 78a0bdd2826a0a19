"""A PostgreSQL server of this run alone, reached by a socket in its own folder. Blocks."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg

from tests.servers.epilogue import Epilogue

_DEBIAN = Path("/usr/lib/postgresql")
_ACCOUNT = "postgres"
_USER = "coalmine"

_CONFIG = """
listen_addresses = ''
unix_socket_directories = '{folder}'
fsync = off
full_page_writes = off
max_connections = 50
shared_buffers = 32MB
log_line_prefix = '%m %d '
"""


class Postgres:
    """`start`, then `create` as many databases as are needed; `remove` in the end. It refuses to run as
    root, so that account of Debian's is taken there. Whatever kills the tests, it goes with them.

    `within` is where its `folder` is made; all that it writes is in it.
    """

    def __init__(self, within: Path | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="coalmine-pg-", dir=within))
        self._data = self.folder / "data"
        self._numbers = itertools.count(1)
        self._as: list[str] = []
        if os.geteuid() == 0:
            account = pwd.getpwnam(_ACCOUNT)
            os.chown(self.folder, account.pw_uid, account.pw_gid)
            self._as = ["runuser", "-u", _ACCOUNT, "--"]
        stop = [*self._as, _program("pg_ctl"), "-D", str(self._data), "-m", "immediate", "-w", "stop"]
        self._epilogue = Epilogue(["sh", "-c", '"$@"; rm -rf -- "$0"', self.folder, *stop])
        self._run(
            *(_program("initdb"), "-D", self._data, "-U", _USER, "-A", "trust", "-E", "UTF8", "-N"),
            "--wal-segsize=1",
        )
        config = self._data / "postgresql.conf"
        config.write_text(config.read_text() + _CONFIG.format(folder=self.folder))

    def start(self) -> None:
        """Started, and answering."""
        log = self.folder / "server.log"
        self._run(_program("pg_ctl"), "-D", self._data, "-l", log, "-w", "start")

    def stop(self) -> None:
        """Stopped at once, as if it had been killed; connections are cut."""
        self._run(_program("pg_ctl"), "-D", self._data, "-m", "immediate", "-w", "stop")

    def create(self) -> str:
        """The URL of a new database."""
        name = f"t{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return f"postgresql://{_USER}@/{name}?host={self.folder}"

    def drop(self, url: str) -> None:
        """Removes a database, and cuts whoever is connected to it."""
        name = url.rpartition("?")[0].rpartition("/")[2]
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Runs a statement of the caller's own making."""
        address = f"host={self.folder} user={_USER} dbname={database}"
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(statement.encode())

    def remove(self) -> None:
        """Stops it and removes its folder."""
        self._epilogue.close()

    def _run(self, *argv: str | Path) -> None:
        done = subprocess.run(
            [*self._as, *map(str, argv)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=self.folder,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise AssertionError(f"{argv[0]}: {done.stderr.decode(errors='replace')}")


def _program(name: str) -> str:
    """The path of a program of PostgreSQL's, which Debian keeps apart by version."""
    for folder in sorted(_DEBIAN.glob("*/bin"), reverse=True):
        if (folder / name).exists():
            return str(folder / name)
    found = shutil.which(name)
    assert found, f"{name} is missing: install postgresql"
    return found
