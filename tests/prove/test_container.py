"""The image, built from its Containerfile and run as a cluster would: no root, nothing to write to."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from coalmine_runtime.version import VERSION
from release.source import export
from tests.prove.containers import BASE, Podman, podman
from tests.servers.waiting import until

pytestmark = [pytest.mark.prove, pytest.mark.timeout(900)]

IMAGE = f"localhost/coalmine:{VERSION}"
CONTAINERFILE = "deploy/container/Containerfile"
USER = "65532"
AGENT_RSS_MIB = 40.0
PROGRAMS = ("aggregator", "agent", "status-page")

CONFIGS = {
    "aggregator": """
services:
  ingest: {acceptable_loss: 0.1%}
receive: {tcp: 127.0.0.1:2003, udp: 127.0.0.1:2003}
store: sqlite:////var/lib/coalmine/history.db
""",
    "agent": """
agent: {location: on-machine, region: eu-west-1, zone: eu-west-1a, host: first}
broker: {url: "mqtt://127.0.0.1:1883"}
services:
  ingest: {tcp: 127.0.0.1:2003, udp: 127.0.0.1:2003}
metrics: 127.0.0.1:9105
""",
    "status-page": """
store: sqlite:////var/lib/coalmine/history.db
page: {name: Example}
components:
  - {id: ingest, name: Ingestion, service: ingest}
""",
}
HEALTH = {
    "aggregator": "http://127.0.0.1:8080/readyz",
    "agent": "http://127.0.0.1:9105/health",
    "status-page": "http://127.0.0.1:8081/healthz",
}
READ = """
import sys, urllib.request
print(urllib.request.urlopen(sys.argv[1], timeout=10).read().decode())
"""


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources of what is committed."""
    return export(tmp_path_factory.mktemp("sources") / "source").root


@pytest.fixture(scope="module")
def image(context: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Podman]:
    """The image of them."""
    folder = tmp_path_factory.mktemp("containers")
    with podman(folder) as made:
        made.import_base(folder)
        began = time.perf_counter()
        made.build(context, CONTAINERFILE, IMAGE, BASE=BASE, VERSION=VERSION)
        print(f"built in {time.perf_counter() - began:.0f} s")
        yield made


@pytest.fixture(scope="module")
def running(image: Podman, tmp_path_factory: pytest.TempPathFactory) -> Podman:
    """All three, in one network that has loopback alone. The status page may only read the store."""
    configs = tmp_path_factory.mktemp("configs")
    configs.chmod(0o755)  # nobody special reads it
    for name in PROGRAMS:
        (configs / f"{name}.yaml").write_text(CONFIGS[name])
        shared = [] if name == "aggregator" else ["--network=container:aggregator"]
        volume = {"agent": [], "status-page": ["--volume=store:/var/lib/coalmine:ro"]}
        options = [
            f"--volume={configs}:/etc/coalmine:ro",
            *shared,
            *volume.get(name, ["--volume=store:/var/lib/coalmine"]),
        ]
        image.start(name, IMAGE, name, "run", f"/etc/coalmine/{name}.yaml", options=options)
    return image


def healthy(image: Podman, name: str) -> bool:
    return (
        image.call("exec", name, "sh", "-c", f"healthy {HEALTH[name]} && echo yes", check=False)
        == "yes\n"
    )


def read(image: Podman, path: str) -> Any:
    return json.loads(
        image.call("exec", "aggregator", "python3", "-c", READ, f"http://127.0.0.1:8080{path}")
    )


def process_status(image: Podman, name: str) -> dict[str, str]:
    lines = Path(f"/proc/{image.pid(name)}/status").read_text().splitlines()
    return {key: value.strip() for key, value in (line.split(":", 1) for line in lines)}


def test_it_is_the_command_and_says_its_version(image: Podman) -> None:
    assert image.run(IMAGE, "--version") == f"coalmine, version {VERSION}\n"
    assert image.run(IMAGE).startswith("Usage: coalmine ")
    labels = json.loads(image.call("inspect", "--format={{json .Labels}}", IMAGE))
    assert labels["org.opencontainers.image.version"] == VERSION
    size_mib = int(image.run(IMAGE, "-sm", "/opt/coalmine", options=["--entrypoint=du"]).split()[0])
    print(f"/opt/coalmine has {size_mib} MiB")


def test_another_version_than_it_is_called_is_not_built(image: Podman, context: Path) -> None:
    with pytest.raises(AssertionError, match="exit status 1"):
        image.build(context, CONTAINERFILE, "localhost/other", BASE=BASE, VERSION="9.9.9")


def wait(condition: Callable[[], bool], what: str) -> None:
    """AssertionError where it does not come true within a minute."""

    async def asked() -> bool:
        return await asyncio.to_thread(condition)

    asyncio.run(until(asked, deadline_s=60, what=what))


def test_a_datapoint_each_second_is_delivered(running: Podman) -> None:
    for name in PROGRAMS:
        wait(partial(healthy, running, name), f"{name} is healthy")

    def delivered() -> bool:
        groups = read(running, "/api/v1/rates")["groups"]
        pairs = [
            pair for group in groups for pair in zip(group["expected"], group["received"], strict=True)
        ]
        return len(pairs) >= 3 and pairs[-3:] == [(2, 2)] * 3

    wait(delivered, "two datapoints in each of three seconds")


def test_they_are_nobody_and_may_nothing(running: Podman) -> None:
    for name in PROGRAMS:
        status = process_status(running, name)
        assert status["Uid"].split() == [USER] * 4
        assert {status[key] for key in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
        assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
        print(f"{name}: {int(status['VmRSS'].split()[0]) / 1024:.1f} MiB")
        for path in ("/opt/coalmine/x", "/etc/coalmine/x", "/x"):
            assert (
                running.call("exec", name, "sh", "-c", f"touch {path} || echo no", check=False)
                == "no\n"
            )
    assert int(process_status(running, "agent")["VmRSS"].split()[0]) / 1024 <= AGENT_RSS_MIB


def test_the_health_check_says_no_where_nobody_answers(running: Podman) -> None:
    for words in ("http://127.0.0.1:9", "https://127.0.0.1:8080/healthz", "nonsense", ""):
        said = running.call(
            "exec", "aggregator", "sh", "-c", f"healthy {words} || echo $?", check=False
        )
        assert said in ("1\n", "2\n"), words


def test_they_end_when_they_are_told(running: Podman) -> None:
    for name, limit_s in (("status-page", 5.0), ("agent", 5.0), ("aggregator", 15.0)):
        began = time.perf_counter()
        assert running.stop(name) == 0
        took_s = time.perf_counter() - began
        print(f"{name} stopped in {took_s:.1f} s")
        assert took_s <= limit_s
