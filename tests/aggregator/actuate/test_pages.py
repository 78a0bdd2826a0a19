"""What the operators' pages show is what loads."""

from __future__ import annotations

import base64
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest

from coalmine_aggregator.actuate.command.settings import CommandSettings
from coalmine_aggregator.actuate.consul.settings import ConsulCheckSettings, ConsulSettings
from coalmine_aggregator.actuate.kubernetes.settings import KubernetesSettings
from coalmine_aggregator.actuate.webhook.settings import StateWebhookSettings
from coalmine_runtime.settings import loads
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
