"""`coalmine agent check`, `once`, `retire`, and starts that fail: output and exit code."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from coalmine_aggregator.broker import EmbeddedBroker, Listener
from coalmine_aggregator.demo.ports import free_port
from coalmine_runtime.mqtt import BrokerSettings, BrokerUrl, Message, connect
from coalmine_runtime.quantities import Address
from coalmine_runtime.secret import Secret
from coalmine_wire.reports import Life, decode_birth, decode_state
from tests.agent.ear import listening
from tests.agent.service import AgentService, configuration
from tests.conftest import Authority
from tests.servers.mosquitto import Mosquitto
from tests.servers.process import Process


async def coalmine(folder: Path, *words: str) -> tuple[int, str]:
    """Runs a subcommand of `coalmine agent` on the folder's agent.yaml; exit code and output."""
    argv = [sys.executable, "-m", "coalmine_cli.main", "agent", *words, "agent.yaml"]
    process = Process(argv, log=folder / "output", cwd=folder)
    await process.start()
    code = await process.wait(20)
    return code, process.text()


def write(folder: Path, config: dict[str, object]) -> None:
    (folder / "agent.yaml").write_text(yaml.safe_dump(config))


@contextlib.asynccontextmanager
async def lines(authority: Authority | None = None) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A plaintext server, over TLS if an authority is given: its port and what it took."""
    taken: list[bytes] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.append(await reader.read())
        writer.close()

    context = authority.server_context("localhost", "127.0.0.1") if authority else None
    server = await asyncio.start_server(take, "127.0.0.1", 0, ssl=context)
    yield server.sockets[0].getsockname()[1], taken
    server.close()
    await server.wait_closed()


async def test_check_says_what_is_configured(tmp_path: Path) -> None:
    write(tmp_path, configuration(1883))
    assert await coalmine(tmp_path, "check") == (
        0,
        "agent.yaml: fine: agent a1, 1 service, 1 endpoint\n",
    )


@pytest.mark.timed
async def test_once_sends_one_datapoint_to_each_endpoint(tmp_path: Path, authority: Authority) -> None:
    async with lines() as (port, taken), lines(authority) as (tls_port, tls_taken):
        endpoints = {
            "tcp": f"127.0.0.1:{port}",
            "tls": {"address": f"127.0.0.1:{tls_port}", "ca_file": str(authority.ca_file)},
        }
        write(tmp_path, configuration(1883, services={"s": endpoints}))
        code, output = await coalmine(tmp_path, "once")
        assert code == 0, output
        assert [line.split()[1] for line in taken] == [b"1"]
        assert [line.split()[1] for line in tls_taken] == [b"1"]
        heading, *rows, sum_ = output.splitlines()
        steps = ["RESOLVE", "CONNECT", "TLS", "SEND", "RESPONSE", "TOTAL"]
        assert heading.split() == ["SERVICE", "ENDPOINT", "ADDRESS", "VERDICT", *steps, "ERROR"]
        assert [row.split()[:4] for row in rows] == [
            ["s", "tcp", f"127.0.0.1:{port}", "sent"],
            ["s", "tls", f"127.0.0.1:{tls_port}", "sent"],
        ]
        assert "days]" in rows[1]  # how long the certificate is still good
        assert sum_ == "2 of 2 sent; times in ms"


@pytest.mark.timed
async def test_once_fails_where_an_endpoint_does(tmp_path: Path) -> None:
    write(tmp_path, configuration(1883, services={"s": {"tcp": f"127.0.0.1:{free_port()}"}}))
    code, output = await coalmine(tmp_path, "once")
    assert code == 1
    assert "failed" in output
    assert "in connect: " in output
    assert "refused" in output


async def test_retire_publishes_a_retained_state_under_the_last_boot(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path / "mosquitto")
    await broker.start()
    agent = AgentService(tmp_path, configuration(broker.port))
    async with listening(broker.port) as ear:
        await agent.start()
        await ear.until(lambda e: e.births)
        await agent.stop()
        code, output = await coalmine(tmp_path, "retire", "--reason", "host sold")
        assert (code, output) == (0, "agent.yaml: agent a1 of fleet test is retired\n")
        await ear.until(lambda e: e.states[-1].life is Life.RETIRED)
        assert ear.states[-1].boot == ear.births[0].boot
        assert ear.states[-1].reason == "host sold"
        async with listening(broker.port) as later:
            await later.until(lambda e: e.states)
            assert later.states[0].life is Life.RETIRED
    await broker.stop()


async def test_retire_needs_no_right_to_read(tmp_path: Path) -> None:
    broker = EmbeddedBroker(Listener(address=Address("127.0.0.1", 0), password="pw"))
    await broker.start()
    reader = BrokerSettings(
        url=BrokerUrl.parse(broker.own_url),
        username=broker.own_user,
        password=Secret(broker.own_password),
    )
    section = {"url": f"mqtt://127.0.0.1:{broker.port}", "fleet": "test", "password": "pw"}
    write(tmp_path, configuration(0, broker=section))
    async with connect(reader, "ear") as connection:
        await connection.subscribe("coalmine/v1/test/#")
        assert (await coalmine(tmp_path, "retire"))[0] == 0
        heard = connection.messages()
        birth = decode_birth(await payload(heard))
        state = decode_state(await payload(heard))
        await heard.aclose()
    assert birth.endpoints == []
    assert (state.life, state.boot) == (Life.RETIRED, birth.boot)
    await broker.stop()


async def payload(messages: AsyncIterator[Message]) -> bytes:
    """Of the next message."""
    async with asyncio.timeout(5):
        found = (await anext(messages)).payload
    assert isinstance(found, bytes)
    return found


async def test_retire_says_where_no_broker_is(tmp_path: Path) -> None:
    port = free_port()
    write(tmp_path, configuration(port))
    code, output = await coalmine(tmp_path, "retire")
    assert code == 2
    assert output.startswith(f"agent.yaml: broker mqtt://127.0.0.1:{port}: ")
    assert len(output.splitlines()) == 1


async def test_a_port_in_use_ends_the_start_with_one_line(tmp_path: Path) -> None:
    async with lines() as (port, _):
        write(tmp_path, configuration(1883, metrics=f"127.0.0.1:{port}"))
        code, output = await coalmine(tmp_path, "run")
    assert (code, output) == (2, f"metrics.listen: 127.0.0.1:{port}: Address already in use\n")


async def test_a_state_folder_that_cannot_be_used_ends_the_start_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "spool").write_text("no folder")
    agent = {"location": "external", "region": "r", "zone": "z", "state_dir": "state"}
    write(tmp_path, configuration(1883, agent=agent))
    code, output = await coalmine(tmp_path, "run")
    assert (code, output) == (2, "agent.state_dir: state/spool: File exists\n")
