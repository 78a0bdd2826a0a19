"""The command: what each subcommand imports, and what a missing extra says."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys

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
