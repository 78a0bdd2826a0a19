"""Every configuration that a deployment brings along is one that its program takes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import trustme

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
CONFIGS = sorted(
    path
    for folder in ("compose", "kubernetes")
    for path in (DEPLOY / folder).rglob("*.yaml")
    if path.stem in ("agent", "aggregator", "status-page")
)
MOUNTS = ("/etc/coalmine/secrets", "/etc/coalmine/tls", "/run/secrets")
SECRETS = ("mqtt-password", "token", "people-token", "prometheus-token", "api-key")
ENV = {
    "COALMINE_HOST": "compose",
    "COALMINE_STORE_PASSWORD": "store-password",
    "COALMINE_STATUS_PASSWORD": "status-password",
    "NODE": "ip-10-0-0-7.ec2.internal",
    "NODE_ADDRESS": "10.0.0.7",
    "POD": "coalmine-external-0",
    "REGION": "eu-west-1",
    "ZONE": "eu-west-1a",
}


@pytest.fixture(scope="module")
def mounted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all that any of them names."""
    folder = tmp_path_factory.mktemp("mounted")
    authority = trustme.CA()
    certificate = authority.issue_cert("coalmine.example")
    for name in ("ca", "ca.crt"):
        authority.cert_pem.write_to_path(folder / name)
    for name in ("certificate", "tls.crt"):
        certificate.cert_chain_pems[0].write_to_path(folder / name)
    for name in ("private-key", "tls.key"):
        certificate.private_key_pem.write_to_path(folder / name)
    for name in SECRETS:
        (folder / name).write_text(f"{name}-0123456789abcdef\n")
    return folder


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: str(path.relative_to(DEPLOY)))
def test_its_program_takes_it(path: Path, mounted: Path, tmp_path: Path) -> None:
    text = path.read_text()
    for mount in MOUNTS:
        text = text.replace(f"{mount}/", f"{mounted}/")
    copy = tmp_path / path.name
    copy.write_text(text)
    command = [sys.executable, "-m", "coalmine_cli.main", path.stem, "check", str(copy)]
    done = subprocess.run(
        command, env={**os.environ, **ENV}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert ": fine" in done.stdout


def test_they_are_all_there() -> None:
    assert len(CONFIGS) == 8


def test_the_aggregator_of_an_overlay_differs_in_its_store_alone() -> None:
    kubernetes = DEPLOY / "kubernetes"
    base = (kubernetes / "aggregator" / "aggregator.yaml").read_text().splitlines()
    other = (kubernetes / "overlays" / "postgresql" / "aggregator.yaml").read_text().splitlines()
    differ = [(one, two) for one, two in zip(base, other, strict=True) if one != two]
    assert [line.partition(":")[0] for pair in differ for line in pair] == ["store", "store"]
