"""etcd, as one member or as a cluster of several."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp

from coalmine_aggregator.demo.ports import free_port
from tests.servers.mosquitto import ServerCertificate
from tests.servers.namespace import Namespace
from tests.servers.process import START_S, Process, executable
from tests.servers.waiting import until

PACKAGE = "etcd-server"


class Etcd(Process):
    """A member on `host`, in `namespace` where one is given.

    `peers` are the addresses of all members by name, itself among them; without any it is alone. With
    `certificate` clients speak TLS to it. Past `quota` bytes it takes no more, where that is given.
    What it knows outlives a `kill` and a `start`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        host: str = "127.0.0.1",
        name: str = "one",
        peers: Mapping[str, str] | None = None,
        namespace: Namespace | None = None,
        certificate: ServerCertificate | None = None,
        quota: int = 0,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        alone = namespace is None
        self.host = host
        self.port, peer_port = (free_port(), free_port()) if alone else (2379, 2380)
        self.url = f"{'https' if certificate else 'http'}://{host}:{self.port}"
        cluster = {name: host} if peers is None else peers
        members = ",".join(f"{each}=http://{address}:{peer_port}" for each, address in cluster.items())
        argv = [
            executable("etcd", PACKAGE),
            f"--name={name}",
            f"--data-dir={folder / 'data'}",
            f"--listen-client-urls={self.url}",
            f"--advertise-client-urls={self.url}",
            f"--listen-peer-urls=http://{host}:{peer_port}",
            f"--initial-advertise-peer-urls=http://{host}:{peer_port}",
            f"--initial-cluster={members}",
            "--auth-token=simple",
            "--unsafe-no-fsync",
            f"--quota-backend-bytes={quota}",
        ]
        if certificate:
            argv += [f"--cert-file={certificate.chain}", f"--key-file={certificate.key}"]
        super().__init__(namespace.command(argv) if namespace else argv, log=folder / "etcd.log")

    async def start(self, *, ready: bool = True) -> None:
        """Started, and able to answer, unless others are waited for first."""
        await super().start()
        if ready:
            await self.until_ready()

    async def until_ready(self) -> None:
        """Until a majority stands behind its answers."""
        await self.until_listening(self.port, self.host)

        async def answers() -> bool:
            answer = await self.call("kv/range", {"key": _base64("ready")})
            return "header" in answer or "user name is empty" in answer["error"]

        await until(answers, deadline_s=START_S, what="etcd answers", explain=self.tail)

    async def call(self, call: str, asked: Mapping[str, Any], token: str = "") -> dict[str, Any]:
        """What the gateway answers, by a client that is none of ours; an error is an answer."""
        headers = {"Authorization": token} if token else {}
        async with aiohttp.ClientSession(headers=headers) as session:
            async with session.post(f"{self.url}/v3/{call}", json=asked, ssl=False) as response:
                answer: dict[str, Any] = await response.json(content_type=None)
        return answer

    async def keys(self, folder: str, token: str = "") -> dict[str, bytes]:
        """All keys that begin with `folder`, and their values."""
        end = folder[:-1] + chr(ord(folder[-1]) + 1)
        answer = await self.call("kv/range", {"key": _base64(folder), "range_end": _base64(end)}, token)
        assert "error" not in answer, answer
        return {
            base64.b64decode(kv["key"]).decode(): base64.b64decode(kv.get("value", ""))
            for kv in answer.get("kvs", [])
        }

    async def put(self, key: str, value: bytes | str, token: str = "") -> dict[str, Any]:
        """Puts a key without a lease."""
        return await self.call("kv/put", {"key": _base64(key), "value": _base64(value)}, token)

    async def compact(self) -> None:
        """Forgets the history of all that was."""
        answer = await self.call("kv/range", {"key": _base64("ready")})
        await self.call("kv/compaction", {"revision": answer["header"]["revision"], "physical": True})

    async def close_to_others(self, users: Sequence[User]) -> None:
        """Turns authentication on. `users` have a role each; `root` is one with the password `root`."""
        for user in users:
            await self._must("auth/user/add", {"name": user.name, "password": user.password})
            await self._must("auth/role/add", {"name": user.name})
            for right, folder in user.rights:
                end = folder[:-1] + chr(ord(folder[-1]) + 1)
                permission = {
                    "permType": right,
                    "key": _base64(folder),
                    "range_end": _base64(end),
                }
                await self._must("auth/role/grant", {"name": user.name, "perm": permission})
            await self._must("auth/user/grant", {"user": user.name, "role": user.name})
        await self._must("auth/user/add", {"name": "root", "password": "root"})
        await self._must("auth/role/add", {"name": "root"})
        await self._must("auth/user/grant", {"user": "root", "role": "root"})
        await self._must("auth/enable", {})

    async def token(self, name: str, password: str) -> str:
        """Of somebody who signs in."""
        answer = await self._must("auth/authenticate", {"name": name, "password": password})
        token: str = answer["token"]
        return token

    async def _must(self, call: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        answer = await self.call(call, asked)
        assert "error" not in answer, (call, asked, answer)
        return answer


class User:
    """Somebody who may do what `rights` say: pairs of READ, WRITE or READWRITE and a folder."""

    def __init__(self, name: str, password: str, *rights: tuple[str, str]) -> None:
        self.name = name
        self.password = password
        self.rights = rights


def _base64(text: bytes | str) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()
