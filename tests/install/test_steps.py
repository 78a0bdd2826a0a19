"""The steps that the install script calls, as it calls them."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from coalmine_install import __main__, credentials
from coalmine_install.__main__ import steps
from coalmine_install.credentials import VARIABLE, as_started
from coalmine_install.refusal import Code, RefusalError
from coalmine_runtime.config_error import ConfigError

TEMPLATES = Path(__file__).resolve().parents[2] / "deploy" / "install" / "templates"


class Host:
    """A folder with the files of a host."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.file, self.new = root / "agent.yaml", root / "new.yaml"

    def write(self, *said: str) -> Result:
        sets = [word for each in said for word in ("--set", each)]
        which = ["--template", "internal", "--templates", str(TEMPLATES), "--root", str(self.root)]
        return CliRunner().invoke(
            steps, ["write", *which, *sets, "--old", str(self.file), str(self.new)]
        )


@pytest.fixture
def host(tmp_path: Path) -> Host:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/machine-info").write_text("LOCATION=dublin/rack7\n")
    return Host(tmp_path)


SAID = ("broker=mqtt://127.0.0.1", "service=ingest", "target=carbon.example")


def test_a_configuration_is_written_once(host: Host) -> None:
    done = host.write(*SAID)
    assert done.exception is None
    assert "region dublin, zone rack7: by " in done.output
    host.new.rename(host.file)
    assert host.write(*reversed(SAID)).output == ""  # the same was said, in another order
    assert not host.new.exists()


def test_it_is_written_anew_where_something_else_is_said(host: Host) -> None:
    host.write(*SAID)
    host.new.rename(host.file)
    host.write(*SAID, "host=ingest07")
    assert "  host: ingest07\n" in host.new.read_text()


def test_what_was_edited_is_kept(host: Host) -> None:
    host.write(*SAID)
    host.file.write_text(host.new.read_text() + "# mine\n")
    host.new.unlink()
    assert "somebody edited it, so it is kept" in host.write(*SAID, "host=ingest07").output
    assert not host.new.exists()


def test_a_full_disk_is_told_in_a_sentence(host: Host) -> None:
    host.new = Path("/dev/full")
    done = host.write(*SAID)
    assert isinstance(done.exception, RefusalError)
    assert done.exception.code == Code.DISK
    assert str(done.exception) == "/dev/full cannot be written: No space left on device"


@pytest.mark.parametrize("said", ["host", "=x", "host=", "host=a\nb", "host=\x1b"])
def test_what_is_no_value_is_refused(host: Host, said: str) -> None:
    error = host.write(*SAID, said).exception
    assert isinstance(error, RefusalError)
    assert error.code is Code.CONFIG
    assert "expected key=value" in str(error)
    assert not host.new.exists()


AGENT = """
agent: {location: internal, region: dublin, zone: rack7}
broker: {url: "mqtts://127.0.0.1", password_file: "${CREDENTIALS_DIRECTORY}/coalmine.mqtt-password"}
services: {ingest: {tcp: "127.0.0.1:2003"}}
metrics: 127.0.0.1:0
"""


@pytest.mark.parametrize("step", ["check", "free"])
def test_a_secret_that_was_put_there_since_the_service_started_is_found(
    host: Host, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    for name in ("run/own", "etc/credstore"):
        (host.root / name).mkdir(parents=True)
    running = {**os.environ, VARIABLE: str(host.root / "run/own")}
    monkeypatch.setattr(__main__, "_env", lambda role: running)
    monkeypatch.setattr(credentials, "as_started", partial(as_started, root=host.root))
    host.file.write_text(AGENT)
    error = CliRunner().invoke(steps, [step, "agent", str(host.file)]).exception
    assert isinstance(error, RefusalError | ConfigError)
    assert "coalmine.mqtt-password: No such file" in str(error)

    (host.root / "etc/credstore/coalmine.mqtt-password").write_text("secret")
    assert CliRunner().invoke(steps, [step, "agent", str(host.file)]).exception is None
