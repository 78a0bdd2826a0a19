"""Where commands by hand find an installation's files."""

from __future__ import annotations

from pathlib import Path

from coalmine_cli.config_file import environment
from coalmine_cli.remediation_stop import configured


def test_outside_of_a_unit_credentials_are_read_where_units_get_them(tmp_path: Path) -> None:
    found = environment({"HOME": "/root"}, tmp_path)
    assert found == {"HOME": "/root", "CREDENTIALS_DIRECTORY": str(tmp_path)}
    within = {"CREDENTIALS_DIRECTORY": "/run/credentials/coalmine-agent.service"}
    assert environment(within, tmp_path) == within
    assert environment({}, tmp_path / "none") == {}


def test_an_aggregators_host_knows_its_configuration(tmp_path: Path) -> None:
    installed, named = tmp_path / "aggregator.yaml", tmp_path / "other.yaml"
    assert configured(None, installed) is None
    installed.touch()
    assert configured(None, installed) == installed
    assert configured(named, installed) == named
