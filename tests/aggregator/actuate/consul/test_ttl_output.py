"""TTL checks of stand-ins for Consul agents."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from coalmine_aggregator.actuate.consul.settings import ConsulSettings
from coalmine_aggregator.actuate.consul.ttl_output import ConsulOutput
from coalmine_aggregator.model.withdrawal import Mode, Phase
from coalmine_runtime.settings import loads
from tests.aggregator.actuate.running import running, until_out, until_trouble
from tests.aggregator.actuate.words import NODES, withdrawal, word
from tests.servers.consul import TOKEN, Check, Consul
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
