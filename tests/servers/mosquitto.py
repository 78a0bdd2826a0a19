"""Mosquitto, as the broker between agents and aggregator: plain or TLS, with passwords."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from coalmine_aggregator.demo.ports import free_port
from tests.servers.process import Process, executable


class ServerCertificate(Protocol):
    """Where a server's certificate and key are."""

    @property
    def chain(self) -> Path: ...

    @property
    def key(self) -> Path: ...


class Mosquitto(Process):
    """A broker on `host`:`port`.

    `passwords` (user -> password) closes it to everybody else; without any it is open. `rights` are the
    lines of an access list; without them all may do everything. With `certificate` it speaks TLS
    alone. `persistent` keeps retained messages over restarts; the default forgets them, which is the
    harder case for those who rely on them.
    """

    def __init__(
        self,
        folder: Path,
        *,
        passwords: Mapping[str, str] | None = None,
        rights: str = "",
        certificate: ServerCertificate | None = None,
        persistent: bool = False,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.host = host
        self.port = port or free_port()
        self.tls = certificate is not None
        self._passwords = dict(passwords or {})
        self._password_file = folder / "passwords"
        folder.mkdir(parents=True, exist_ok=True)
        config = [
            "user root",  # keeps to the user that runs the tests; ignored where that is not root
            f"persistence {'true' if persistent else 'false'}",
            f"persistence_location {folder}/",
            "autosave_interval 1",
            f"listener {self.port} {host}",
            f"allow_anonymous {'false' if passwords else 'true'}",
        ]
        if passwords:
            config.append(f"password_file {self._password_file}")
        if rights:
            path = folder / "rights"
            path.write_text(rights)
            path.chmod(0o600)
            config.append(f"acl_file {path}")
        if certificate:
            config += [f"certfile {certificate.chain}", f"keyfile {certificate.key}"]
        path = folder / "mosquitto.conf"
        path.write_text("\n".join(config) + "\n")
        argv = [executable("mosquitto", "mosquitto"), "-c", str(path)]
        super().__init__(argv, log=folder / "mosquitto.log")

    async def start(self) -> None:
        """Started, and listening."""
        if self._passwords and not self._password_file.exists():
            await self._hash_passwords()
        already = len(self.text())
        await super().start()
        await self.until_logged("running", since=already)

    async def _hash_passwords(self) -> None:
        self._password_file.touch(mode=0o600)
        self._password_file.write_text(
            "".join(f"{user}:{password}\n" for user, password in self._passwords.items())
        )
        hashing = await asyncio.create_subprocess_exec(
            executable("mosquitto_passwd", "mosquitto"), "-U", str(self._password_file)
        )
        if await hashing.wait():
            raise AssertionError("mosquitto_passwd failed")
