"""The central agent-check over real connections. Invariant: nobody is answered to be out longer than a
lease after it was decided, and its last words undo what it said."""

from __future__ import annotations

import asyncio

import pytest

from coalmine_aggregator.actuate.haproxy import haproxy_output
from coalmine_aggregator.actuate.haproxy.haproxy_output import HAProxyOutput
from coalmine_aggregator.actuate.haproxy.settings import HAProxySettings
from coalmine_aggregator.demo.ports import free_port
from coalmine_aggregator.model.withdrawal import Mode, Phase
from coalmine_runtime import agent_check_server, clock
from coalmine_runtime.quantities import Address
from coalmine_runtime.settings import SettingError
from tests.aggregator.actuate.running import running, until_out, until_trouble
from tests.aggregator.actuate.words import withdrawal, word, words
from tests.servers.waiting import until

UP, DRAIN, DOWN = b"up 100%\n", b"up 0%\n", b"down #coalmine\n"


@pytest.fixture
def settings() -> HAProxySettings:
    return HAProxySettings(listen=Address("127.0.0.1", free_port()))


async def ask(settings: HAProxySettings, name: bytes) -> bytes:
    async with asyncio.timeout(10):
        while True:
            try:
                reader, writer = await asyncio.open_connection(*settings.listen)
                break
            except ConnectionRefusedError:
                await asyncio.sleep(0.02)
        writer.write(name + b"\n")
        answer = await reader.read()
        writer.close()
    return answer


async def test_it_answers_what_is_wanted(settings: HAProxySettings) -> None:
    output = HAProxyOutput(settings)
    async with running(output, word(withdrawal("web-1", Phase.DRAIN), "web-3")) as say:
        assert await ask(settings, b"ingest/web-1") == DRAIN
        assert await ask(settings, b"ingest/web-3") == DOWN
        assert await ask(settings, b"ingest/web-2") == UP
        assert await ask(settings, b"other/web-3") == await ask(settings, b"web-3") == UP
        await until_out(output, "web-1", "web-3")
        say(word())
        assert await ask(settings, b"ingest/web-3") == UP
        assert await ask(settings, b"ingest/web-1") == UP
        standing = output.standing()
        assert standing.out == {}
        assert standing.confirmed_at is not None
        assert abs(standing.confirmed_at - clock.wall()) < 60


@pytest.mark.parametrize("mode", [Mode.DRY_RUN, Mode.STOPPED])
async def test_where_nobody_acts_all_are_up(settings: HAProxySettings, mode: Mode) -> None:
    output = HAProxyOutput(settings)
    async with running(output, word("web-3")) as say:
        assert await ask(settings, b"ingest/web-3") == DOWN
        say(word("web-3", mode=mode))
        assert await ask(settings, b"ingest/web-3") == UP


async def test_a_lease_ends_where_another_took_over(settings: HAProxySettings) -> None:
    output = HAProxyOutput(settings)
    async with running(output, word("web-3", lease_s=5.0)) as say:
        assert await ask(settings, b"ingest/web-3") == DOWN
        say(word(mode=Mode.STANDBY, lease_s=5.0))
        assert await ask(settings, b"ingest/web-3") == DOWN

        async def ended() -> bool:
            return await ask(settings, b"ingest/web-3") == UP

        await until(ended, deadline_s=15, what="the lease ends")


async def test_its_last_words_undo_what_it_said(
    settings: HAProxySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_check_server, "FAREWELL_S", 0.5)
    output = HAProxyOutput(settings)
    output.show(words(word("web-3")))
    task = asyncio.create_task(output.run())
    assert await ask(settings, b"ingest/web-3") == DOWN
    task.cancel()
    await asyncio.sleep(0.05)
    output.show(words(word("web-3")))  # whoever decides may stop later
    assert await ask(settings, b"ingest/web-3") == UP
    await asyncio.wait([task])
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(*settings.listen)


async def test_a_port_in_use_is_trouble_until_it_is_free(
    settings: HAProxySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(haproxy_output, "RETRY_S", 0.05)
    server = await asyncio.start_server(lambda r, w: w.close(), *settings.listen)
    output = HAProxyOutput(settings)
    async with running(output, word()):
        await until_trouble(output, "Address already in use")
        server.close()
        await server.wait_closed()
        await until_trouble(output, "")
        assert await ask(settings, b"ingest/web-3") == UP


async def test_where_nobody_asks_that_is_trouble(
    settings: HAProxySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(haproxy_output, "SILENT_S", 0.3)
    output = HAProxyOutput(settings)
    async with running(output, word()):
        await until_trouble(output, f"nobody has asked at {settings.listen}")
        assert output.standing().out is None


async def test_cleared_while_it_runs(settings: HAProxySettings) -> None:
    output = HAProxyOutput(settings)
    output.show(words(word("web-3")))
    task = asyncio.create_task(output.run())
    assert await ask(settings, b"ingest/web-3") == DOWN
    await output.clear()
    assert await ask(settings, b"ingest/web-3") == UP
    task.cancel()
    await asyncio.wait([task])


async def test_cleared_in_the_place_of_an_aggregator_that_is_gone(
    settings: HAProxySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(haproxy_output, "CLEAR_S", 0.5)
    clearing = asyncio.create_task(HAProxyOutput(settings).clear())
    assert await ask(settings, b"ingest/web-3") == UP
    await clearing
    with pytest.raises(TimeoutError, match="nobody asked"):
        await HAProxyOutput(settings).clear()
    async with running(HAProxyOutput(settings), word()):
        assert await ask(settings, b"ingest/web-3") == UP
        with pytest.raises(OSError, match="Address already in use"):
            await HAProxyOutput(settings).clear()


def test_beyond_loopback_it_must_be_said_who_may_ask() -> None:
    with pytest.raises(SettingError, match="allow_from"):
        HAProxySettings.parse(":9777")
    assert HAProxySettings.parse("[::1]:9777").listen.loopback
