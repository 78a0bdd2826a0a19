"""Answers HAProxy's agent-checks: somebody connects, may name whom they mean, reads a line, is gone.

What HAProxy was told holds until it is told otherwise. So this remembers to whom it said that a node
gets no work, and before it goes, `farewell` waits for them to ask once more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from coalmine_runtime import clock
from coalmine_runtime.logs import get_logger
from coalmine_runtime.quantities import Address, IPNetwork
from coalmine_runtime.short_connections import ShortConnections
from coalmine_wire.agent_check import MAX_NAME, asked_name, is_down

MAX_CONNECTIONS = 256
"""At a time."""

NAME_S = 0.5
"""How long a connection is waited for to say whom it means."""

END_S = 1.0
"""How long it is waited for to close: closing first, over what it sent, could cost it the answer."""

FAREWELL_S = 3.0
"""How long the last words are said. HAProxy asks every 2 s."""

_OWED_S = 10.0  # who has not asked for so long is not waited for
_MAX_OWED = 4096

_log = get_logger("agent_check")


class AgentCheckServer:
    """`answer` gives the word for a name; it must not block. With `named`, connections are given a
    moment to send the name; otherwise the name is always empty. No `allow_from`: everybody may ask."""

    def __init__(
        self, answer: Callable[[str], str], *, named: bool, allow_from: Sequence[IPNetwork] = ()
    ) -> None:
        self._answer = answer
        self._named = named
        self._connections = ShortConnections(
            "agent_check", self._serve, most=MAX_CONNECTIONS, allow_from=allow_from
        )
        self._owed: dict[tuple[str, str], float] = {}
        self.answered = 0
        self.asked_at = -1e9
        """On the clock `boottime`."""

    async def start(self, address: Address) -> None:
        """Raises OSError where the address cannot be had."""
        await self._connections.start(address, limit=MAX_NAME)
        _log.info("agent_check.listening", address=address)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._connections.port

    @property
    def refused(self) -> int:
        """Connections from elsewhere than `allow_from`."""
        return self._connections.refused

    def told_out(self) -> set[str]:
        """Names of which somebody who asked of late was last told that they get no work."""
        now = clock.boottime()
        return {name for (_, name), at in self._owed.items() if now - at < _OWED_S}

    async def farewell(self) -> None:
        """Lets those who were told that a node gets no work ask once more; nothing where there is
        nobody. `answer` must say by now that all is well."""
        if self.told_out():
            await asyncio.sleep(FAREWELL_S)

    async def close(self) -> None:
        """Stops listening and drops whoever is connected."""
        await self._connections.close()

    async def _serve(
        self, peer: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        name = asked_name(await _line(reader)) if self._named else ""
        word = self._answer(name)
        self._note(peer, name, word)
        writer.write(word.encode("ascii") + b"\n")
        writer.write_eof()
        async with asyncio.timeout(END_S):
            while await reader.read(MAX_NAME):
                pass

    def _note(self, peer: str, name: str, word: str) -> None:
        self.answered += 1
        self.asked_at = clock.boottime()
        self._owed.pop((peer, name), None)
        if is_down(word):
            self._owed[peer, name] = self.asked_at
            if len(self._owed) > _MAX_OWED:
                del self._owed[next(iter(self._owed))]


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        async with asyncio.timeout(NAME_S):
            return await reader.readline()
    except (ValueError, TimeoutError):  # longer than any name, or nothing came
        return b""
