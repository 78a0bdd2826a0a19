"""What an HTTP request goes through, step by step, for whoever tries a receiver out.

Paths, queries, headers and bodies are never told: they hold the secrets of webhooks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aiohttp

Say = Callable[[str, str], None]
"""Is told the name of a step and what it came to, as it happens."""


def tracing(say: Say) -> aiohttp.TraceConfig:
    """Has every request of a session told to `say`."""
    trace = aiohttp.TraceConfig()

    async def resolving(_: Any, __: Any, given: aiohttp.TraceDnsResolveHostStartParams) -> None:
        say("resolve", f"looking up {given.host}")

    async def resolved(_: Any, __: Any, given: aiohttp.TraceDnsResolveHostEndParams) -> None:
        say("resolve", f"{given.host} is known")

    async def connecting(_: Any, __: Any, ___: aiohttp.TraceConnectionCreateStartParams) -> None:
        say("connect", "opening a connection, and TLS where the address is https")

    async def connected(_: Any, __: Any, ___: aiohttp.TraceConnectionCreateEndParams) -> None:
        say("connect", "the connection stands")

    async def reused(_: Any, __: Any, ___: aiohttp.TraceConnectionReuseconnParams) -> None:
        say("connect", "the connection of before is used")

    async def sent(_: Any, __: Any, given: aiohttp.TraceRequestHeadersSentParams) -> None:
        tls = "TLS" if given.url.scheme == "https" else "no TLS"
        say("request", f"{given.method} to {given.url.host}:{given.url.port}, {tls}")

    async def answered(_: Any, __: Any, given: aiohttp.TraceRequestEndParams) -> None:
        say("answer", f"{given.response.status} {given.response.reason or ''}".rstrip())

    trace.on_dns_resolvehost_start.append(resolving)
    trace.on_dns_resolvehost_end.append(resolved)
    trace.on_connection_create_start.append(connecting)
    trace.on_connection_create_end.append(connected)
    trace.on_connection_reuseconn.append(reused)
    trace.on_request_headers_sent.append(sent)
    trace.on_request_end.append(answered)
    return trace
