"""What the operators' pages show is what loads."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import textwrap
from pathlib import Path
from typing import Any

import pytest

from coalmine_aggregator.actuate.command.settings import CommandSettings
from coalmine_aggregator.actuate.consul.settings import ConsulCheckSettings, ConsulSettings
from coalmine_aggregator.actuate.kubernetes.settings import KubernetesSettings
from coalmine_aggregator.actuate.state_document import cleared_document, state_document
from coalmine_aggregator.actuate.webhook.settings import StateWebhookSettings
from coalmine_runtime.settings import loads
from tests.aggregator.actuate.words import withdrawal, word, words
from tests.conftest import Authority

PAGES = Path(__file__).parents[3] / "docs" / "remediation"

KINDS: dict[str, type[Any]] = {
    "command": CommandSettings,
    "consul": ConsulSettings,
    "consul_check": ConsulCheckSettings,
    "kubernetes": KubernetesSettings,
    "webhook": StateWebhookSettings,
}

_BLOCK = re.compile(r"```yaml\noutputs:\n(.*?)```", re.DOTALL)


def examples() -> list[tuple[str, str]]:
    """Kind and section of each example of these pages."""
    found = []
    for page in ("command", "consul", "kubernetes", "webhook"):
        for block in _BLOCK.findall((PAGES / f"{page}.md").read_text()):
            kind, _, section = textwrap.dedent(block).partition(":")
            found.append((kind, textwrap.dedent(section).strip()))
    return found


def test_every_kind_has_an_example() -> None:
    assert {kind for kind, _ in examples()} == set(KINDS)


@pytest.mark.parametrize(("kind", "section"), examples())
def test_it_loads(kind: str, section: str, tmp_path: Path, authority: Authority) -> None:
    secret = "whsec_" + base64.b64encode(b"n" * 32).decode()
    for name in ("consul-token", "webhook", "kubernetes-token"):
        (tmp_path / name).write_text(secret)
    program = tmp_path / "apply"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    text = section.replace("/etc/coalmine/kubernetes-ca.pem", str(authority.ca_file))
    for folder in ("/etc/coalmine", "/usr/local/lib/coalmine"):
        text = text.replace(folder, str(tmp_path))
    if kind == "kubernetes" and "token_file" not in text:  # it is not in a cluster that this runs
        text += f"\ntoken_file: {tmp_path}/kubernetes-token\nca_file: {authority.ca_file}"
    assert isinstance(loads(KINDS[kind], text, {}), KINDS[kind])


def test_the_example_of_a_command_does_what_it_says(tmp_path: Path) -> None:
    (script,) = re.findall(r"```sh\n(#!.*?)```", (PAGES / "command.md").read_text(), re.DOTALL)
    nft = tmp_path / "nft"
    nft.write_text(f"#!/bin/sh\ncat > {tmp_path}/rules\n")
    nft.chmod(0o755)
    nasty = withdrawal("localhost", why='$(touch x) `touch x` "; touch x\n%s \\\\')
    said = state_document(words(word(nasty, nodes=("localhost", "web-1"))), "prod", 0.0)
    for given, expected in (
        (said, ["add element inet edge withdrawn { 127.0.0.1 timeout 20s }"]),
        (cleared_document("prod", 0.0), []),
    ):
        env = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
        argv = ["/bin/sh", "-c", script]
        subprocess.run(argv, input=given, env=env, cwd=tmp_path, check=True, timeout=30)
        rules = (tmp_path / "rules").read_text().splitlines()
        assert rules == ["flush set inet edge withdrawn", *expected]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["nft", "rules"]
