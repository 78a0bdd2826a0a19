"""Requests whose answers are none."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from coalmine_aggregator.notify.http import Client
from coalmine_aggregator.notify.receiver import TryLaterError
from tests.servers.hook import Hook


async def test_an_answer_that_is_no_http_does_not_tell_the_url() -> None:
    """Logs, pages and the API have the error; the path of a webhook is what keeps others from it."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"no http\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, aiohttp.ClientSession() as session:
        with pytest.raises(TryLaterError, match=r"^ClientResponseError: Bad status line:?$"):
            await Client(session).post(f"http://127.0.0.1:{port}/s3cret", b"", accept={200})


async def test_an_odd_header_changes_no_answer(hook: Hook, client: Client) -> None:
    """It is read whatever the status: what was taken must not be refused for it."""
    odd = {"Retry-After": "Mon, 01 Jan 2024 00:00:00 +99999999999999999999"}
    hook.answers.extend([(200, odd), (503, odd)])
    await client.post(hook.url, b"", accept={200})
    with pytest.raises(TryLaterError, match=r"^503") as failed:
        await client.post(hook.url, b"", accept={200})
    assert failed.value.after_s is None
