"""The steps that the install script calls, as it calls them."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from coalmine_install.__main__ import steps
from coalmine_install.refusal import Code, RefusalError

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


@pytest.mark.parametrize("said", ["host", "=x", "host=", "host=a\nb", "host=\x1b"])
def test_what_is_no_value_is_refused(host: Host, said: str) -> None:
    error = host.write(*SAID, said).exception
    assert isinstance(error, RefusalError)
    assert error.code is Code.CONFIG
    assert "expected key=value" in str(error)
    assert not host.new.exists()
