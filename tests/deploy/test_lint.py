"""What is shipped for containers and Ansible is clean by the linters of both."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.deploy.tools import tool

pytestmark = pytest.mark.prove

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
CONTAINERFILE = DEPLOY / "container" / "Containerfile"


def said(*words: str | Path, folder: Path = DEPLOY) -> tuple[int, str]:
    found = [str(Path(tool(str(words[0]))).parent), os.environ.get("PATH", "")]
    done = subprocess.run(
        [tool(str(words[0])), *map(str, words[1:])],
        cwd=folder,
        env={**os.environ, "PATH": os.pathsep.join(found), "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_hadolint_finds_nothing(tmp_path: Path) -> None:
    assert said("hadolint", CONTAINERFILE) == (0, "")
    wrong = tmp_path / "Containerfile"
    wrong.write_text(CONTAINERFILE.read_text() + "USER root\n")
    assert "DL3002" in said("hadolint", wrong)[1]


def test_ansible_lint_finds_nothing(tmp_path: Path) -> None:
    copy = tmp_path / "ansible"  # it leaves a folder where it runs
    shutil.copytree(DEPLOY / "ansible", copy)
    status, text = said("ansible-lint", "--nocolor", folder=copy)
    assert status == 0, text
    assert "Passed: 0 failure(s), 0 warning(s)" in text
    assert "Profile 'production' was required, and it passed" in text
    tasks = copy / "roles" / "coalmine" / "tasks" / "clean.yml"
    tasks.write_text(tasks.read_text() + "\n- ansible.builtin.command: rm -rf /tmp/x\n")
    status, text = said("ansible-lint", "--nocolor", folder=copy)
    assert status != 0
    assert "no-changed-when" in text


def test_every_variable_is_told() -> None:
    role = DEPLOY / "ansible" / "roles" / "coalmine"
    defaults = yaml.safe_load((role / "defaults" / "main.yml").read_text())
    options = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text())
    options = options["argument_specs"]["main"]["options"]
    required = {name for name, option in options.items() if option.get("required")}
    assert set(options) == set(defaults) | required
    page = (DEPLOY.parent / "docs" / "ansible.md").read_text()
    assert [name for name in options if f"`{name}`" not in page] == []
