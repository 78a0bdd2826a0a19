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
"""Bytes of an answer that are read where nothing else is said; what is longer is cut."""

_TOLD = 2048
_TRY_LATER = frozenset({408, 425, 429})


class Client(NamedTuple):
    """Where requests go out. `tls` is None for the system's trust. A session that is `owned` is used by
    nobody else."""

    session: aiohttp.ClientSession
    tls: ssl.SSLContext | None = None
    owned: bool = False

    async def close(self) -> None:
        """Closes a session that is its own."""
        if self.owned:
            await self.session.close()

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
        most: int = MAX_ANSWER,
    ) -> bytes:
        """The answer, its first `most` bytes, where its status is one of `accept`. Redirects are not
        followed.

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
                asked_s = _asked_s(response.headers)
                answer = await _beginning(response.content, most)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise TryLaterError(f"{type(error).__name__}: {_why(error)}".rstrip(": ")) from None
        if status in accept:
            return answer
        what = f"{status} {answer[:_TOLD].decode(errors='replace').strip()}".rstrip()
        if status in _TRY_LATER or status >= 500:
            raise TryLaterError(what, asked_s)
        raise HttpRefusedError(status, what)


def _why(error: Exception) -> str:
    """In its own words, without the URL: the path of one is often all the secret there is."""
    if isinstance(error, aiohttp.ClientResponseError):
        return error.message.partition("\n")[0]
    return "" if isinstance(error, aiohttp.InvalidURL) else str(error)


def _asked_s(headers: Mapping[str, str]) -> float | None:
    """How long to wait, where the answer says so: as HTTP has it, or as Opsgenie has it."""
    asked = headers.get("Retry-After") or headers.get("X-RateLimit-Period-In-Sec")
    return retry_after_s(asked, clock.wall())


async def _beginning(content: aiohttp.StreamReader, most: int) -> bytes:
    answer = bytearray()
    async for chunk in content.iter_chunked(8192):
        answer += chunk
        if len(answer) >= most:
            break
    return bytes(answer[:most])


class HttpRefusedError(RefusedError):
    """An answer that will not change."""

    def __init__(self, status: int, what: str) -> None:
        super().__init__(what)
        self.status = status
