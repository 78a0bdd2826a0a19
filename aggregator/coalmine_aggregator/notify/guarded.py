"""Sessions that reach nothing but their target: what a name resolves to is not to be trusted.

The address itself is looked at, when the socket to it is made: a name that was public when it was
checked, and is private when it is used, gets no further than one that is always private.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence

import aiohttp
from aiohttp.abc import AbstractResolver

from coalmine_aggregator.notify.targets import Target


def guarded(
    target: Target,
    resolver: AbstractResolver | None = None,
    traces: Sequence[aiohttp.TraceConfig] = (),
) -> aiohttp.ClientSession:
    """A session that connects to nothing else; to be closed by the caller. `resolver` looks names up in
    place of the system's; `traces` are told of its requests."""

    def make(info: tuple[int, int, int, str, tuple[object, ...]]) -> socket.socket:
        family, kind, protocol, _, address = info
        refusal = target.refusal(str(address[0]))
        if refusal:
            raise PermissionError(errno.EACCES, refusal)
        return socket.socket(family, kind, protocol)

    connector = aiohttp.TCPConnector(socket_factory=make, resolver=resolver)
    return aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trace_configs=list(traces)
    )
