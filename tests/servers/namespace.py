"""Network namespaces, and links between them whose delay can be set while they carry traffic.

The kernel's netem does the delaying where the kernel has it. Where it has not (many small virtual
machines), the link is a pair of tun devices, and a thread of ours carries each packet over after the
delay: the same packets, the same kernel TCP on both ends, the same timeouts. Both need root, or a
sudo that asks nothing; what runs in a namespace runs as the user who runs the tests.
"""

from __future__ import annotations

import asyncio
import fcntl
import heapq
import itertools
import os
import select
import struct
import subprocess
import threading
from collections.abc import Sequence
from functools import cache

from coalmine_runtime import clock
from tests.servers.process import as_root, executable

_TUNSETIFF = 0x400454CA
_IFF_TUN = 0x0001
_IFF_NO_PI = 0x1000
_QUEUE = 10_000
"""Packets on their way at once; more are dropped, as by netem's own limit."""

_names = itertools.count()


async def ip(*arguments: str, tool: str = "ip", package: str = "iproute2") -> None:
    """Runs `ip`, or another tool, as root. Raises OSError with what it said."""
    process = await asyncio.create_subprocess_exec(
        *as_root(), executable(tool, package), *arguments, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate()
    if process.returncode:
        raise OSError(f"{tool} {' '.join(arguments)}: {errors.decode().strip()}")


def _as_us() -> list[str]:
    if not os.geteuid():
        return []
    ids = (f"--reuid={os.getuid()}", f"--regid={os.getgid()}", "--init-groups")
    return [executable("setpriv", "util-linux"), *ids]


class Namespace:
    """A network of its own on this machine; `async with` it."""

    def __init__(self) -> None:
        self.name = f"coal{os.getpid()}-{next(_names)}"

    async def __aenter__(self) -> Namespace:
        await ip("netns", "add", self.name)
        await self.ip("link", "set", "lo", "up")
        return self

    async def __aexit__(self, *_: object) -> None:
        await ip("netns", "del", self.name)

    async def ip(self, *arguments: str, tool: str = "ip") -> None:
        """Runs `ip` (or `tc`) in it."""
        await ip("-n", self.name, *arguments, tool=tool)

    async def run(self, tool: str, *arguments: str, package: str) -> None:
        """Runs a tool of that Debian package in it, as root."""
        await ip("netns", "exec", self.name, executable(tool, package), *arguments)

    def command(self, argv: Sequence[str]) -> list[str]:
        """The command line that runs `argv` in it, under the same pid."""
        return [*as_root(), executable("ip", "iproute2"), "netns", "exec", self.name, *_as_us(), *argv]


class Link:
    """A cable between this machine's own network (`here`) and a namespace (`there`); `async with` it.

    `number` picks the addresses: 10.213.<number>.1 here, .2 there.
    """

    def __init__(self, namespace: Namespace, number: int) -> None:
        self._namespace = namespace
        self.here = f"10.213.{number}.1"
        self.there = f"10.213.{number}.2"
        stem = f"cm{os.getpid() % 100_000}x{number}"
        self._near, self._far = f"{stem}a", f"{stem}b"
        self._carrier: _Carrier | None = None

    async def __aenter__(self) -> Link:
        try:
            await self._lay()
        except BaseException:
            await self._take_up()
            raise
        return self

    async def _lay(self) -> None:
        if await asyncio.to_thread(has_netem):
            await ip("link", "add", self._near, "type", "veth", "peer", "name", self._far)
        else:
            for device in (self._near, self._far):
                await ip("tuntap", "add", device, "mode", "tun", "user", str(os.getuid()))
            self._carrier = _Carrier(self._near, self._far)
        await ip("link", "set", self._far, "netns", self._namespace.name)
        await ip("addr", "add", self.here, "peer", f"{self.there}/32", "dev", self._near)
        await ip("link", "set", self._near, "up")
        await self._namespace.ip("addr", "add", self.there, "peer", f"{self.here}/32", "dev", self._far)
        await self._namespace.ip("link", "set", self._far, "up")
        if self._carrier:
            self._carrier.start()

    async def __aexit__(self, *_: object) -> None:
        await self._take_up()

    async def _take_up(self) -> None:
        if self._carrier:
            await asyncio.to_thread(self._carrier.close)
        for device in (self._near, self._far):  # the far end goes with its peer, or its namespace
            try:
                await ip("link", "del", device)
            except OSError:
                pass

    async def delay(self, delay_ms: int) -> None:
        """From now on every packet from here to there takes this long; the way back stays quick."""
        if self._carrier:
            self._carrier.delay_s = delay_ms / 1000
            return
        netem = ("root", "netem", "limit", str(_QUEUE), "delay", f"{delay_ms}ms")
        await ip("qdisc", "replace", "dev", self._near, *netem, tool="tc")


class _Carrier:
    """Two tun devices and the thread that carries packets between them."""

    def __init__(self, near: str, far: str) -> None:
        self.delay_s = 0.0
        self.dropped = 0
        self._near = _tun(near)
        try:
            self._far = _tun(far)
        except OSError:
            os.close(self._near)
            raise
        self._wake, self._woken = os.pipe()
        self._thread = threading.Thread(target=self._carry, name=f"link-{near}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        os.close(self._woken)  # the reading end sees the end of file
        if self._thread.is_alive():
            self._thread.join()
        for descriptor in (self._near, self._far, self._wake):
            os.close(descriptor)

    def _carry(self) -> None:
        order = itertools.count()
        under_way: list[tuple[float, int, bytes]] = []
        while True:
            wait = max(0.0, under_way[0][0] - clock.monotonic()) if under_way else None
            ready, _, _ = select.select([self._near, self._far, self._wake], [], [], wait)
            now = clock.monotonic()
            if self._wake in ready:
                return
            if self._far in ready:
                self._write(self._near, os.read(self._far, 65536))
            if self._near in ready:
                packet = os.read(self._near, 65536)
                if len(under_way) < _QUEUE:
                    heapq.heappush(under_way, (now + self.delay_s, next(order), packet))
                else:
                    self.dropped += 1
            while under_way and under_way[0][0] <= now:
                self._write(self._far, heapq.heappop(under_way)[2])

    def _write(self, device: int, packet: bytes) -> None:
        try:
            os.write(device, packet)
        except OSError:  # the device is not up yet, or its queue is full: a cable loses packets too
            self.dropped += 1


def _tun(name: str) -> int:
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI))
    except OSError:
        os.close(device)
        raise
    return device


@cache
def has_netem() -> bool:
    """Whether this kernel has the netem queueing discipline, tried in a namespace of its own."""
    name = f"coal{os.getpid()}-netem"
    iproute, tc = executable("ip", "iproute2"), executable("tc", "iproute2")
    subprocess.run([*as_root(), iproute, "netns", "add", name], check=True)
    try:
        tried = subprocess.run(
            [*as_root(), tc, "-n", name, "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms"],
            capture_output=True,
            check=False,
        )
    finally:
        subprocess.run([*as_root(), iproute, "netns", "del", name], check=True)
    return tried.returncode == 0
