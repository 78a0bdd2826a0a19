"""The install script as a text, and how it is called. What it does is proved on a booted system."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from coalmine_install.refusal import Code
from tests.servers.process import executable

ROOT = Path(__file__).resolve().parents[2]
INSTALL = ROOT / "deploy" / "install"
SCRIPT = INSTALL / "install.sh"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(SCRIPT), *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def test_shellcheck_finds_nothing() -> None:
    program = executable("shellcheck", "shellcheck")
    done = subprocess.run(
        [program, "--external-sources", "--check-sourced", "deploy/install/install.sh"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("", "what shall be done?"),
        ("instal", '"instal" is none of install, upgrade, rollback, remove, status'),
        ("install", "install needs --role agent, aggregator or status-page"),
        ("install --role", "--role needs a value"),
        ("install --role broker", "--role broker: expected agent, aggregator or status-page"),
        ("install --role agent --template inside", "expected external, internal or on-machine"),
        ("install --role aggregator --template internal", "--template is for agents"),
        ("install --role agent --config x --set a=b", "--config stands for --template and --set"),
        ("install --role agent --secret mqtt-password", "expected a name and a file"),
        ("install --role agent --secret ../x=y", "expected a name and a file"),
        ("install --role agent --purge", 'install does not know "--purge"'),
        ("install --role agent --wait soon", "--wait takes whole seconds"),
        ("upgrade --role agent", 'upgrade does not know "--role"'),
        ("upgrade --from", "--from needs a value"),
        ("rollback --from x", 'rollback does not know "--from"'),
        ("remove agent", 'remove does not know "agent"'),
    ],
)
def test_a_wrong_call_is_told_in_a_line(arguments: str, said: str) -> None:
    done = run(*arguments.split())
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("install.sh: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_help_says_how_it_is_called() -> None:
    done = run("--help")
    assert (done.returncode, done.stderr) == (0, "")
    for option in (
        "--role",
        "--template",
        "--from",
        "--wheels",
        "--key",
        "--set",
        "--secret",
        "--purge",
    ):
        assert option in done.stdout
    assert "set -euo" not in done.stdout


def test_the_exit_codes_are_those_that_are_told() -> None:
    told = {int(number) for number in re.findall(r"(?:^|[;:] )(\d+) \w", codes_told(), re.MULTILINE)}
    used = {
        int(code)
        for part in INSTALL.glob("*.sh")
        for code in re.findall(r"fail (\d+)", part.read_text())
    }
    assert used | {int(code) for code in Code} | {0} == told


def codes_told() -> str:
    text = SCRIPT.read_text()
    start = text.index("# Exit codes: ")
    return text[start : text.index("set -euo")].replace("\n# ", " ").replace("# Exit codes", "")


def test_the_wheel_has_all_that_the_script_looks_for() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        shared = tomllib.load(file)["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
    assert all((ROOT / path).exists() for path in shared)
    parts = {path for path in shared if path.startswith("deploy/install/") and path.endswith(".sh")}
    assert parts == {f"deploy/install/{path.name}" for path in INSTALL.glob("*.sh")}
    assert shared["deploy/systemd"] == "share/coalmine/systemd"
    assert shared["deploy/install/templates"] == "share/coalmine/templates"


def test_it_lists_its_options_in_the_documentation() -> None:
    text = (ROOT / "docs" / "install.md").read_text()
    for option in set(
        re.findall(r"(?:install|upgrade|rollback|remove):(--[a-z-]+)", SCRIPT.read_text())
    ):
        assert f"`{option}" in text or f" {option}" in text, option
