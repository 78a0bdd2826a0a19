"""schemathesis asks everything that the API's description allows, and some that it does not.

Invariant: no answer is a fault of ours, and every answer is as described. A real site stands behind it:
an engine, its store and a reader of it.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any
from urllib.request import urlopen

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck
from schemathesis import Case, checks

from coalmine_aggregator.web.entrance import CSRF_HEADER
from coalmine_aggregator.web.openapi import document
from tests.aggregator.web.kept_site import kept_site

EXAMPLES = 12
"""Of each operation; there are some twenty."""

# The stream that never ends is tested where it is read.
SCHEMA = schemathesis.openapi.from_dict(document("0")).exclude(path="/api/v1/live")


class _Served:
    """A site on a loop and a thread of its own: schemathesis asks from this one."""

    def __init__(self, store: str) -> None:
        self.url = ""
        self._store = store
        self._stands = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._end = asyncio.Event()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._serve()))

    def start(self) -> None:
        self._thread.start()
        assert self._stands.wait(60)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()
        self._loop.close()

    async def _serve(self) -> None:
        async with kept_site(self._store) as site:
            site.view.run(90)
            site.view.run(30, lost="udp")
            site.view.run(60)
            await site.view.written()
            self.url = str(site.server.make_url(""))
            self._stands.set()
            await self._end.wait()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the site."""
    site = _Served(f"sqlite:///{tmp_path_factory.mktemp('schema')}/h.db")
    site.start()
    yield site.url
    site.stop()


@pytest.fixture(scope="module")
def csrf(served: str) -> str:
    """What a request must send along that changes something."""
    with urlopen(f"{served}/api/v1/me") as response:
        found: str = json.load(response)["csrf"]
        return found


@SCHEMA.parametrize()
@hypothesis.settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_as_described(case: Case[Any], served: str, csrf: str) -> None:
    headers = {CSRF_HEADER: csrf}
    response = case.call(base_url=served, headers=headers, timeout=30)
    case.validate_response(
        response,
        checks=[
            checks.not_a_server_error,
            checks.response_schema_conformance,
            checks.status_code_conformance,
            checks.content_type_conformance,
        ],
    )
