"""The Compose file as Compose reads it; its broker and its secrets as they run without containers."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from coalmine_aggregator.demo.ports import free_port
from coalmine_runtime.version import VERSION
from tests.deploy.tools import tool
from tests.servers.process import Process, executable
from tests.servers.waiting import until

COMPOSE = Path(__file__).resolve().parents[2] / "deploy" / "compose"
OURS = ("aggregator", "agent", "status-page")


def rendered(folder: Path) -> dict[str, Any]:
    done = subprocess.run(
        [tool("docker-compose"), "--profile", "prometheus", "config", "--format", "json"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the folder in which secrets have been made."""
    copy = tmp_path_factory.mktemp("deploy") / "compose"
    shutil.copytree(COMPOSE, copy, ignore=shutil.ignore_patterns("secrets"))
    subprocess.run([copy / "secrets.sh", "coalmine.example"], check=True, timeout=60)
    return copy


@pytest.mark.prove
def test_compose_takes_it() -> None:
    services = rendered(COMPOSE)["services"]
    assert set(services) == {*OURS, "mosquitto", "prometheus"}
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert not {"privileged", "network_mode", "cap_add"} & set(service)
    for name in OURS:
        assert services[name]["image"] == f"coalmine:{VERSION}"
        assert services[name]["build"]["args"] == {"VERSION": VERSION}
        assert services[name]["command"] == [name, "run", f"/etc/coalmine/{name}.yaml"]


@pytest.mark.prove
def test_a_mistake_is_found(tmp_path: Path) -> None:
    text = (COMPOSE / "compose.yaml").read_text().replace("read_only: true", "read_onyl: true", 1)
    (tmp_path / "compose.yaml").write_text(text)
    with pytest.raises(AssertionError, match="read_onyl"):
        rendered(tmp_path)


def test_what_a_configuration_names_is_mounted() -> None:
    compose = yaml.safe_load((COMPOSE / "compose.yaml").read_text())
    for name, service in compose["services"].items():
        texts = [COMPOSE / compose["configs"][each["source"]]["file"] for each in service["configs"]]
        assert all(path.is_file() for path in texts), name
        named = {
            secret
            for text in [*(path.read_text() for path in texts), str(service.get("entrypoint", ""))]
            for secret in re.findall(r"/run/secrets/([\w-]+)", text)
        }
        assert named == set(service.get("secrets", [])), name


def test_secrets_are_made_once_and_for_one_owner(made: Path) -> None:
    secrets = yaml.safe_load((made / "compose.yaml").read_text())["secrets"]
    paths = [made / each["file"] for each in secrets.values()]
    before = [path.read_bytes() for path in paths]
    subprocess.run([made / "secrets.sh", "coalmine.example"], check=True, timeout=60)
    assert [path.read_bytes() for path in paths] == before
    assert stat.S_IMODE((made / "secrets").stat().st_mode) == 0o700
    assert stat.S_IMODE((made / "secrets" / "ca.key").stat().st_mode) == 0o600
    verified = [
        "openssl",
        "verify",
        "-CAfile",
        "ca.pem",
        "-verify_hostname",
        "coalmine.example",
        "coalmine.pem",
    ]
    subprocess.run(verified, cwd=made / "secrets", check=True, capture_output=True, timeout=60)
    assert "secrets" in (made / ".gitignore").read_text()


async def retire(made: Path, folder: Path, port: int, password: Path) -> tuple[int, str]:
    """Tells the broker what an agent of the shipped configuration would."""
    text = (made / "agent.yaml").read_text().replace("mosquitto:8883", f"localhost:{port}")
    text = text.replace("/run/secrets/ca", str(made / "secrets" / "ca.pem"))
    (folder / "agent.yaml").write_text(text.replace("/run/secrets/mqtt-password", str(password)))
    command = [sys.executable, "-m", "coalmine_cli.main", "agent", "retire", str(folder / "agent.yaml")]
    done = await asyncio.to_thread(
        subprocess.run,
        command,
        env={**os.environ, "COALMINE_HOST": "compose"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr


async def test_the_broker_lets_agents_in_with_their_password_alone(made: Path, tmp_path: Path) -> None:
    """Mosquitto, started as its container starts it, with its paths elsewhere and a port of its own."""
    compose = yaml.safe_load((made / "compose.yaml").read_text())
    files = {name: made / each["file"] for name, each in compose["secrets"].items()}
    port = free_port()
    folder = tmp_path / "mosquitto"
    folder.mkdir()

    def placed(text: str) -> str:
        for name, path in files.items():
            text = text.replace(f"/run/secrets/{name}", str(path))
        text = text.replace("/mosquitto/data/", f"{folder}/").replace("/run/mosquitto", str(folder))
        return text.replace("/mosquitto/config/mosquitto.conf", str(folder / "mosquitto.conf"))

    config = placed((made / "mosquitto.conf").read_text())
    config = config.replace("listener 8883", f"listener {port} 127.0.0.1")
    # Our own user, who made the files; ignored where that is not root.
    (folder / "mosquitto.conf").write_text(f"user root\n{config}")
    shell, options, script = compose["services"]["mosquitto"]["entrypoint"]
    script = placed(script.replace("$$", "$")).replace(
        "exec mosquitto", f"exec {executable('mosquitto', 'mosquitto')}"
    )
    process = Process([shell, options, script], log=folder / "log")
    wrong = tmp_path / "wrong"
    wrong.write_text("wrong\n")
    await process.start()
    try:
        await until(
            lambda: _listens(port), deadline_s=15, what="it listens", explain=(folder / "log").read_text
        )
        status, said = await retire(made, tmp_path, port, files["mqtt-password"])
        assert (status, said.strip().endswith("is retired")) == (0, True), said
        status, said = await retire(made, tmp_path, port, wrong)
        assert status == 2
        assert "ot authori" in said
        assert "wrong" not in (folder / "passwords").read_text()
        assert stat.S_IMODE((folder / "passwords").stat().st_mode) == 0o600
    finally:
        await process.stop()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


def test_prometheus_takes_its_configuration(made: Path, tmp_path: Path) -> None:
    compose = yaml.safe_load((made / "compose.yaml").read_text())
    text = (made / "prometheus.yaml").read_text()
    for name, each in compose["secrets"].items():
        text = text.replace(f"/run/secrets/{name}", str(made / each["file"]))
    (tmp_path / "prometheus.yml").write_text(text)
    for each in compose["services"]["prometheus"]["configs"][1:]:
        shutil.copy(COMPOSE / compose["configs"][each["source"]]["file"], tmp_path)
    said = subprocess.run(
        [executable("promtool", "prometheus"), "check", "config", str(tmp_path / "prometheus.yml")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert said.returncode == 0, said.stdout + said.stderr
    assert "2 rule files found" in said.stdout
    (job,) = yaml.safe_load(text)["scrape_configs"]
    host = job["static_configs"][0]["targets"][0].partition(":")[0]
    assert host == job["tls_config"]["server_name"]
    assert host in yaml.safe_load((made / "aggregator.yaml").read_text())["web"]["hosts"]
