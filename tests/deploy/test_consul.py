"""What is shipped for Consul's checks, run by the shell that runs it on a node."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from coalmine_aggregator.actuate.consul.check_answer import CheckAnswer, answer
from coalmine_aggregator.actuate.consul.updates import Told
from coalmine_aggregator.model.withdrawal import Phase, Wanted
from tests.aggregator.actuate.words import withdrawal, word, words
from tests.deploy.dashboard import DEPLOY
from tests.servers.consul import TOKEN, Check, Consul
from tests.servers.process import Process
from tests.servers.waiting import until, within

SCRIPTS = DEPLOY / "consul"


async def check(*arguments: str) -> tuple[int, str]:
    """Status and words of the script check."""
    process = await asyncio.create_subprocess_exec(
        SCRIPTS / "coalmine-check", *arguments, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await within(process.communicate(), 30)
    assert process.returncode is not None
    return process.returncode, out.decode().strip()


@asynccontextmanager
async def answering(status: int, text: str) -> AsyncIterator[str]:
    """Something that answers every check so."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = f"{text}\n".encode()
        head = f"HTTP/1.1 {status} x\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


def told(wanted: Wanted | None) -> CheckAnswer:
    """What an aggregator answers of web-3."""
    return answer(wanted, "web-3")


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (told(word()), 0),
        (told(word("web-3")), 2),
        (told(word(withdrawal("web-3", Phase.DRAIN))), 1),
        (told(None), 0),
        (CheckAnswer(503, "upstream connect error"), 0),
        (CheckAnswer(429, "slow down"), 0),
        (CheckAnswer(200, "withdrawn (down)"), 0),
        (CheckAnswer(403, "not from there"), 0),
    ],
)
async def test_only_the_aggregators_own_words_take_a_node_out(said: CheckAnswer, status: int) -> None:
    async with answering(said.status, said.text) as url:
        code, text = await check("ingest", "web-3", url)
    assert code == status
    if status:
        assert text == said.text


async def test_without_an_answer_it_passes() -> None:
    assert await check("ingest", "web-3", "http://127.0.0.1:1") == (
        0,
        "in service: no aggregator answers",
    )
    assert (await check("ingest"))[0] == 0


async def test_of_a_pair_one_that_says_so_is_enough() -> None:
    out, well = told(word("web-3")), told(word())
    async with answering(*out) as first, answering(*well) as second:
        for urls in ((first, second), (second, first), ("http://127.0.0.1:1", first)):
            assert (await check("ingest", "web-3", *urls))[0] == 2


@asynccontextmanager
async def keeping(consul: Consul, folder: Path, every: str = "1") -> AsyncIterator[Process]:
    """The keeper of web-3's check."""
    token = folder / "token"
    token.write_text(f"{TOKEN}\n")
    argv = [str(SCRIPTS / "coalmine-keeper"), "coalmine-ingest-web-3", every]
    env = {"CONSUL_HTTP_ADDR": consul.url, "CONSUL_HTTP_TOKEN_FILE": str(token)}
    process = Process(argv, log=folder / "keeper.log", env=env)
    await process.start()
    try:
        yield process
    finally:
        await process.kill()


def note(wanted: Wanted) -> tuple[str, str]:
    """What the aggregator tells the check of web-3."""
    due = Told(5.0, keep_passing=False).due(words(wanted), 0.0)
    update = next(each for each in due if each.node == "web-3")
    return update.verb, update.note


async def until_status(check: Check, status: str) -> None:
    async def so() -> bool:
        return check.status == status

    await until(so, deadline_s=20.0, what=status, explain=lambda: repr(check))


async def test_the_keeper_passes_a_check_but_while_a_withdrawal_holds(tmp_path: Path) -> None:
    kept = Check("coalmine-ingest-web-3", ttl_s=6.0)
    async with Consul(kept) as consul, keeping(consul, tmp_path) as keeper:
        await until_status(kept, "passing")
        said = note(word(withdrawal("web-3", why='"Output":"x" \\"y')))
        kept.told(*said)
        await asyncio.sleep(1.2)  # it may have been about to pass it
        kept.told(*said)
        began = len(kept.history)
        await asyncio.sleep(2.5)  # the keeper has looked twice
        assert kept.history[began:] == []
        assert kept.status == "critical"
        # Nobody says it again: the check runs out, and the keeper passes it.
        await until_status(kept, "passing")
        assert kept.output == "in service"
        assert keeper.running
        assert consul.refusals == []


async def test_the_keeper_outlives_an_agent_that_is_away(tmp_path: Path) -> None:
    kept = Check("coalmine-ingest-web-3", ttl_s=30.0)
    async with Consul(kept) as consul, keeping(consul, tmp_path) as keeper:
        consul.mood = 500

        async def refused() -> bool:
            return len(consul.refusals) >= 2

        await until(refused, deadline_s=20.0, what="it has asked twice")
        consul.mood = 0
        await until_status(kept, "passing")
        assert keeper.running


async def test_a_name_that_is_none_is_refused(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        SCRIPTS / "coalmine-keeper", 'x" or "" == "', stderr=asyncio.subprocess.PIPE
    )
    _, err = await within(process.communicate(), 30)
    assert process.returncode == 2
    assert b"no name of a check" in err
