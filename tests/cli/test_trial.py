"""`coalmine alerts test`: a real page to a real receiver, each step told, no secret among them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.cli.running import Done, run

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLjOs"


class Endpoint:
    """Takes webhooks, or answers with another status."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.status = 204

    async def take(self, request: web.Request) -> web.Response:
        self.taken.append(json.loads(await request.read()))
        return web.Response(status=self.status)


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    made = Endpoint()
    app = web.Application()
    app.router.add_post("/hidden-path", made.take)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    made.url = str(server.make_url("/hidden-path"))  # type: ignore[attr-defined]
    yield made
    await server.close()


def config(folder: Path, endpoint: Endpoint) -> Path:
    file = folder / "aggregator.yaml"
    file.write_text(
        json.dumps(
            {
                "services": {"ingest": {}},
                "receive": {"tcp": "127.0.0.1:2003"},
                "store": f"sqlite:///{folder}/history.db",
                "notify": [
                    {"webhook": {"url": endpoint.url, "secret": SECRET}},  # type: ignore[attr-defined]
                    {
                        "mail": {
                            "server": "localhost:9",
                            "from": "a@example.com",
                            "security": "none",
                        }
                    },
                ],
                "paging": {
                    "routes": [{"to": ["webhook", {"receiver": "mail", "to": "anna"}]}],
                    "people": {"anna": {"mail": "anna@example.com"}},
                },
            }
        )
    )
    return file


async def trial(receiver: str, *words: str) -> Done:
    return await run("alerts", "test", receiver, *words)


async def test_a_page_and_its_end_are_told_step_by_step(tmp_path: Path, endpoint: Endpoint) -> None:
    done = await trial("webhook", "--config", str(config(tmp_path, endpoint)))
    assert (done.code, done.err) == (0, "")
    steps = [line.strip().split("  ")[1] for line in done.out.splitlines()[:-1]]
    assert [step.strip() for step in steps][:4] == ["configuration", "dedup key", "page", "connect"]
    assert "204" in done.out
    assert done.out.endswith("Taken, and resolved.\n")
    assert "hidden-path" not in done.out
    assert SECRET[6:] not in done.out
    opened, closed = endpoint.taken
    assert "TEST" in json.dumps(opened)
    assert "TEST" in json.dumps(closed)
    assert opened != closed


async def test_what_is_not_taken_says_why(tmp_path: Path, endpoint: Endpoint) -> None:
    endpoint.status = 503
    file = str(config(tmp_path, endpoint))
    done = await trial("webhook", "--config", file)
    assert done.code == 1
    assert "503" in done.out
    assert "would be tried again" in done.out
    assert len(endpoint.taken) == 1
    down = await trial("mail", "--to", "anna", "--config", file)
    assert down.code == 1
    assert "anna, by their mail" in down.out


async def test_what_is_asked_wrongly_says_what_there_is(tmp_path: Path, endpoint: Endpoint) -> None:
    file = str(config(tmp_path, endpoint))
    for words, told in (
        (("pager",), "there are: webhook, mail"),
        (("mail",), "--to one of anna"),
        (("webhook", "--to", "anna"), "leave --to away"),
    ):
        done = await trial(*words, "--config", file)
        assert (done.code, told in done.err) == (2, True), done
    assert endpoint.taken == []
