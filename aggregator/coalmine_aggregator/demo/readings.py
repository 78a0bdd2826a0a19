"""Reads the aggregator the way anybody would: through its HTTP API."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import TypeVar

import aiohttp
import msgspec

from coalmine_aggregator.web.alert_answers import Alerts
from coalmine_aggregator.web.answers import Rates
from coalmine_aggregator.web.remediation_answers import RemediationAnswer, RemediationLog

_TIMEOUT = aiohttp.ClientTimeout(total=5)
_POLL_S = 0.1

T = TypeVar("T")


class ReadingError(Exception):
    """The aggregator did not answer as it should."""


class Reader:
    """Asks one aggregator; an asynchronous context manager."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._session = aiohttp.ClientSession(timeout=_TIMEOUT)

    async def __aenter__(self) -> Reader:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def ready(self) -> None:
        """Returns once the aggregator says that it is ready."""
        while True:
            try:
                async with self._session.get(f"{self._base}/readyz") as response:
                    if response.status == 200:
                        return
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(_POLL_S)

    async def rates(self, last_s: int) -> Rates:
        """Counts by protocol and region of the last settled seconds. Raises `ReadingError`."""
        return await self._get(f"rates?by=protocol,region&last={last_s}s", Rates)

    async def alerts(self) -> Alerts:
        """The alerts that are open and were lately closed. Raises `ReadingError`."""
        return await self._get("alerts", Alerts)

    async def remediation(self) -> RemediationAnswer:
        """Which nodes are out and how they look. Raises `ReadingError`."""
        return await self._get("remediation", RemediationAnswer)

    async def remediation_log(self) -> RemediationLog:
        """What was done, the newest first. Raises `ReadingError`."""
        return await self._get("remediation/log", RemediationLog)

    async def _get(self, what: str, kind: type[T]) -> T:
        url = f"{self._base}/api/v1/{what}"
        try:
            async with self._session.get(url) as response:
                body = await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ReadingError(f"{url}: {error or 'no answer'}") from None
        if response.status != 200:
            raise ReadingError(f"{url}: {response.status} {body[:200].decode(errors='replace')}")
        try:
            return msgspec.json.decode(body, type=kind)
        except msgspec.DecodeError as error:
            raise ReadingError(f"{url}: {error}") from None
