"""TTL checks of stand-ins for Consul agents."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from coalmine_aggregator.actuate.consul import ttl_output
from coalmine_aggregator.actuate.consul.settings import ConsulSettings
from coalmine_aggregator.actuate.consul.ttl_output import ConsulOutput
from coalmine_aggregator.model.withdrawal import Mode, Phase
from coalmine_runtime.settings import loads
from tests.aggregator.actuate.running import running, until_out, until_trouble
from tests.aggregator.actuate.words import NODES, withdrawal, word
from tests.servers.consul import TOKEN, Check, Consul
from tests.servers.hook import Hook
from tests.servers.waiting import until


@pytest.fixture
async def consul() -> AsyncIterator[Consul]:
    """An agent with a check for each node."""
    async with Consul(*(Check(f"coalmine-ingest-{node}") for node in NODES)) as agent:
        yield agent


def output(url: str, more: str = "") -> ConsulOutput:
    text = f"url: '{url}'\ntoken: {TOKEN}\nevery: 1s\n{more}"
    return ConsulOutput(loads(ConsulSettings, text, {}))


def statuses(consul: Consul) -> dict[str, str]:
    return {key.removeprefix("coalmine-ingest-"): check.status for key, check in consul.checks.items()}


async def until_statuses(consul: Consul, **expected: str) -> None:
    async def so() -> bool:
        found = statuses(consul)
        others = set(found) - {key.replace("_", "-") for key in expected}
        return all(found[key.replace("_", "-")] == value for key, value in expected.items()) and all(
            found[node] == "passing" for node in others
        )

    await until(so, deadline_s=15.0, what=f"{expected}", explain=lambda: repr(statuses(consul)))


async def test_drain_warns_down_fails_and_back_passes(consul: Consul) -> None:
    told = output(consul.url)
    async with running(told, word()) as say:
        await until_statuses(consul)
        say(word(withdrawal("web-3", Phase.DRAIN)))
        await until_statuses(consul, web_3="warning")
        say(word("web-3"))
        await until_statuses(consul, web_3="critical")
        assert consul.checks["coalmine-ingest-web-3"].output.startswith("coalmine: withdrawn (down)")
        await until_out(told, "web-3")
        say(word("web-3", mode=Mode.STOPPED))
        await until_statuses(consul)
        await until_out(told)
    assert not consul.refusals
    assert told.standing().trouble == ""


async def test_a_withdrawal_outlasts_its_ttl_while_we_live(consul: Consul) -> None:
    check = consul.checks["coalmine-ingest-web-3"]
    async with running(output(consul.url), word("web-3")):

        async def often() -> bool:
            return check.history.count("fail") >= 3

        await until(often, deadline_s=20.0, what="it is told again")
    assert consul.checks["coalmine-ingest-web-1"].history == ["pass"]


async def test_in_standby_nothing_is_told(consul: Consul) -> None:
    told = output(consul.url)
    async with running(told, word("web-3", mode=Mode.STANDBY)) as say:
        await asyncio.sleep(0.3)
        assert not any(check.history for check in consul.checks.values())
        say(word("web-3"))
        await until_statuses(consul, web_3="critical")


async def test_a_wrong_token_or_check_is_told_by_name_and_holds_up_no_other(consul: Consul) -> None:
    consul.checks["coalmine-ingest-web-1"].ttl_s = None
    del consul.checks["coalmine-ingest-web-2"]
    told = output(consul.url)
    async with running(told, word("web-3")):
        await until_out(told, "web-3")
        await until_trouble(told, "and 1 more")
        assert sorted(set(consul.refusals)) == [404, 500]
        assert consul.checks["coalmine-ingest-web-4"].status == "passing"
        consul.token = "another"
        await until_trouble(told, "and 2 more")
        assert 403 in consul.refusals
        consul.token = TOKEN
        consul.checks["coalmine-ingest-web-1"].ttl_s = 30.0
        consul.checks["coalmine-ingest-web-2"] = Check("coalmine-ingest-web-2")
        await until_trouble(told, "")
        assert told.standing().trouble == ""


async def test_an_agent_in_trouble_is_tried_again_by_what_is_wanted_then(consul: Consul) -> None:
    consul.mood = 503
    told = output(consul.url)
    async with running(told, word("web-3")) as say:
        await until_trouble(told, "503 moody")
        say(word("web-2"))
        consul.mood = 0
        await until_statuses(consul, web_2="critical")
        await until_trouble(told, "")
    assert consul.checks["coalmine-ingest-web-3"].history == ["pass"]


async def test_an_agent_that_hangs_holds_up_no_other(consul: Consul) -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    told = output(consul.url, f"nodes: {{web-1: 'http://127.0.0.1:{port}'}}")
    async with running(told, word("web-1", "web-3")):
        await until_out(told, "web-3")
        await until_trouble(told, str(port))
    server.close()


class Hanging:
    """Agents that take what they are told and never answer, one for each path."""

    def __init__(self, *nodes: str) -> None:
        self.nodes = nodes
        self.held: dict[str, int] = {}
        self.seen: dict[str, int] = {}
        self.most = 0

    async def __aenter__(self) -> Hanging:
        self._server = await asyncio.start_server(self._hang, "127.0.0.1", 0, backlog=1024)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    @property
    def settings(self) -> str:
        """The agents of `nodes`."""
        port = self._server.sockets[0].getsockname()[1]
        agents = (f"{node}: 'http://127.0.0.1:{port}/{node}'" for node in self.nodes)
        return f"nodes: {{{', '.join(agents)}}}"

    async def until_held(self, *nodes: str, visit: int) -> None:
        """Until each of these waits for an answer, and that for the so manieth time."""

        async def so() -> bool:
            return set(self.held) == set(nodes) and all(self.seen[node] >= visit for node in nodes)

        await until(so, deadline_s=30.0, what=f"{nodes} wait", explain=lambda: repr(self.seen))

    async def until_many_held(self, count: int) -> None:
        """Until so many wait for an answer at once."""

        async def so() -> bool:
            return sum(self.held.values()) >= count

        await until(so, deadline_s=30.0, what=f"{count} wait", explain=lambda: repr(self.most))

    async def _hang(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        node = ""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            node = (await reader.readuntil(b" HTTP/1.1\r\n")).split(b"/")[1].decode()
            self.seen[node] = self.seen.get(node, 0) + 1
            self.held[node] = self.held.get(node, 0) + 1
            self.most = max(self.most, sum(self.held.values()))
            await reader.read()
        if node:
            self.held[node] -= 1
            if not self.held[node]:
                del self.held[node]
        writer.close()


def some(count: int) -> tuple[str, ...]:
    """Nodes that no other test has."""
    return tuple(f"dead-{index}" for index in range(count))


async def test_more_that_hang_than_there_are_turns_hold_up_no_other(
    consul: Consul, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ttl_output, "PARALLEL", 4)
    monkeypatch.setattr(ttl_output, "PARALLEL_SLOW", 3)
    monkeypatch.setattr(ttl_output, "QUICK_S", 1.0)
    monkeypatch.setattr(ttl_output, "TIMEOUT_S", 600.0)
    async with Hanging(*some(12)) as hanging:
        told = output(consul.url, hanging.settings)
        nodes = (*NODES, *hanging.nodes)
        async with running(told, word(nodes=nodes)) as say:
            await until_trouble(told, "(and 11 more)")
            await hanging.until_many_held(3)
            # Nine more wait for the turns that these three hold for good.
            say(word("web-3", nodes=nodes))
            await until_statuses(consul, web_3="critical")
            say(word("web-2", nodes=nodes))
            await until_statuses(consul, web_2="critical")
            assert sum(hanging.held.values()) == 3
            assert hanging.most <= 7


async def test_one_that_answers_again_has_the_turns_of_those_that_answer(
    consul: Consul, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ttl_output, "PARALLEL_SLOW", 2)
    monkeypatch.setattr(ttl_output, "QUICK_S", 1.0)
    monkeypatch.setattr(ttl_output, "TIMEOUT_S", 600.0)
    consul.mood = 503
    async with Hanging("dead-0", "dead-1") as hanging:
        told = output(consul.url, hanging.settings)
        async with running(told, word(nodes=(*NODES, "dead-0"))) as say:
            await until_trouble(told, "503 moody")
            await hanging.until_held("dead-0", visit=2)
            consul.mood = 0
            await until_statuses(consul)  # by the other of the two turns
            nodes = (*NODES, "dead-0", "dead-1")
            say(word(nodes=nodes))
            await hanging.until_held("dead-0", "dead-1", visit=2)
            say(word("web-3", nodes=nodes))
            await until_statuses(consul, web_3="critical")


async def test_a_zone_that_hangs_is_asked_by_more_than_a_hundred_at_a_time(
    consul: Consul, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ttl_output, "QUICK_S", 600.0)  # nobody gives a turn back
    async with Hanging(*some(ttl_output.PARALLEL - 1)) as hanging:
        told = output(consul.url, hanging.settings)
        async with running(told, word("web-3", nodes=(*hanging.nodes, *NODES))):
            await hanging.until_many_held(ttl_output.PARALLEL - 1)
            await until_statuses(consul, web_3="critical")


async def test_clear_reaches_who_answers_behind_those_that_hang(
    consul: Consul, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ttl_output, "PARALLEL", 4)
    monkeypatch.setattr(ttl_output, "TIMEOUT_S", 2.0)
    consul.checks["coalmine-ingest-web-3"].told("fail", "coalmine: withdrawn (down) by Coalmine: x")
    async with Hanging(*some(6)) as hanging:
        with pytest.raises(OSError, match="dead-5: TimeoutError"):
            await output(consul.url, hanging.settings).clear()
        assert hanging.most <= 4
    assert consul.checks["coalmine-ingest-web-3"].status == "passing"


async def test_clear_passes_ours_and_nobody_elses(consul: Consul) -> None:
    for check in consul.checks.values():
        check.told("fail", "coalmine: withdrawn (down) by Coalmine: x")
    foreign = consul.checks["disk"] = Check("disk")
    foreign.told("fail", "full")
    await output(consul.url).clear()
    assert {statuses(consul)[node] for node in NODES} == {"passing"}
    assert foreign.history == ["fail"]


async def test_clear_says_why_it_could_not(consul: Consul) -> None:
    consul.mood = 503
    with pytest.raises(OSError, match="503 moody"):
        await output(consul.url).clear()
    with pytest.raises(ValueError, match="list them under nodes"):
        await output("https://{node}:8501").clear()


async def test_clear_refuses_checks_that_are_none() -> None:
    async with Hook(status=200) as hook:
        for hook.body in (b"<html>", b'{"x":{"y":' + b"[" * 100_000):
            with pytest.raises(OSError, match=f"http://127.0.0.1:{hook.port}: "):
                await output(f"http://127.0.0.1:{hook.port}").clear()
