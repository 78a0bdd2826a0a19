"""One request: sent, bounded in time, and its answer judged by the rules that all receivers share."""

from __future__ import annotations

import ssl
from collections.abc import Collection, Mapping
from typing import NamedTuple

import aiohttp

from coalmine_aggregator.notify.backoff import retry_after_s
from coalmine_aggregator.notify.receiver import RefusedError, TryLaterError
from coalmine_runtime import clock

TIMEOUT_S = 10.0
"""From look-up to answer. A page that takes longer is tried again."""

MAX_ANSWER = 64 * 1024
"""Bytes of an answer that are read; what is longer is cut."""

_TOLD = 2048
_TRY_LATER = frozenset({408, 425, 429})


class Client(NamedTuple):
    """Where requests go out. `tls` is None for the system's trust."""

    session: aiohttp.ClientSession
    tls: ssl.SSLContext | None = None

    async def post(
        self,
        url: str,
        body: bytes,
        *,
        accept: Collection[int],
        headers: Mapping[str, str] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """A POST of JSON, unless `headers` say otherwise; see `request`."""
        await self.request("POST", url, body, accept=accept, headers=headers, timeout_s=timeout_s)

    async def request(
        self,
        method: str,
        url: str,
        body: bytes,
        *,
        accept: Collection[int],
        headers: Mapping[str, str] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> bytes:
        """The answer, its first `MAX_ANSWER` bytes, where its status is one of `accept`. Redirects are
        not followed.

        Raises `TryLaterError` for network trouble, 408, 425, 429 and 5xx; `HttpRefusedError` else.
        """
        try:
            async with self.session.request(
                method,
                url,
                data=body,
                headers={"Content-Type": "application/json", **(headers or {})},
                timeout=aiohttp.ClientTimeout(total=timeout_s),
                allow_redirects=False,
                ssl=True if self.tls is None else self.tls,
            ) as response:
                status = response.status
                asked_s = retry_after_s(response.headers.get("Retry-After"), clock.wall())
                answer = await _beginning(response.content)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise TryLaterError(f"{type(error).__name__}: {error}".rstrip(": ")) from None
        if status in accept:
            return answer
        what = f"{status} {answer[:_TOLD].decode(errors='replace').strip()}".rstrip()
        if status in _TRY_LATER or status >= 500:
            raise TryLaterError(what, asked_s)
        raise HttpRefusedError(status, what)


async def _beginning(content: aiohttp.StreamReader) -> bytes:
    answer = bytearray()
    async for chunk in content.iter_chunked(8192):
        answer += chunk
        if len(answer) >= MAX_ANSWER:
            break
    return bytes(answer[:MAX_ANSWER])


class HttpRefusedError(RefusedError):
    """An answer that will not change."""

    def __init__(self, status: int, what: str) -> None:
        super().__init__(what)
        self.status = status
