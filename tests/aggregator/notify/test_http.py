"""Requests whose answers are none."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from coalmine_aggregator.notify.http import Client
from coalmine_aggregator.notify.receiver import TryLaterError


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
