"""A small network between this machine's own and namespaces: a bridge with a cable to each.

Needs root, or a sudo that asks nothing; what runs in a namespace runs as the user who runs the tests.
"""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from types import TracebackType

from tests.servers.namespace import Namespace, ip

FIRST = 11
"""The last part of the first member's address."""


class Member:
    """One machine at the bridge, in a namespace of its own."""

    def __init__(self, namespace: Namespace, address: str) -> None:
        self.namespace = namespace
        self.address = address

    async def drop(self, protocol: str, *ports: int) -> None:
        """From now on what comes for these ports is dropped without a word, also from itself."""
        await self._rules("-A", protocol, *ports)

    async def take(self, protocol: str, *ports: int) -> None:
        """Ends a `drop` of the same ports."""
        await self._rules("-D", protocol, *ports)

    async def _rules(self, act: str, protocol: str, *ports: int) -> None:
        for port in ports:
            rule = ("INPUT", "-p", protocol, "--dport", str(port), "-j", "DROP")
            await self.namespace.run("iptables", "-w", act, *rule, package="iptables")


class Bridge:
    """`async with` it, one at a time in a process. `here` is this machine's address on it, 10.214.x.1
    with an x by process, so that tests beside each other have networks of their own; members from .11
    on."""

    def __init__(self) -> None:
        self._net = f"10.214.{os.getpid() % 251}"
        self.here = f"{self._net}.1"
        self.network = f"{self._net}.0/24"
        self.members: list[Member] = []
        self._device = f"cmb{os.getpid()}"
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Bridge:
        try:
            await ip("link", "add", self._device, "type", "bridge")
            self._stack.push_async_callback(ip, "link", "del", self._device)
            await ip("addr", "add", f"{self.here}/24", "dev", self._device)
            await ip("link", "set", self._device, "up")
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def join(self) -> Member:
        """One more machine."""
        number = FIRST + len(self.members)
        namespace = await self._stack.enter_async_context(Namespace())
        near = f"cm{os.getpid()}p{number}"
        peer = ("peer", "name", "eth0", "netns", namespace.name)
        await ip("link", "add", near, "type", "veth", *peer)
        # The kernel lets it go with its namespace only when it finds time to.
        self._stack.push_async_callback(ip, "link", "del", near)
        await ip("link", "set", near, "master", self._device, "up")
        member = Member(namespace, f"{self._net}.{number}")
        await namespace.ip("addr", "add", f"{member.address}/24", "dev", "eth0")
        await namespace.ip("link", "set", "eth0", "up")
        self.members.append(member)
        return member
