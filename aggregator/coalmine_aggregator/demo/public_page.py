"""Looks at the status page the way customers do, and tells what changed there."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

import aiohttp
import msgspec

from coalmine_aggregator.demo import words

_TIMEOUT = aiohttp.ClientTimeout(total=2)
_STYLE = "bold cyan"


class _Update(msgspec.Struct):
    body: str


class _Incident(msgspec.Struct):
    id: str
    name: str
    status: str
    incident_updates: list[_Update]


class _Incidents(msgspec.Struct):
    incidents: list[_Incident]


class PublicPage:
    """The status page below `base`; an asynchronous context manager. `tell` is given lines and their
    style."""

    def __init__(self, base: str, tell: Callable[[str, str], None]) -> None:
        self._base = base
        self._tell = tell
        self._told: dict[str, str] = {}
        self._session = aiohttp.ClientSession(timeout=_TIMEOUT)

    async def __aenter__(self) -> PublicPage:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def look(self) -> None:
        """Tells of incidents that are new, or in another state, since the last look. Nothing, where the
        page does not answer: whoever started it hears of its end."""
        try:
            async with self._session.get(f"{self._base}/api/v2/incidents.json") as response:
                if response.status != 200:
                    return
                found = msgspec.json.decode(await response.read(), type=_Incidents)
        except (aiohttp.ClientError, TimeoutError, msgspec.DecodeError):
            return
        for incident in reversed(found.incidents):
            if self._told.get(incident.id) == incident.status:
                continue
            self._told[incident.id] = incident.status
            body = incident.incident_updates[0].body
            url = f"{self._base}/incidents/{incident.id}/"
            first, *rest = words.public_lines(incident.name, incident.status, body, url)
            self._tell(first, _STYLE)
            for line in rest:
                self._tell(line, "cyan")
