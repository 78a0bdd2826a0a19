"""The command: what each subcommand imports, and what a missing extra says."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from coalmine_cli.main import main
from coalmine_runtime.version import VERSION

HEAVY = {"aiohttp", "amqtt", "numpy", "sqlalchemy", "prometheus_client", "rich", "jinja2"}


def modules_after(code: str) -> set[str]:
    program = f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=30
    )
    return set(json.loads(done.stdout))


def test_an_agent_never_loads_what_only_an_aggregator_needs() -> None:
    loaded = modules_after(
        "import coalmine_cli.main, coalmine_cli.agent, coalmine_agent.app, coalmine_agent.one_round"
    )
    assert not {name.partition(".")[0] for name in loaded} & (HEAVY | {"coalmine_aggregator"})


def test_an_agent_loads_only_what_its_configuration_uses() -> None:
    loaded = modules_after("import coalmine_cli.agent, coalmine_agent.app")
    assert not loaded & {"aiodns", "pycares", "h11", "statsd", "importlib.metadata"}


def test_help_imports_no_subcommand() -> None:
    loaded = modules_after(
        "from click.testing import CliRunner\n"
        "from coalmine_cli.main import main\n"
        "assert CliRunner().invoke(main, ['--help']).exit_code == 0"
    )
    assert not loaded & {
        "coalmine_cli.agent",
        "coalmine_cli.aggregator",
        "coalmine_cli.demo",
        "asyncio",
    }


def test_the_version_is_that_of_the_distribution() -> None:
    assert importlib.metadata.version("coalmine") == VERSION
    assert VERSION in CliRunner().invoke(main, ["--version"]).output


def test_an_unknown_subcommand_is_told() -> None:
    result = CliRunner().invoke(main, ["agnt"])
    assert result.exit_code == 2
    assert "agnt" in result.output


@pytest.mark.parametrize(
    ("missing", "words"),
    [("aiohttp", ["aggregator", "run", "aggregator.yaml"]), ("rich", ["demo"]), ("rich", ["top"])],
)
def test_without_the_extra_a_command_says_what_it_needs(
    tmp_path: Path, missing: str, words: list[str]
) -> None:
    (tmp_path / "aggregator.yaml").write_text(
        "services: {ingest: {}}\nreceive: {tcp: '127.0.0.1:2003'}\n"
    )
    program = f"import sys; sys.modules[{missing!r}] = None; from coalmine_cli.main import main; main()"
    argv = [sys.executable, "-c", program, *words]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert done.stderr == (
        f"Error: {missing} is not installed; this command needs coalmine with its extra [aggregator]\n"
    )


def test_check_looks_into_the_status_page_s_file_too(tmp_path: Path) -> None:
    config, page = tmp_path / "aggregator.yaml", tmp_path / "status-page.yaml"
    config.write_text(
        "services: {ingest: {}}\n"
        "receive: {tcp: 127.0.0.1:2003}\n"
        "incidents: {status_page: status-page.yaml}\n"
    )
    page.write_text("page: {name: Example}\ncomponents:\n  - {id: udp, name: UDP}\n")
    result = CliRunner().invoke(main, ["aggregator", "check", str(config)])
    assert result.exit_code == 2
    assert f"{page}:3: components[0].service: is missing" in result.stderr
    page.write_text("components:\n  - {id: udp, name: UDP, service: ingest}\n")
    result = CliRunner().invoke(main, ["aggregator", "check", str(config)])
    assert result.exit_code == 0, result.stderr
    page.unlink()
    result = CliRunner().invoke(main, ["aggregator", "check", str(config)])
    assert result.exit_code == 2
    assert str(page) in result.stderr
