"""The command itself: what cannot be had is one line and exit code 2; a stop is clean."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.servers.ports import free_port


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
