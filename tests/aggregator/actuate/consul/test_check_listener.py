"""HTTP checks: a node passes unless its withdrawal is in force."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from coalmine_aggregator.actuate.consul.check_answer import answer
from coalmine_aggregator.actuate.consul.check_listener import CheckListener
from coalmine_aggregator.actuate.consul.settings import ConsulCheckSettings
from coalmine_aggregator.model.withdrawal import Mode, Phase
from coalmine_runtime.settings import loads
from tests.aggregator.actuate.running import until_trouble
from tests.aggregator.actuate.words import withdrawal, word, words
from tests.conftest import Authority, Certificate
from tests.servers.waiting import until


@asynccontextmanager
async def serving(text: str = "127.0.0.1:0") -> AsyncIterator[CheckListener]:
    listener = CheckListener(loads(ConsulCheckSettings, text, {}))
    task = asyncio.create_task(listener.run())

    async def listens() -> bool:
        return bool(listener.port)

    try:
        await until(listens, deadline_s=10.0, what="it listens")
        yield listener
    finally:
        task.cancel()
        await asyncio.wait([task])


async def ask(listener: CheckListener, path: str, method: str = "GET") -> tuple[int, str]:
    async with aiohttp.ClientSession() as http:
        async with http.request(method, f"http://127.0.0.1:{listener.port}{path}") as response:
            return response.status, await response.text()


async def test_what_checks_are_answered() -> None:
    async with serving() as listener:
        assert (await ask(listener, "/check/ingest/web-3"))[0] == 200
        listener.show(words(word("web-3", withdrawal("web-2", Phase.DRAIN))))
        status, text = await ask(listener, "/check/ingest/web-3")
        assert (status, text) == (503, "withdrawn (down) by Coalmine: lost by two vantages\n")
        assert (await ask(listener, "/check/ingest/web-2"))[0] == 429
        assert (await ask(listener, "/check/ingest/web-1")) == (200, "in service\n")
        assert (await ask(listener, "/check/ingest/web-99"))[0] == 200
        assert (await ask(listener, "/check/other/web-3"))[0] == 200
        assert (await ask(listener, "/check/ingest/web-3", "HEAD"))[0] == 503
        assert (await ask(listener, "/chek/ingest/web-3"))[0] == 404
        assert (await ask(listener, "/check/ingest/web-3", "POST"))[0] == 405
        assert listener.standing().out == {"ingest": ("web-3", "web-2")}
        listener.show(words(word("web-3", mode=Mode.DRY_RUN)))
        status, text = await ask(listener, "/check/ingest/web-3")
        assert status == 200
        assert "dry_run; would be withdrawn" in text


async def test_when_nobody_says_more_it_passes_after_the_lease() -> None:
    async with serving() as listener:
        listener.show(words(word("web-3", lease_s=1.0)))
        assert (await ask(listener, "/check/ingest/web-3"))[0] == 503

        async def passes() -> bool:
            return (await ask(listener, "/check/ingest/web-3"))[0] == 200

        await until(passes, deadline_s=10.0, what="its lease has ended")


async def test_clear_passes_everybody() -> None:
    async with serving() as listener:
        listener.show(words(word("web-3")))
        await listener.clear()
        assert (await ask(listener, "/check/ingest/web-3"))[0] == 200


async def test_who_may_not_ask_is_refused() -> None:
    async with serving("listen: 127.0.0.1:0\nallow_from: [10.0.0.0/8]") as listener:
        assert (await ask(listener, "/check/ingest/web-3"))[0] == 403


async def raw(listener: CheckListener, sent: bytes) -> bytes:
    """What comes back until the listener closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    writer.write(sent)
    async with asyncio.timeout(20.0):
        found = await reader.read()
    writer.close()
    return found


async def test_what_makes_no_sense_is_refused() -> None:
    async with serving() as listener:
        assert (await raw(listener, b"\0\0\r\n\r\n")).startswith(b"HTTP/1.1 400")
        assert (await raw(listener, b"GET /" + b"x" * 20_000)).startswith(b"HTTP/1.1 431")
        # A slash that is written otherwise is no part of a path, and such a node is none.
        assert (await ask(listener, "/check/a%2Fb/c"))[0] == 200


async def test_who_asks_nothing_is_cut_off_and_holds_up_nobody() -> None:
    async with serving() as listener:
        silent = [await asyncio.open_connection("127.0.0.1", listener.port) for _ in range(600)]
        assert (await ask(listener, "/check/ingest/web-3"))[0] == 200
        async with asyncio.timeout(20.0):
            assert {await reader.read() for reader, _ in silent} == {b""}
        for _, writer in silent:
            writer.close()


async def test_over_tls(loopback: Certificate, authority: Authority) -> None:
    pair = f"certificate_file: {loopback.chain}, private_key_file: {loopback.key}"
    async with serving(f"listen: 127.0.0.1:0\ncertificate: {{{pair}}}") as listener:
        listener.show(words(word("web-3")))
        async with aiohttp.ClientSession() as http:
            url = f"https://localhost:{listener.port}/check/ingest/web-3"
            async with http.get(url, ssl=authority.client_context()) as response:
                assert response.status == 503


async def test_a_port_that_is_taken_is_trouble_until_it_is_free() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    listener = CheckListener(loads(ConsulCheckSettings, f"127.0.0.1:{port}", {}))
    task = asyncio.create_task(listener.run())
    await until_trouble(listener, "in use")
    assert listener.standing().out is None
    server.close()
    await server.wait_closed()
    await until_trouble(listener, "")
    assert (await ask(listener, "/check/ingest/web-3"))[0] == 200
    task.cancel()
    await asyncio.wait([task])


@pytest.mark.parametrize("mode", [Mode.DRY_RUN, Mode.STOPPED, Mode.STANDBY])
def test_only_an_acting_word_takes_anybody_out(mode: Mode) -> None:
    assert answer(word("web-3", mode=mode), "web-3").status == 200


def test_texts_are_one_bounded_line() -> None:
    text = answer(word(withdrawal(why="a\r\nb" + "c" * 1000)), "web-3").text
    assert "\n" not in text
    assert len(text) < 400
