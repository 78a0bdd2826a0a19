"""The two requests that are made of the API server."""

from __future__ import annotations

from urllib.parse import quote, urlencode

import msgspec

from coalmine_aggregator.actuate.kubernetes.pod import Pod, read_page
from coalmine_aggregator.actuate.kubernetes.settings import KubernetesSettings, PodSettings
from coalmine_aggregator.notify.http import Client, HttpRefusedError
from coalmine_aggregator.notify.receiver import TryLaterError
from coalmine_wire.bad_json import BAD_JSON

TIMEOUT_S = 5.0

PAGE = 100
"""Pods that are asked for at a time."""

MAX_PAGES = 50
MAX_PAGE = 8 << 20
"""Bytes of one page."""

_PATCH = "application/strategic-merge-patch+json"
_GONE = frozenset({404, 409})


class Api:
    """Of one namespace. Raises `TryLaterError` and `RefusedError` as `Client` does, and OSError where
    the token cannot be read."""

    def __init__(self, settings: KubernetesSettings, client: Client) -> None:
        self._settings = settings
        self._client = client
        namespace = quote(settings.namespace, safe="")
        self._pods = f"{settings.url.text.rstrip('/')}/api/v1/namespaces/{namespace}/pods"

    async def pods(self, chosen: PodSettings) -> list[Pod]:
        """All that the selector finds. Raises ValueError for an answer that makes no sense."""
        pods: list[Pod] = []
        rest = ""
        for _ in range(MAX_PAGES):
            query = {"labelSelector": chosen.selector, "limit": str(PAGE)}
            if rest:
                query["continue"] = rest
            body = await self._request("GET", f"{self._pods}?{urlencode(query)}", b"", "")
            if len(body) >= MAX_PAGE:
                raise ValueError(f"the API's list of pods is longer than {MAX_PAGE} bytes a page")
            page = read_page(body, self._settings.condition, chosen.node)
            pods += page.pods
            rest = page.rest
            if not rest:
                return pods
        raise ValueError(f'"{chosen.selector}" finds more than {MAX_PAGES * PAGE} pods')

    async def patch(self, pod: Pod, body: bytes) -> bool:
        """Patches a pod's status; False where that very pod is there no more."""
        query = "fieldManager=coalmine&fieldValidation=Strict"
        url = f"{self._pods}/{quote(pod.name, safe='')}/status?{query}"
        try:
            await self._request("PATCH", url, body, _PATCH)
        except HttpRefusedError as error:
            if error.status in _GONE:
                return False
            raise
        return True

    async def _request(self, method: str, url: str, body: bytes, content_type: str) -> bytes:
        headers = {"Accept": "application/json", **self._authorization()}
        if content_type:
            headers["Content-Type"] = content_type
        try:
            return await self._client.request(
                method,
                url,
                body,
                accept=(200,),
                headers=headers,
                timeout_s=TIMEOUT_S,
                most=MAX_PAGE,
            )
        except HttpRefusedError as error:
            raise HttpRefusedError(error.status, _message(str(error))) from None
        except TryLaterError as error:
            raise TryLaterError(_message(str(error)), error.after_s) from None

    def _authorization(self) -> dict[str, str]:
        """Kubernetes renews the token; the file has the one that is good now."""
        path = self._settings.token_file
        if path is None:
            return {}
        token = path.read_text().strip()
        if not token or not all("!" <= each <= "~" for each in token):
            raise ValueError(f"{path} holds no token")
        return {"Authorization": f"Bearer {token}"}


class _Status(msgspec.Struct):
    message: str = ""


def _message(text: str) -> str:
    """Of an answer's number and body the number and the sentence; all of it where it is no Status."""
    number, _, rest = text.partition(" ")
    try:
        found = msgspec.json.decode(rest, type=_Status).message
    except BAD_JSON:
        return text
    return f"{number} {found}" if found else text
