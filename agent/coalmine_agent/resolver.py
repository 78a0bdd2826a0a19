"""Name look-ups that can hang without holding anybody up, over c-ares (/etc/hosts, then DNS).

An answer is fresh for its time to live, within bounds; attempts that need a name at the same time
share one query, and each gives up on its own. When a query fails, or has not answered after
`PATIENCE_S`, the last good addresses serve, and that is said: a log line when it begins and ends, a
count, and the outcome's `error`.

c-ares notices when /etc/resolv.conf is replaced, but not when what it links to is, as NetworkManager
and resolvconf do it: then a new channel takes over here, and the old one ends with its queries.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from coalmine_runtime.clock import monotonic
from coalmine_runtime.logs import get_logger

if TYPE_CHECKING:
    import aiodns
    import pycares

log = get_logger("agent")

PATIENCE_S = 0.3
"""How long an attempt waits for a query while older addresses are at hand."""

FRESH_AT_LEAST_S = 1.0
FRESH_AT_MOST_S = 60.0
QUERY_S = 0.5
"""c-ares waits this long for the first try of a query; later ones wait longer."""
TRIES = 3
GIVE_UP_S = 5.0
"""A query without an answer is dropped then, and the next attempt asks anew."""

MAX_NAMES = 10_000
"""Names that are remembered; past that, those that nobody asked for the longest time go."""


RESOLV_CONF = Path("/etc/resolv.conf")


class ResolveError(Exception):
    """No addresses for a name; says why."""


class Addresses(NamedTuple):
    """What a name stands for: (family, literal address) in the order of RFC 6724, at least one.

    `stale` says why these are the last good ones and not an answer of now; empty where they are fresh.
    """

    found: tuple[tuple[int, str], ...]
    stale: str = ""


Done = Callable[["Addresses | ResolveError"], None]
"""Called once with the answer, from the loop's thread, unless the look-up was given up before."""


class _Name:
    """One name and family: what is known of it, and who waits for it."""

    __slots__ = ("failing", "found", "fresh_until", "query", "since", "waiters")

    def __init__(self) -> None:
        self.found: tuple[tuple[int, str], ...] = ()
        self.fresh_until = 0.0
        self.query: asyncio.Task[None] | None = None
        self.since = 0.0
        self.waiters: dict[Done, asyncio.TimerHandle | None] = {}
        self.failing = ""


class Resolver:
    """Used on one running loop; c-ares is loaded when the first name is asked for.

    `nameservers` ("address" or "address:port") replace those of the system, which c-ares reads; a new
    version of `resolv_conf` has it read them anew.
    """

    def __init__(
        self,
        nameservers: Sequence[str] = (),
        *,
        fresh_at_least_s: float = FRESH_AT_LEAST_S,
        resolv_conf: Path = RESOLV_CONF,
    ) -> None:
        self._nameservers = list(nameservers)
        self._fresh_at_least_s = fresh_at_least_s
        self._resolv_conf = resolv_conf
        self._channel: aiodns.DNSResolver | None = None
        self._opened_by: _Version = None
        self._replaced: dict[asyncio.Task[None], aiodns.DNSResolver] = {}
        self._names: dict[tuple[str, int], _Name] = {}
        self.queries = 0
        self.failures = 0
        self.stale_uses = 0
        """Attempts that were served with the last good addresses."""

    def look_up(self, host: str, family: int, done: Done) -> Callable[[], None] | None:
        """Calls `done` with the addresses of `host`: at once, returning None, where they are fresh.

        Otherwise returns what gives the look-up up, and `done` is called later.
        """
        key = (host, family)
        name = self._names.get(key)
        if name is None:
            name = self._names[key] = _Name()
            self._make_room()
        now = monotonic()
        if now < name.fresh_until:
            done(Addresses(name.found))
            return None
        if name.query is None:
            self._ask(key, name, now)
        waited_s = now - name.since
        if name.found and waited_s >= PATIENCE_S:
            self._serve_stale(key, name, "no answer", done)
            return None
        timer = None
        if name.found:
            loop = asyncio.get_running_loop()
            timer = loop.call_later(PATIENCE_S - waited_s, self._lose_patience, key, name, done)
        name.waiters[done] = timer
        return lambda: self._give_up(name, done)

    async def close(self) -> None:
        """Drops every query; nobody is called any more."""
        for name in self._names.values():
            for done in list(name.waiters):
                self._give_up(name, done)
            if name.query is not None:
                name.query.cancel()
        replaced = dict(self._replaced)
        for task in replaced:
            task.cancel()
        await asyncio.gather(*replaced, return_exceptions=True)
        for old in replaced.values():
            await old.close()
        if self._channel is not None:
            await self._channel.close()
            self._channel = None

    def _ask(self, key: tuple[str, int], name: _Name, now: float) -> None:
        channel = self._channel = self._current_channel()
        self.queries += 1
        name.since = now
        name.query = asyncio.get_running_loop().create_task(self._query(key, name, channel))

    def _current_channel(self) -> aiodns.DNSResolver:
        written, old = _version(self._resolv_conf), self._channel
        if old is not None and written in (self._opened_by, None):  # None: it is being replaced
            return old
        try:
            new = self._open()
        except Exception as error:
            if old is None:
                raise
            log.warning("agent.resolve.reopen_failed", error=error)  # descriptors, most likely
            return old
        self._opened_by = written
        if old is not None:
            task = asyncio.get_running_loop().create_task(_close_later(old))
            self._replaced[task] = old
            task.add_done_callback(self._replaced.pop)
        return new

    def _open(self) -> aiodns.DNSResolver:
        import aiodns  # c-ares is loaded only where there are names

        return aiodns.DNSResolver(self._nameservers or None, timeout=QUERY_S, tries=TRIES)

    async def _query(self, key: tuple[str, int], name: _Name, channel: aiodns.DNSResolver) -> None:
        import aiodns

        host, family = key
        answer: Addresses | ResolveError
        ttl_s = 0.0
        try:
            async with asyncio.timeout(GIVE_UP_S):
                result = await channel.getaddrinfo(
                    host, socket.AddressFamily(family), type=socket.SOCK_STREAM
                )
        except aiodns.error.DNSError as error:
            answer = ResolveError(f"{host}: {error.args[-1]}")
        except TimeoutError:
            answer = ResolveError(f"{host}: no answer in {GIVE_UP_S:.0f} s")
        except Exception as error:  # for example a name that is none
            answer = ResolveError(f"{host}: {error}")
        else:
            found, ttl_s = _found(result.nodes)
            answer = Addresses(found) if found else ResolveError(f"{host}: no addresses")
        name.query = None
        if isinstance(answer, Addresses):
            name.found = answer.found
            name.fresh_until = monotonic() + min(max(ttl_s, self._fresh_at_least_s), FRESH_AT_MOST_S)
            if name.failing:
                name.failing = ""
                log.info("agent.resolve.answered", name=host)
        else:
            self.failures += 1
        waiters = dict(name.waiters)
        name.waiters.clear()
        for done, timer in waiters.items():
            if timer is not None:
                timer.cancel()
            if isinstance(answer, ResolveError) and name.found:
                self._serve_stale(key, name, str(answer), done)
            else:
                done(answer)

    def _lose_patience(self, key: tuple[str, int], name: _Name, done: Done) -> None:
        del name.waiters[done]
        self._serve_stale(key, name, "no answer", done)

    def _serve_stale(self, key: tuple[str, int], name: _Name, why: str, done: Done) -> None:
        self.stale_uses += 1
        if not name.failing:
            log.warning("agent.resolve.stale", name=key[0], error=why)
        name.failing = why
        done(Addresses(name.found, why))

    @staticmethod
    def _give_up(name: _Name, done: Done) -> None:
        timer = name.waiters.pop(done, None)
        if timer is not None:
            timer.cancel()

    def _make_room(self) -> None:
        if len(self._names) <= MAX_NAMES:
            return
        for key, name in self._names.items():
            if name.query is None and not name.waiters:
                del self._names[key]
                log.warning("agent.resolve.forgotten", name=key[0], limit=MAX_NAMES)
                return


_Version = tuple[int, int, int] | None


def _version(path: Path) -> _Version:
    """What tells one content of a file from the next; None where there is no such file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


async def _close_later(channel: aiodns.DNSResolver) -> None:
    """Lets the queries under way end."""
    await asyncio.sleep(GIVE_UP_S)
    await channel.close()


def _found(nodes: Sequence[pycares.AddrInfoNode]) -> tuple[tuple[tuple[int, str], ...], float]:
    """The distinct addresses, and how long the answer holds."""
    found: dict[tuple[int, str], None] = {}
    ttl_s = FRESH_AT_MOST_S
    for node in nodes:
        address = node.addr[0]
        text = address.decode("ascii") if isinstance(address, bytes) else str(address)
        found[int(node.family), text] = None
        ttl_s = min(ttl_s, float(node.ttl))
    return tuple(found), ttl_s
