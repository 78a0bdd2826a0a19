"""`coalmine remediation shadow`: what is asked for, and exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from coalmine_aggregator.replay.history import open_existing
from coalmine_aggregator.store import schema
from coalmine_cli.main import main

OPTED_IN = "remediation: {services: [ingest]}\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration whose store is there, and empty."""
    path = tmp_path / "aggregator.yaml"
    store = tmp_path / "coalmine.db"
    store.touch()
    engine = open_existing(f"sqlite:///{store}")
    schema.metadata.create_all(engine)
    engine.dispose()
    path.write_text(
        f"services: {{ingest: {{}}}}\nreceive: {{tcp: 127.0.0.1:0}}\nstore: sqlite:///{store}\n"
    )
    return path


def shadow(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["remediation", "shadow", *map(str, arguments)])


def test_a_store_without_anything_says_so(config: Path) -> None:
    config.write_text(config.read_text() + OPTED_IN)
    done = shadow("--config", config, "--from", "2026-11-01", "--to", "2026-11-02")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith(
        "ingest, 2026-11-01T00:00:00Z to 2026-11-02T00:00:00Z: 1 d, of which 0%"
    )
    assert done.stdout.endswith("Nothing was recorded: nothing can be said.\n")


def test_the_last_thirty_days_unless_told_otherwise(config: Path) -> None:
    assert ": 30 d, of which" in shadow("--config", config, "--service", "ingest").stdout
    assert ": 2 h, of which" in shadow("--config", config, "--service", "ingest", "--last", "2h").stdout


def test_nobody_opted_in(config: Path) -> None:
    done = shadow("--config", config)
    assert done.exit_code == 2
    assert done.stderr == "no service has opted in to remediation: name one to ask for it\n"
    done = shadow("--config", config, "--service", "ingets")
    assert done.exit_code == 2
    assert '"ingets" is no service of the configuration (known: ingest)' in done.stderr


def test_what_cannot_be_used(config: Path, tmp_path: Path) -> None:
    done = shadow("--config", config, "--service", "ingest", "--store", f"sqlite:///{tmp_path}/no.db")
    assert done.exit_code == 2
    assert "there is no" in done.stderr
    config.write_text("services: 3\n")
    assert shadow("--config", config).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--last", "month"], "Invalid value for --last"),
        (["--last", "0"], "Invalid value for --last"),
        (["--to", "2026-11-01"], "--to goes with --from."),
        (["--from", "2026-11-01", "--last", "3d"], "Give --last or --from, not both."),
        (["--from", "yesterday"], "Invalid value for --from"),
        (["--from", "2026-11-02", "--to", "2026-11-01"], "is not after 2026-11-02"),
    ],
)
def test_a_time_that_is_none(config: Path, arguments: list[str], said: str) -> None:
    done = shadow("--config", config, *arguments)
    assert done.exit_code == 2
    assert said in done.stderr
