"""`coalmine remediation watch` and `file-sd`: what they take, and what they say of the rest."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coalmine_aggregator.actuate.etcd.keys import TargetKey, target_key
from coalmine_aggregator.actuate.etcd.metrics_target import MetricsTarget, encode
from coalmine_aggregator.actuate.etcd.record import encode as encode_record
from coalmine_aggregator.actuate.etcd.record import record_of
from coalmine_aggregator.demo.ports import free_port
from tests.aggregator.actuate.words import withdrawal
from tests.cli.running import run
from tests.servers.etcd import Etcd, User
from tests.servers.process import Process


@pytest.fixture
async def etcd(tmp_path: Path) -> AsyncIterator[Etcd]:
    """One member on loopback."""
    server = Etcd(tmp_path / "etcd")
    try:
        await server.start()
        yield server
    finally:
        await server.kill()


def watching(folder: Path, *words: str) -> Process:
    argv = [sys.executable, "-m", "coalmine_cli.main", "remediation", "watch", "--service", "ingest"]
    return Process([*argv, *words], log=folder / "watch.log")


async def put(etcd: Etcd, node: str, token: str = "") -> None:
    value = encode_record(record_of(withdrawal(node), "agg-a", 20.0))
    assert "error" not in await etcd.put(f"coalmine/withdrawn/ingest/{node}", value, token)


async def test_lines_for_whoever_reads_them(etcd: Etcd, tmp_path: Path) -> None:
    await put(etcd, "web-1")
    watcher = watching(tmp_path, "--etcd", etcd.url)
    await watcher.start()
    line = json.loads(await watcher.until_logged(r'\{"service".*'))
    assert [each["node"] for each in line["withdrawn"]] == ["web-1"]
    assert await watcher.stop(signal.SIGTERM) == 0


async def test_a_file_and_a_password(etcd: Etcd, tmp_path: Path) -> None:
    await etcd.close_to_others([User("watcher", "staple", ("READ", "coalmine/withdrawn/"))])
    password, path = tmp_path / "password", tmp_path / "out.json"
    password.write_text("staple\n")
    who = ("--username", "watcher", "--password-file", str(password))
    watcher = watching(tmp_path, "--etcd", etcd.url, *who, "--file", str(path))
    await watcher.start()
    await watcher.until_true(path.exists, "the file is there")
    assert json.loads(path.read_text())["withdrawn"] == []
    await put(etcd, "web-1", await etcd.token("root", "root"))
    await watcher.until_true(lambda: "web-1" in path.read_text(), "web-1 is in it")
    await watcher.kill()


async def test_a_command_with_arguments(etcd: Etcd, tmp_path: Path) -> None:
    path = tmp_path / "o u t.json"
    await put(etcd, "web-1")
    watcher = watching(tmp_path, "--etcd", etcd.url, "--exec", f"/usr/bin/tee '{path}'")
    await watcher.start()
    await watcher.until_true(lambda: path.exists() and "web-1" in path.read_text(), "it has run")
    await watcher.kill()


async def test_a_file_of_targets_once(etcd: Etcd, tmp_path: Path) -> None:
    path = tmp_path / "targets.json"
    words = ("remediation", "file-sd", "--etcd", etcd.url, "--out", str(path), "--once")
    nobody = await run(*words)
    assert (nobody.code, path.exists()) == (1, False)
    assert f"{path} stays as it is: no aggregator says" in nobody.err
    key = target_key("coalmine", TargetKey("aggregator", "agg-a", "agg-a")).decode()
    await etcd.put(key, encode(MetricsTarget("agg-a.example:9464")))
    done = await run(*words)
    assert (done.code, done.out) == (0, f"{path}: 1 target\n")
    assert json.loads(path.read_text())[0]["targets"] == ["agg-a.example:9464"]
    await etcd.kill()
    gone = await run(*words)
    assert gone.code == 1
    assert "Cannot connect" in gone.err
    assert path.exists()


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["watch", "--service", "ingest"], "Missing option '--etcd'"),
        (
            ["watch", "--service", "ingest", "--etcd", "http://10.0.0.1"],
            "is unencrypted",
        ),
        (["watch", "--service", "ingest", "--etcd", "x"], "--etcd: expected a URL"),
        (["watch", "--service", "In gest", "--etcd", "http://[::1]"], "'In gest' is no service"),
        (
            ["watch", "--service", "a", "--etcd", "http://[::1]", "--username", "me"],
            "--password: username and password go together",
        ),
        (
            ["watch", "--service", "a", "--etcd", "http://[::1]", "--password-file", "/nowhere"],
            "--password-file: /nowhere: No such file",
        ),
        (
            ["watch", "--service", "a", "--etcd", "http://[::1]", "--prefix", "/"],
            "--prefix: expected",
        ),
        (["watch", "--service", "a", "--etcd", "http://[::1]", "--exec", "tee x"], "absolute path"),
        (["watch", "--service", "a", "--etcd", "http://[::1]", "--exec", "/bin/tee '"], "quotation"),
        (
            ["watch", "--service", "a", "--etcd", "http://[::1]", "--exec", "/bin/x", "--file", "x"],
            "--file and --exec exclude each other",
        ),
        (["file-sd", "--etcd", "http://[::1]"], "Missing option '--out'"),
    ],
)
async def test_what_is_wrong_is_told_and_nothing_is_done(words: list[str], what: str) -> None:
    done = await run("remediation", *words)
    assert (done.code, done.out) == (2, "")
    assert what in done.err


async def test_without_etcd_it_says_so_and_goes_on(tmp_path: Path) -> None:
    watcher = watching(tmp_path, "--etcd", f"http://127.0.0.1:{free_port()}")
    await watcher.start()
    await watcher.until_logged("etcd.watcher.lost")
    line = json.loads(await watcher.until_logged(r'\{"service".*'))
    assert line["withdrawn"] == []
    assert await watcher.stop(signal.SIGTERM) == 0
