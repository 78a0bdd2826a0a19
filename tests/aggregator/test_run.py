"""The command itself: what cannot be had is one line and exit code 2; a stop is clean."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from coalmine_aggregator.demo.ports import free_port
from tests.servers.waiting import until


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def config(folder: Path, **changes: Any) -> Path:
    settings: dict[str, Any] = {
        "services": {"ingest": {}},
        "receive": {"tcp": f"127.0.0.1:{free_port()}"},
        "broker": {"listen": f"127.0.0.1:{free_port()}"},
        "web": {"listen": f"127.0.0.1:{free_port()}"},
        "store": f"sqlite:///{folder / 'history.db'}",
    }
    path = folder / "aggregator.yaml"
    path.write_text(yaml.safe_dump(settings | changes))
    return path


async def start(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from coalmine_cli.aggregator import aggregator; aggregator()",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def fails(path: Path) -> str:
    """Standard error of a run that must end by itself, without log lines."""
    process = await start("run", str(path))
    out, err = await process.communicate()
    assert process.returncode == 2, err.decode()
    assert out == b""
    lines = [line for line in err.decode().splitlines() if not line.startswith("20")]
    return "\n".join(lines)


async def test_a_port_in_use_is_one_line(tmp_path: Path, taken: int) -> None:
    where = f"127.0.0.1:{taken}"
    told = await fails(config(tmp_path, receive={"tcp": where}))
    assert told == f"coalmine aggregator: tcp {where}: Address already in use"
    told = await fails(config(tmp_path, broker={"listen": where}))
    assert told == f"coalmine aggregator: broker {where}: Address already in use"
    told = await fails(config(tmp_path, web={"listen": where}))
    assert told == f"coalmine aggregator: web {where}: Address already in use"


async def test_a_store_that_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/nowhere/history.db"
    told = await fails(config(tmp_path, store=url))
    assert told == f"coalmine aggregator: {url}: unable to open database file"


async def test_check_tells_what_is_wrong_and_what_is_fine(tmp_path: Path) -> None:
    process = await start("check", str(config(tmp_path)))
    out, _ = await process.communicate()
    assert process.returncode == 0
    assert "warning: services.ingest: its pages name no owner" in out.decode()
    assert out.decode().endswith("aggregator.yaml: fine: 1 service, 0 receivers of alerts\n")
    process = await start("check", str(config(tmp_path, sotre="x")))
    _, err = await process.communicate()
    assert process.returncode == 2
    assert 'sotre: unknown key; did you mean "store"?' in err.decode()


async def test_a_stop_is_clean(tmp_path: Path) -> None:
    process = await start("run", str(config(tmp_path)))
    assert process.stderr is not None
    seen = b""
    while b"aggregator.started" not in seen:
        line = await process.stderr.readline()
        assert line, seen.decode()
        seen += line
    process.send_signal(signal.SIGTERM)
    _, rest = await process.communicate()
    assert process.returncode == 0, rest.decode()
    assert b"Traceback" not in rest


async def test_with_remediation_it_starts_answers_and_stops_clean(tmp_path: Path) -> None:
    asked, page, scraped = free_port(), free_port(), free_port()
    remediation = {
        "services": ["ingest"],
        "outputs": {
            "haproxy": {"listen": f"127.0.0.1:{asked}"},
            "nodes": {},
            "http_sd": {},
            "consul_check": {"listen": f"127.0.0.1:{free_port()}"},
        },
    }
    path = config(
        tmp_path,
        remediation=remediation,
        web={"listen": f"127.0.0.1:{page}"},
        metrics=f"127.0.0.1:{scraped}",
    )
    (tmp_path / "remediation.stop").write_text("see ticket 12")
    process = await start("run", str(path))
    assert process.stderr is not None
    seen = b""
    while b"aggregator.started" not in seen:
        line = await process.stderr.readline()
        assert line, seen.decode()
        seen += line

    async def in_service() -> bool:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", asked)
        except ConnectionRefusedError:
            return False
        writer.write(b"ingest/web-1\n")
        answer = await reader.readline()
        writer.close()
        return answer.startswith(b"up 100%")

    await until(in_service, deadline_s=20.0, what="HAProxy is answered")
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{scraped}/metrics") as response:
            metrics = await response.text()
        async with session.get(f"http://127.0.0.1:{page}/api/v1/sd/ingest?port=9100") as response:
            assert response.status == 503
    for sample in (
        'coalmine_remediation_known{service="ingest"} 0.0',
        "coalmine_remediation_stopped 1.0",
        "coalmine_remediation_holder 1.0",
        'coalmine_remediation_output_trouble{output="nodes"} 0.0',
    ):
        assert sample in metrics
    process.send_signal(signal.SIGTERM)
    _, rest = await process.communicate()
    assert process.returncode == 0, rest.decode()
    assert b"Traceback" not in rest


async def test_an_output_that_cannot_be_had_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    webhook = {
        "url": "https://127.0.0.1:1/",
        "secret": "whsec_" + "c2VjcmV0" * 4,
        "allow_private": True,
        "ca_file": str(tmp_path / "ca.pem"),
    }
    remediation = {"services": ["ingest"], "outputs": {"webhook": webhook}}
    told = await fails(config(tmp_path, remediation=remediation))
    assert told.startswith("coalmine aggregator: remediation.outputs: ")
    assert "ca.pem" in told
