"""A client of etcd's v3 JSON gateway: leases, keys, transactions, watches.

Each call asks the member that answered last; one that does not answer within `TIMEOUT_S`, or cannot
serve, is passed over for the next. A token that etcd no longer knows is got anew, once a call.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Sequence
from http import HTTPStatus
from typing import Any, Final, NamedTuple, TypeVar

import aiohttp
import msgspec

from coalmine_aggregator.actuate.etcd import messages
from coalmine_aggregator.actuate.etcd.etcd_error import EtcdRefusedError, EtcdUnreachableError
from coalmine_aggregator.actuate.etcd.keys import range_end
from coalmine_aggregator.actuate.etcd.messages import KeyValue
from coalmine_aggregator.actuate.etcd.settings import EtcdSettings
from coalmine_runtime.printable import printable
from coalmine_runtime.tls import client_context
from coalmine_wire.bad_json import BAD_JSON

TIMEOUT_S: Final = 2.0
"""One member's time for one answer, and for the connection of a watch."""

MAX_ANSWER: Final = 16 << 20
MAX_KEYS: Final = 20_000
"""So many of a range; where there are more, it is not ours."""

MAX_OPERATIONS: Final = 100
"""In one transaction; etcd's own bound is 128."""

_MAX_TOLD: Final = 300
_LATER: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
_STALE_TOKEN: Final = ("invalid auth token", "revision of auth store is old")

T = TypeVar("T")


class Snapshot(NamedTuple):
    """All keys of a folder as of one revision."""

    revision: int
    kvs: tuple[KeyValue, ...]


class EtcdClient:
    """To be had by `opened`. Every call raises `EtcdUnreachableError` or `EtcdRefusedError`."""

    def __init__(
        self, settings: EtcdSettings, session: aiohttp.ClientSession, tls: ssl.SSLContext | None
    ) -> None:
        self._settings = settings
        self._session = session
        self._tls = tls
        self._at = 0
        self._token = ""

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(cls, settings: EtcdSettings) -> AsyncIterator[EtcdClient]:
        """One with connections of its own."""
        secure = any(each.secure for each in settings.endpoints)
        tls = await asyncio.to_thread(client_context, settings) if secure else None
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            yield cls(settings, session, tls)

    async def grant(self, ttl_s: int) -> int:
        """A new lease that ends so many seconds after it was last kept alive; etcd may make a very
        short one longer."""
        lease = await self._ask("lease/grant", {"TTL": ttl_s}, messages.Lease)
        if not lease.id:
            raise EtcdRefusedError("etcd granted a lease without a number")
        return lease.id

    async def keep_alive(self, lease: int) -> bool:
        """Lets a lease begin again; False where it has ended."""
        kept = await self._ask("lease/keepalive", {"ID": lease}, messages.Kept)
        return kept.result.ttl > 0

    async def read(self, folder: str) -> Snapshot:
        """All keys that begin with `folder`, which ends in a slash. A majority of the cluster stands
        behind the answer: a member that was cut off from it cannot give one."""
        asked = {"key": folder.encode(), "range_end": range_end(folder), "limit": MAX_KEYS}
        answer = await self._ask("kv/range", asked, messages.Range)
        if answer.more:
            raise EtcdRefusedError(f"there are more than {MAX_KEYS} keys in {folder}")
        return Snapshot(answer.header.revision, tuple(answer.kvs))

    async def delete(self, folder: str) -> int:
        """Deletes all keys that begin with `folder`, which ends in a slash; gives how many."""
        asked = {"key": folder.encode(), "range_end": range_end(folder)}
        return (await self._ask("kv/deleterange", asked, messages.Deleted)).deleted

    async def commit(
        self, guards: Sequence[dict[str, Any]], operations: Sequence[dict[str, Any]]
    ) -> bool:
        """Does all operations if all guards hold, at once; else none, and gives False. At most
        `MAX_OPERATIONS` of either."""
        asked = {"compare": guards, "success": operations}
        return (await self._ask("kv/txn", asked, messages.Committed)).succeeded

    @contextlib.asynccontextmanager
    async def watch(self, folder: str, first: int) -> AsyncIterator[AsyncIterator[messages.Watched]]:
        """What changes in a folder from revision `first` on; silence says nothing. The iterator ends
        where the stream does; the last of its news may say why."""
        create = {"key": folder.encode(), "range_end": range_end(folder), "start_revision": first}
        response = await self._send("watch", {"create_request": create}, streams=True)
        try:
            yield _lines(response)
        finally:
            response.close()

    async def _ask(self, call: str, asked: dict[str, Any], answer: type[T]) -> T:
        response = await self._send(call, asked)
        try:
            return msgspec.json.decode(response, type=answer, strict=False)
        except BAD_JSON as error:
            raise EtcdRefusedError(f"etcd's answer to {call} is not understood: {error}") from None

    async def _send(self, call: str, asked: dict[str, Any], *, streams: bool = False) -> Any:
        """The answer's body, or the response that streams it."""
        body = msgspec.json.encode(asked)
        troubles = []
        for _ in self._settings.endpoints:
            try:
                return await self._signed_in(call, body, streams=streams)
            except EtcdUnreachableError as error:
                troubles.append(str(error))
                self._at = (self._at + 1) % len(self._settings.endpoints)
        raise EtcdUnreachableError("; ".join(troubles))

    async def _signed_in(self, call: str, body: bytes, *, streams: bool) -> Any:
        if self._settings.password is None:
            return await self._post(call, body, streams=streams)
        if not self._token:
            await self._sign_in()
        try:
            return await self._post(call, body, streams=streams)
        except EtcdRefusedError as error:
            if not any(each in str(error) for each in _STALE_TOKEN):
                raise
        await self._sign_in()
        return await self._post(call, body, streams=streams)

    async def _sign_in(self) -> None:
        assert self._settings.password is not None
        self._token = ""
        who = {"name": self._settings.username, "password": self._settings.password.reveal()}
        answer: bytes = await self._post("auth/authenticate", msgspec.json.encode(who), streams=False)
        try:
            self._token = msgspec.json.decode(answer, type=messages.Token).token
        except BAD_JSON:  # and no word of what may be a token
            raise EtcdRefusedError("etcd's answer to auth/authenticate is not understood") from None

    async def _post(self, call: str, body: bytes, *, streams: bool) -> Any:
        endpoint = self._settings.endpoints[self._at]
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = self._token
        try:
            async with asyncio.timeout(TIMEOUT_S):
                response = await self._session.post(
                    f"{endpoint}/v3/{call}",
                    data=body,
                    headers=headers,
                    timeout=aiohttp.ClientTimeout(total=None),
                    allow_redirects=False,
                    ssl=True if self._tls is None else self._tls,
                    server_hostname=self._settings.server_name or None if endpoint.secure else None,
                )
                if streams and response.status == HTTPStatus.OK:
                    return response
                async with response:
                    answer = await _bounded(response.content)
        except TimeoutError:
            raise EtcdUnreachableError(f"{endpoint}: no answer within {TIMEOUT_S:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise EtcdUnreachableError(f"{endpoint}: {error or type(error).__name__}") from None
        if response.status == HTTPStatus.OK:
            return answer
        what = f"{endpoint}: {response.status} {_why(answer)}"
        if response.status >= 500 or response.status in _LATER:
            raise EtcdUnreachableError(what)
        raise EtcdRefusedError(what)


async def _bounded(content: aiohttp.StreamReader) -> bytes:
    answer = bytearray()
    async for chunk in content.iter_any():
        answer += chunk
        if len(answer) > MAX_ANSWER:
            raise EtcdRefusedError(f"etcd answered with more than {MAX_ANSWER} bytes")
    return bytes(answer)


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[messages.Watched]:
    rest = bytearray()
    try:
        async for chunk in response.content.iter_any():
            rest += chunk
            *lines, last = rest.split(b"\n")
            for line in lines:
                yield _news(bytes(line))
            rest = bytearray(last)
            if len(rest) > MAX_ANSWER:
                raise EtcdRefusedError(f"a watch told more than {MAX_ANSWER} bytes at once")
    except (aiohttp.ClientError, OSError) as error:
        raise EtcdUnreachableError(f"a watch broke off: {error or type(error).__name__}") from None


def _news(line: bytes) -> messages.Watched:
    try:
        told = msgspec.json.decode(line, type=messages.WatchLine, strict=False)
    except BAD_JSON as error:
        raise EtcdRefusedError(f"a watch told what is not understood: {error}") from None
    if told.result is None:
        raise EtcdRefusedError(f"a watch failed: {printable(str(told.error)[:_MAX_TOLD])}")
    return told.result


def _why(answer: bytes) -> str:
    try:
        refusal = msgspec.json.decode(answer, type=messages.Refusal)
    except BAD_JSON:
        text = answer.decode(errors="replace")
    else:
        text = refusal.error or refusal.message
    return printable(text[:_MAX_TOLD].strip())
