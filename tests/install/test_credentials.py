"""What a service will find once it starts anew."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from coalmine_install.credentials import VARIABLE, as_started
from tests.servers.process import executable


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A folder with those of a host, and of a service that runs."""
    for name in ("etc/credstore", "etc/credstore.encrypted", "run/credentials/agent"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


def started(host: Path, env: dict[str, str]) -> dict[str, str]:
    with as_started(env, host) as found:
        folder = Path(found[VARIABLE])
        assert folder.parent == host / "run"
        assert folder.stat().st_mode & 0o77 == 0
        secrets = {each.name: each.read_text() for each in folder.iterdir()}
    assert not folder.exists()
    return secrets


def test_what_was_put_there_since_it_started_counts(host: Path) -> None:
    store, running = host / "etc/credstore", host / "run/credentials/agent"
    (running / "coalmine.mqtt-password").write_text("old")
    (running / "of-a-drop-in").write_text("kept")
    (store / "coalmine.mqtt-password").write_text("new")
    (store / "coalmine.api-key").write_text("added")
    assert started(host, {VARIABLE: str(running)}) == {
        "coalmine.mqtt-password": "new",
        "coalmine.api-key": "added",
        "of-a-drop-in": "kept",
    }
    assert (running / "coalmine.mqtt-password").read_text() == "old"


def test_of_one_that_does_not_run_what_lies_there_counts(host: Path) -> None:
    (host / "etc/credstore/coalmine.mqtt-password").write_text("secret")
    found = started(host, {VARIABLE: str(host / "etc/credstore")})
    assert found == {"coalmine.mqtt-password": "secret"}


def test_what_is_encrypted_for_the_host_is_found(host: Path) -> None:
    sealed = host / "etc/credstore.encrypted" / "coalmine.mqtt-password"
    program = executable("systemd-creds", "systemd")
    subprocess.run(
        [program, "encrypt", "--with-key=auto-initrd", f"--name={sealed.name}", "-", sealed],
        input=b"secret",
        capture_output=True,
        check=True,
    )
    (host / "etc/credstore.encrypted" / "coalmine.api-key").write_text("of another host")
    assert started(host, {}) == {"coalmine.mqtt-password": "secret"}
